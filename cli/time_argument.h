/* SPDX-License-Identifier: Apache-2.0 */
/* A point in time as docker's --since and --until take it. */
#ifndef SAMPAN_CLI_TIME_ARGUMENT_H
#define SAMPAN_CLI_TIME_ARGUMENT_H

#include <stdint.h>
#include <time.h>

#include "common/err.h"

/* A Go duration before `now` ("10m", "1.5h"), seconds since 1970 ("1764000000.5"), or RFC 3339 with as much of it as there is ("2026-11-24",
 * "2026-11-24T12", "2026-11-24T12:30Z", "2026-11-24T12:30:05.25+01:00"); local time without a zone. In nanoseconds since the epoch.
 * -EINVAL "failed to parse value as time or duration: "x""; -ERANGE. */
int time_argument_parse(const char *text, const struct timespec *now, int64_t *ret_ns,
			struct err *e) MUST_CHECK;

#endif
