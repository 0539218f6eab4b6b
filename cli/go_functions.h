/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of Go templates: those of text/template, and docker's. */
#ifndef SAMPAN_CLI_GO_FUNCTIONS_H
#define SAMPAN_CLI_GO_FUNCTIONS_H

#include "cli/go_value.h"

#define GO_ARGS_MAX 32

struct go_call {
	struct go_arena *arena;
	const struct go_value *args;
	size_t len;
};

/* NULL: there is none of this name. */
const struct go_function *go_function_find(const char *name, size_t len);

/* -EINVAL: the arguments are too many, too few, or of the wrong kind; the text names the function. */
int go_function_call(const struct go_function *f, const struct go_call *c, struct go_value *ret,
		     struct err *e) MUST_CHECK;

#endif
