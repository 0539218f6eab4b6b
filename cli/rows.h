/* SPDX-License-Identifier: Apache-2.0 */
/* A list that a command prints: a table, or whatever its --format says. */
#ifndef SAMPAN_CLI_ROWS_H
#define SAMPAN_CLI_ROWS_H

#include <stdbool.h>

#include "cli/table.h"
#include "cli/template.h"

struct rows {
	const char *format;
	bool is_table;
	struct table table;
};
void rows_done(struct rows *r);
#define cleanup_rows __attribute__((cleanup(rows_done)))

/* `format` as typed: NULL or "table": the columns of `columns` ("{{.Driver}}\t{{.Name}}"). `sample` has the fields, whatever their values: a format that cannot
 * be is an error before anything is printed. Both texts are borrowed. -EINVAL. */
int rows_begin(struct rows *r, const char *format, const char *columns, const struct template_field *sample,
	       struct err *e) MUST_CHECK;

/* Adds a row of the table; prints one that is none. */
int rows_add(struct rows *r, const struct template_field *fields, struct err *e) MUST_CHECK;

/* Prints the table. */
void rows_end(const struct rows *r);

#endif
