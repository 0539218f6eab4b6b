/* SPDX-License-Identifier: Apache-2.0 */
/* The "data" of a stats event: the figures of a cgroup v2 in runc's (v1's) words. */
#ifndef SAMPAN_CLI_EVENTS_STATS_H
#define SAMPAN_CLI_EVENTS_STATS_H

#include "common/err.h"
#include "common/json_write.h"

/* Writes the object under `key` from the files in a cgroup's directory. What a controller that is off does not count is left out or 0,
 * as by runc; "max" is 2^64 - 1 for memory, and no limit for pids. -ENOENT: the cgroup has been removed. */
int events_stats_write(struct json_out *o, const char *key, int cgroup_fd, struct err *e) MUST_CHECK;

#endif
