/* SPDX-License-Identifier: Apache-2.0 */
/* For clang-tidy only, which sees one source at a time: that the functions of common/err.h return a negative number.
 * Without it, each `return err_set(...)` looks to the analyzer as if it might be a success. */
#ifndef SAMPAN_TOOLS_ANALYZER_MODEL_H
#define SAMPAN_TOOLS_ANALYZER_MODEL_H

#include "common/err.h"

#define err_set(e, code, ...)  (err_set(e, code, __VA_ARGS__), (code))
#define err_code(e, code, ...) (err_code(e, code, __VA_ARGS__), (code))
#define err_errno(...)         (err_errno(__VA_ARGS__), -1)
#define err_wrap(...)          (err_wrap(__VA_ARGS__), -1)

#endif
