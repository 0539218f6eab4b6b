/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns on stdout. */
#ifndef SAMPAN_CLI_TABLE_H
#define SAMPAN_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "common/err.h"
#include "common/strvec.h"

struct table {
	size_t columns;
	size_t min_width;    /* of a column, with the blanks behind it; 0: what its cells take */
	struct strvec cells; /* row by row; the heading is the first row */
};
void table_done(struct table *t);
#define cleanup_table __attribute__((cleanup(table_done)))

/* Appends a cell: after `columns` of them the next row begins. Control characters, which could drive the terminal, become '?'.
 * NULL counts as "". -ENOMEM, -EFBIG. */
int table_add(struct table *t, const char *text) MUST_CHECK;

/* Appends `columns` cells at once. */
int table_add_row(struct table *t, const char *const *texts) MUST_CHECK;

/* Three blanks between columns, as docker has it; the last column is not padded. */
void table_print(const struct table *t, FILE *out);

#endif
