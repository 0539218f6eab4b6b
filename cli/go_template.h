/* SPDX-License-Identifier: Apache-2.0 */
/* Go's templates over a JSON document, for the commands that show one whole: fields, variables, pipelines, if, with, range, comments, trimming, and the
 * functions of cli/go_functions.h. Rows of tables have less of it (cli/template.h). Pure.
 *
 * A name that an object has not is an error, as in docker, but in maps whose keys are anybody's (Labels): there it is "<no value>". */
#ifndef SAMPAN_CLI_GO_TEMPLATE_H
#define SAMPAN_CLI_GO_TEMPLATE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/json_write.h"

#define GO_TEMPLATE_OUT_MAX ((size_t)64 << 20)

/* Whether it is a template at all. -EINVAL "template parsing error: ...". */
int go_template_check(const char *text, struct err *e) MUST_CHECK;

/* For options of type OPTION_CALL, whose member is a const char *: "json", or a template. */
int go_template_set(const char *text, void *member, struct err *e);

/* Whether `format`, NULL where there is none, is more than "json". */
bool go_template_is_set(const char *format);

/* Appends what it makes of the document. -EINVAL; -EFBIG more than `out` takes. */
int go_template_run(const char *text, const struct json_doc *doc, struct buf *out, struct err *e) MUST_CHECK;

/* The same of a document that was just written; `o` is finished by it. */
int go_template_of(const char *text, struct json_out *o, struct buf *out, struct err *e) MUST_CHECK;

/* That, printed with a line end. */
int go_template_print(const char *text, struct json_out *o, struct err *e) MUST_CHECK;

#endif
