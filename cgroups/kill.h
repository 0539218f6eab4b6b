/* SPDX-License-Identifier: Apache-2.0 */
/* How cgroup_kill does it where the kernel has no cgroup.kill (before Linux 5.14). */
#ifndef SAMPAN_CGROUPS_KILL_H
#define SAMPAN_CGROUPS_KILL_H

#include "cgroups/cgroup.h"
#include "common/err.h"

/* Freezes, so that nothing forks meanwhile, kills every process, thaws. A process that cannot be frozen does not keep the
 * others alive. -errno. */
int cgroup_kill_each(const struct cgroup *c, struct err *e) MUST_CHECK;

#endif
