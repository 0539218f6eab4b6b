/* SPDX-License-Identifier: Apache-2.0 */
/* A value's place in a JSON text, found without building a tree of it. */
#ifndef SAMPAN_COMMON_JSON_SPAN_H
#define SAMPAN_COMMON_JSON_SPAN_H

#include <stdbool.h>
#include <stddef.h>

/* Where the value is that the names (a NULL ends them) lead to, from object to object. The first member of a name counts; a name that
 * is written with escapes is not found. False: there is none, or the text before it is no JSON. What follows it is not looked at, so
 * that the text may still be no JSON: whoever cuts the value out parses the rest. */
bool json_find_span(const char *text, size_t len, const char *const *names, size_t *ret_at, size_t *ret_len);

#endif
