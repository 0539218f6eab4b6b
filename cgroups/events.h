/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.events: whether a cgroup is populated or frozen, and waiting for a change of that. */
#ifndef SAMPAN_CGROUPS_EVENTS_H
#define SAMPAN_CGROUPS_EVENTS_H

#include <stdint.h>

#include "common/err.h"

/* The value of `key` ("populated", "frozen"). 0 or -errno. */
int cgroup_events_read(int dir_fd, const char *key, uint64_t *ret) MUST_CHECK;

/* Sleeps until `key` is `wanted`, a change of anything in cgroup.events that comes before that, or wait_ms; returns at once if it is
 * already. Says nothing about the outcome: the caller looks. */
void cgroup_events_wait(int dir_fd, const char *key, uint64_t wanted, int wait_ms);

#endif
