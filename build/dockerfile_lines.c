/* SPDX-License-Identifier: Apache-2.0 */
/* The file's lines, and the longer ones that are made of them: a line whose last character is the escape character goes on in the next. */
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"

#define SEGMENTS_FIRST 16

void dockerfile_line_done(struct dockerfile_line *l)
{
	buf_done(&l->text);
	free(l->segments);
	*l = (struct dockerfile_line){ 0 };
}

int dockerfile_read_raw(struct dockerfile_reader *r, struct slice *ret, struct err *e)
{
	const char *start = r->f->source + r->pos;
	size_t left = r->f->source_len - r->pos;
	const char *newline = left ? memchr(start, '\n', left) : NULL;
	size_t len = newline ? (size_t)(newline - start) + 1 : left;

	*ret = (struct slice){ start, len };
	if (len == 0)
		return 0;
	if (len > DOCKERFILE_LINE_MAX_BYTES)
		return dockerfile_error(r->f, r->pos, -EFBIG, e,
					"dockerfile line greater than max allowed size of %d",
					DOCKERFILE_LINE_MAX_BYTES);
	if (r->line >= DOCKERFILE_LINES_MAX)
		return dockerfile_error(r->f, r->pos, -EFBIG, e, "more than %d lines", DOCKERFILE_LINES_MAX);
	r->pos += len;
	r->line++;
	return 0;
}

size_t dockerfile_line_at(const struct dockerfile_line *l, const char *p)
{
	size_t offset = (size_t)(p - l->text.data), low = 0, high = l->len;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (l->segments[middle].text <= offset)
			low = middle;
		else
			high = middle;
	}
	return l->len ? l->segments[low].file + (offset - l->segments[low].text) : 0;
}

static struct slice without_newline(struct slice s)
{
	while (s.len > 0 && (s.p[s.len - 1] == '\n' || s.p[s.len - 1] == '\r'))
		s.len--;
	return s;
}

static bool is_comment(struct slice s)
{
	s = trim_left(s);
	return s.len > 0 && *s.p == '#';
}

/* Cuts the escape character at the end off, and blanks behind it. An escaped one is no end: "foo \\". */
static bool cut_continuation(struct slice *s, char escape)
{
	size_t n = s->len;

	while (n > 0 && (s->p[n - 1] == ' ' || s->p[n - 1] == '\t'))
		n--;
	if (n == 0 || s->p[n - 1] != escape || (n > 1 && s->p[n - 2] == escape))
		return false;
	s->len = n - 1;
	return true;
}

static int out_of_memory(const struct dockerfile_reader *r, struct err *e)
{
	return err_code(e, -ENOMEM, "cannot read '%s'", r->f->name);
}

static int add_segment(struct dockerfile_reader *r, struct dockerfile_line *l, struct slice s, struct err *e)
{
	if (l->len == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : SEGMENTS_FIRST;
		void *grown = reallocarray(l->segments, cap, sizeof(*l->segments));

		if (!grown)
			return out_of_memory(r, e);
		l->segments = grown;
		l->cap = cap;
	}
	if (buf_add(&l->text, s.p, s.len) < 0)
		return out_of_memory(r, e);
	l->segments[l->len++] =
		(struct dockerfile_segment){ l->text.len - s.len, (size_t)(s.p - r->f->source) };
	return 0;
}

/* What follows a line that ends in an escape character: comments and empty lines do not end it. */
static int read_continuations(struct dockerfile_reader *r, struct dockerfile_line *l, struct err *e)
{
	bool more = true;

	while (more) {
		struct slice raw;
		int ret = dockerfile_read_raw(r, &raw, e);

		if (ret < 0 || raw.len == 0)
			return ret;
		if (is_comment(raw))
			continue;
		raw = without_newline(raw);
		if (trim_left(raw).len == 0) {
			l->empty_line = r->line;
			continue;
		}
		more = cut_continuation(&raw, r->f->directives.escape);
		ret = add_segment(r, l, raw, e);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Keeps the comment for the instruction that follows; one without text parts it from what stands above. */
static int keep_comment(struct dockerfile_reader *r, struct slice line, struct err *e)
{
	struct slice s = trim_space(slice_skip(line, 1));

	if (s.len == 0) {
		strvec_done(&r->comments);
		return 0;
	}
	return strvec_addf(&r->comments, "%.*s", (int)s.len, s.p) < 0 ? out_of_memory(r, e) : 0;
}

static int read_comment(struct dockerfile_reader *r, struct slice line, struct err *e)
{
	int ret = r->directives_over ? 0 : dockerfile_directive(r, line, e);

	return ret != 0 ? ret : keep_comment(r, line, e);
}

/* Without the byte order mark that a file may begin with. */
static struct slice without_mark(const struct dockerfile_reader *r, struct slice s)
{
	return r->line == 1 && s.len >= 3 && memcmp(s.p, "\xef\xbb\xbf", 3) == 0 ? slice_skip(s, 3) : s;
}

/* The next line that is neither empty nor a comment, without blanks in front; len 0, p NULL at the end. `more`: it goes on. */
static int next_text(struct dockerfile_reader *r, struct slice *ret, bool *ret_more, struct err *e)
{
	for (;;) {
		struct slice raw;
		int code = dockerfile_read_raw(r, &raw, e);

		if (code < 0)
			return code;
		*ret = (struct slice){ 0 };
		if (raw.len == 0)
			return 0;
		raw = trim_left(without_newline(without_mark(r, raw)));
		if (is_comment(raw)) {
			code = read_comment(r, raw, e);
			if (code < 0)
				return code;
			continue;
		}
		r->directives_over = true;
		*ret_more = cut_continuation(&raw, r->f->directives.escape);
		*ret = raw;
		if (*ret_more || raw.len > 0)
			return 0;
	}
}

int dockerfile_read_line(struct dockerfile_reader *r, struct dockerfile_line *l, struct err *e)
{
	struct slice text;
	bool more = false;
	int ret = next_text(r, &text, &more, e);

	if (ret < 0 || !text.p)
		return ret;
	dockerfile_line_done(l);
	l->text = BUF_INIT(DOCKERFILE_MAX_BYTES);
	l->first_line = r->line;
	ret = add_segment(r, l, text, e);
	if (ret == 0 && more)
		ret = read_continuations(r, l, e);
	l->last_line = r->line;
	return ret < 0 ? ret : 1;
}
