/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of time as Go programs take them: "5s", "1m30s", "1.5h", "-2ms", "0". Go's time.ParseDuration. */
#ifndef SAMPAN_COMMON_GO_DURATION_H
#define SAMPAN_COMMON_GO_DURATION_H

#include <stdint.h>

#include "common/err.h"

/* In nanoseconds; units ns, us (µs), ms, s, m, h. -EINVAL, -ERANGE over INT64_MAX. */
int go_duration_parse(const char *text, int64_t *ret_ns) MUST_CHECK;

#endif
