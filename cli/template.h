/* SPDX-License-Identifier: Apache-2.0 */
/* What --format takes of Go's templates for rows: "{{.Name}}\t{{.Stars}}", "table {{.Name}}", "{{json .}}", "{{json .Name}}", "json", "{{.Label "x"}}", "{{.Attributes.x}}",
 * "{{index .Attributes "x"}}", "{{upper .Name}}", "{{lower .Name}}", which is what lists of thousands are printed with; whatever else there is to a template is that of
 * cli/go_template.h, over the same fields as JSON. Pure. */
#ifndef SAMPAN_CLI_TEMPLATE_H
#define SAMPAN_CLI_TEMPLATE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"

#define TEMPLATE_OUT_MAX ((size_t)1 << 20) /* bytes of a row */

/* A field of a row. A list ends with a name of NULL. */
struct template_field {
	const char *name;    /* "Name" */
	const char *heading; /* "NAME" */
	const char *text;    /* borrowed; NULL counts as "" */
	const char *json;    /* the value in a {{json}}; NULL: `text` as a string */
	const struct strvec *
		map; /* "key=value": what {{.Name "key"}}, {{.Name.key}} and {{index .Name "key"}} look in; NULL: nothing */
};

/* A field of this name is not {{.}}'s part but all of {{json .}}, where that is not the object of the others. */
#define TEMPLATE_WHOLE "."

/* Whether it begins with "table", and what follows that, without a blank. */
bool template_is_table(const char *format, const char **ret_rest);

/* Appends a row as `format` ("json": as "{{json .}}") says. \t and \n are as in Go's strings; control characters in values, which could drive a terminal,
 * become '?'. With `headings` the row's headings take the place of its values. -EINVAL there is no such field, or it is no template. */
int template_expand(const char *format, const struct template_field *fields, bool headings, struct buf *out,
		    struct err *e) MUST_CHECK;

/* Whether it can be expanded, as far as that can be told of the fields' names. -EINVAL as above. */
int template_check(const char *format, const struct template_field *fields, struct err *e) MUST_CHECK;

#endif
