/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as JSON, for who has a decoder for that: sampan itself is not linked with libyaml. */
#ifndef SAMPAN_PULL_YAML_JSON_H
#define SAMPAN_PULL_YAML_JSON_H

#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

#define YAML_JSON_DEPTH_MAX 32
#define YAML_JSON_NODES_MAX 200000 /* written; an alias counts as often as it is used */

/* Appends the JSON of the first document, up to out's maximum. Plain scalars are what YAML 1.1 and Go's decoders make of them: null, booleans,
 * integers (decimal, octal with a leading 0 or 0o, hexadecimal), else strings; quoted ones are strings. -EINVAL with the line: no YAML, a key that is
 * no scalar or is there twice; -EFBIG over a limit; -ENOMEM. */
int yaml_to_json(const char *text, size_t len, struct buf *out, struct err *e) MUST_CHECK;

#endif
