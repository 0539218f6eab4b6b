/* SPDX-License-Identifier: Apache-2.0 */
/* --filter of the commands that list, as docker has it: of several of one name one has to match, of labels all. Pure. */
#ifndef SAMPAN_CLI_FILTER_H
#define SAMPAN_CLI_FILTER_H

#include <stdbool.h>

#include "common/err.h"
#include "common/strvec.h"

/* What follows "name=", or NULL: it is another filter. */
const char *filter_value(const char *text, const char *name);

/* Whether each is NAME=VALUE with one of these names (ended by NULL). -EINVAL "invalid filter 'x' (there are a, b and c)". */
int filter_check(const struct strvec *filters, const char *const *names, struct err *e) MUST_CHECK;

/* Whether there is one of that name. */
bool filter_has(const struct strvec *filters, const char *name);

/* True where there is none of that name, or `match` says yes to a value of one. */
bool filter_any(const struct strvec *filters, const char *name,
		bool (*match)(const char *value, const void *arg), const void *arg);

/* Whether all of "label=KEY[=VALUE]" are among the labels ("key=value"), and none of "label!=KEY[=VALUE]" is. */
bool filter_labels(const struct strvec *filters, const struct strvec *labels);

#endif
