/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rows.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

void rows_done(struct rows *r)
{
	table_done(&r->table);
	*r = (struct rows){ 0 };
}

static size_t columns_of(const char *format)
{
	size_t n = 1;

	for (const char *p = format; *p; p++)
		n += *p == '\t' || (p[0] == '\\' && p[1] == 't');
	return n;
}

static int expand(struct rows *r, const struct template_field *fields, bool headings, struct buf *ret,
		  struct err *e)
{
	int rc = template_expand(r->format, fields, headings, ret, e);

	return rc == 0 && buf_add(ret, "", 0) < 0 ? err_code(e, -ENOMEM, "cannot print a row") : rc;
}

static int add_cells(struct rows *r, char *text, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->table.columns; i++) {
		const char *cell = text ? strsep(&text, "\t") : "";

		rc = table_add(&r->table, cell);
	}
	return rc < 0 ? err_code(e, rc, "cannot make a table") : 0;
}

static int add_table_row(struct rows *r, const struct template_field *fields, bool headings, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(TEMPLATE_OUT_MAX);
	int rc = expand(r, fields, headings, &text, e);

	return rc == 0 ? add_cells(r, text.data, e) : rc;
}

int rows_begin(struct rows *r, const char *format, const char *columns, const struct template_field *sample,
	       struct err *e)
{
	int rc;

	r->format = format ? format : "table";
	r->is_table = template_is_table(r->format, &r->format);
	if (r->is_table && !*r->format)
		r->format = columns;
	r->table.columns = columns_of(r->format);
	rc = template_check(r->format, sample, e);
	return rc == 0 && r->is_table ? add_table_row(r, sample, true, e) : rc;
}

int rows_add(struct rows *r, const struct template_field *fields, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(TEMPLATE_OUT_MAX);
	int rc;

	if (r->is_table)
		return add_table_row(r, fields, false, e);
	rc = expand(r, fields, false, &text, e);
	if (rc == 0)
		(void)puts(text.data);
	return rc;
}

void rows_end(const struct rows *r)
{
	if (r->is_table)
		table_print(&r->table, stdout);
}
