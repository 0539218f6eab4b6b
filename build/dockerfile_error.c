/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "build/dockerfile.h"

/* So that all of it fits into struct err, and into a terminal. */
#define NAME_SHOWN_MAX  100
#define TEXT_SHOWN_MAX  240
#define LINE_SHOWN_MAX  64
#define BEFORE_MARK_MAX 48 /* of the line, where it is cut */

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

struct dockerfile_place dockerfile_place_of(const struct dockerfile *f, size_t at)
{
	struct dockerfile_place p = { .line = 1, .column = 1 };
	const char *start = f->source, *end = f->source + (at < f->source_len ? at : f->source_len);

	for (const char *c = f->source; c < end; c++) {
		if (*c == '\n') {
			p.line++;
			start = c + 1;
		}
	}
	if (p.line == 1 && f->source_len >= 3 && memcmp(f->source, "\xef\xbb\xbf", 3) == 0 &&
	    end >= start + 3)
		start += 3; /* a byte order mark is no character that anyone sees */
	for (const char *c = start; c < end; c++)
		p.column += !is_continuation(*c);
	return p;
}

/* The part of a line that is shown, and the place of the mark in it. */
struct excerpt {
	char line[LINE_SHOWN_MAX + 1];
	char mark[LINE_SHOWN_MAX + 2];
};

/* Where the shown part begins: a whole character, not too far in front of the mark. */
static const char *excerpt_start(const struct dockerfile *f, const char *here)
{
	const char *from = here;

	while (from > f->source && from[-1] != '\n' && here - from < BEFORE_MARK_MAX)
		from--;
	while (from < here && is_continuation(*from))
		from++;
	return from;
}

/* Where it ends: the line's end, or the last whole character that fits. */
static const char *excerpt_end(const struct dockerfile *f, const char *from)
{
	size_t left = (size_t)(f->source + f->source_len - from);
	const char *newline = memchr(from, '\n', left), *end = newline ? newline : from + left;

	if (end > from && end[-1] == '\r')
		end--;
	if (end - from <= LINE_SHOWN_MAX)
		return end;
	end = from + LINE_SHOWN_MAX;
	while (end > from && is_continuation(*end))
		end--;
	return end;
}

static struct excerpt excerpt_of(const struct dockerfile *f, size_t at)
{
	struct excerpt x = { "", "" };
	const char *here = f->source + (at < f->source_len ? at : f->source_len);
	const char *from = excerpt_start(f, here), *end = excerpt_end(f, from);
	size_t n = 0, m = 0;

	for (const char *c = from; c < end; c++) {
		bool control = ((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f;

		if (c < here && !is_continuation(*c))
			x.mark[m++] = *c == '\t' ? '\t' : ' ';
		x.line[n++] = (char)(control ? '?' : *c);
	}
	x.mark[m] = '^';
	return x;
}

int dockerfile_error(const struct dockerfile *f, size_t at, int code, struct err *e, const char *fmt, ...)
{
	struct dockerfile_place p = dockerfile_place_of(f, at);
	struct excerpt x = excerpt_of(f, at);
	char text[TEXT_SHOWN_MAX + 1], number[16];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)snprintf(number, sizeof(number), "%4u", p.line); /* fits */
	return err_set(e, code, "%.*s:%u:%u: %s%s\n%s | %s\n%*s | %s", NAME_SHOWN_MAX, f->name, p.line,
		       p.column, text, n >= (int)sizeof(text) ? "..." : "", number, x.line,
		       (int)strlen(number), "", x.mark);
}
