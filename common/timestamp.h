/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as text. RFC 3339. */
#ifndef SAMPAN_COMMON_TIMESTAMP_H
#define SAMPAN_COMMON_TIMESTAMP_H

#include <stdint.h>
#include <time.h>

#include "common/err.h"

#define TIMESTAMP_MAX sizeof("2006-01-02T15:04:05.000000000Z")

/* In UTC, with nanoseconds: fixed width, so that text order is order in time. */
void timestamp_format(const struct timespec *t, char ret[TIMESTAMP_MAX]);
void timestamp_now(char ret[TIMESTAMP_MAX]);

/* With or without a fraction, 'Z' or an offset. -EINVAL. */
int timestamp_parse(const char *text, struct timespec *ret) MUST_CHECK;

/* Milliseconds of a clock that is never set (CLOCK_MONOTONIC), for deadlines. */
int64_t monotonic_ms(void);

#endif
