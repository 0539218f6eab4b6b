/* SPDX-License-Identifier: Apache-2.0 */
/* What --format takes of Go's templates: "{{.Name}}\t{{.Stars}}", "table {{.Name}}", "{{json .}}", "{{json .Name}}", "json". Pure. */
#ifndef SAMPAN_CLI_TEMPLATE_H
#define SAMPAN_CLI_TEMPLATE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"

#define TEMPLATE_OUT_MAX ((size_t)1 << 20) /* bytes of a row */

/* A field of a row. A list ends with a name of NULL. */
struct template_field {
	const char *name;    /* "Name" */
	const char *heading; /* "NAME" */
	const char *text;    /* borrowed; NULL counts as "" */
	const char *json;    /* the value in a {{json}}; NULL: `text` as a string */
};

/* Whether it begins with "table", and what follows that, without a blank. */
bool template_is_table(const char *format, const char **ret_rest);

/* Appends a row as `format` ("json": as "{{json .}}") says. \t and \n are as in Go's strings; control characters in values, which could drive a terminal,
 * become '?'. With `headings` the row's headings take the place of its values. -EINVAL there is no such field, or it is more of a template than this. */
int template_expand(const char *format, const struct template_field *fields, bool headings, struct buf *out,
		    struct err *e) MUST_CHECK;

#endif
