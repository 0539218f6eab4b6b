/* SPDX-License-Identifier: Apache-2.0 */
#include "build/csv.h"

#include <string.h>

#include "common/buf.h"

#define FIELD_MAX_BYTES (1U << 20)

static int malformed(const char *text, const char *p, const char *what, struct err *e)
{
	return err_set(e, -EINVAL, "parse error on line 1, column %zu: %s", (size_t)(p - text) + 1, what);
}

/* Behind the first quote; two of them stand for one. */
static int quoted_field(const char *text, const char **p, struct buf *out, struct err *e)
{
	const char *c = *p;
	int r = 0;

	for (; r == 0 && *c && (c[0] != '"' || c[1] == '"'); c++) {
		c += c[0] == '"';
		r = buf_add_char(out, *c);
	}
	if (r < 0)
		return err_code(e, r, "cannot read a field");
	if (*c != '"' || (c[1] != ',' && c[1] != '\0'))
		return malformed(text, c, "extraneous or missing \" in quoted-field", e);
	*p = c + 1;
	return 0;
}

static int plain_field(const char *text, const char **p, struct buf *out, struct err *e)
{
	size_t len = strcspn(*p, ",");
	const char *quote = memchr(*p, '"', len);
	int r;

	if (quote)
		return malformed(text, quote, "bare \" in non-quoted field", e);
	r = buf_add(out, *p, len);
	*p += len;
	return r < 0 ? err_code(e, r, "cannot read a field") : 0;
}

static int add_field(struct strvec *out, const struct buf *field, struct err *e)
{
	int r = strvec_add(out, field->data ? field->data : "");

	if (r == -EFBIG)
		return err_set(e, -EFBIG, "more than %d fields", CSV_FIELDS_MAX);
	return r < 0 ? err_code(e, r, "cannot read a field") : 0;
}

int csv_fields(const char *text, struct strvec *out, struct err *e)
{
	cleanup_buf struct buf field = BUF_INIT(FIELD_MAX_BYTES);
	const char *p = text;
	int r;

	if (!*text)
		return err_set(e, -EINVAL, "it is empty");
	out->max = out->len + CSV_FIELDS_MAX;
	for (;;) {
		buf_clear(&field);
		if (*p == '"') {
			p++;
			r = quoted_field(text, &p, &field, e);
		} else {
			r = plain_field(text, &p, &field, e);
		}
		if (r == 0)
			r = add_field(out, &field, e);
		if (r < 0 || !*p)
			return r;
		p++; /* the comma */
	}
}
