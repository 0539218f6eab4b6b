/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define GAP 3

void table_done(struct table *t)
{
	strvec_done(&t->cells);
}

int table_add(struct table *t, const char *text)
{
	char *copy = strdup(text ? text : "");

	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return strvec_take(&t->cells, copy);
}

int table_add_row(struct table *t, const char *const *texts)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->columns; i++)
		r = table_add(t, texts[i]);
	return r;
}

/* In UTF-8 characters: bytes that do not continue one. */
static size_t text_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static size_t column_width(const struct table *t, size_t column)
{
	size_t width = t->min_width > GAP ? t->min_width - GAP : 0;

	for (size_t i = column; i < t->cells.len; i += t->columns) {
		size_t w = text_width(t->cells.items[i]);

		width = w > width ? w : width;
	}
	return width;
}

/* Not by printf: that is most of what a list of hundreds costs. */
static void print_blanks(size_t count, FILE *out)
{
	static const char BLANKS[] = "                ";

	for (size_t len; count > 0; count -= len) {
		len = count < sizeof(BLANKS) - 1 ? count : sizeof(BLANKS) - 1;
		(void)fwrite(BLANKS, 1, len, out);
	}
}

void table_print(const struct table *t, FILE *out)
{
	cleanup_free size_t *widths = calloc(t->columns + 1, sizeof(*widths));

	if (t->columns == 0)
		return;
	for (size_t c = 0; widths && c < t->columns; c++)
		widths[c] = column_width(t, c);
	for (size_t i = 0; i < t->cells.len; i++) {
		const char *text = t->cells.items[i];
		size_t column = i % t->columns;
		size_t used = text_width(text);
		bool last = column + 1 == t->columns;
		size_t width = widths ? widths[column] : used; /* out of memory: columns, but ragged */

		(void)fputs(text, out);
		if (last)
			(void)fputc('\n', out);
		else
			print_blanks(width - used + GAP, out);
	}
}
