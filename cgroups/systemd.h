/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of cgroup_* that are systemd's where it made the cgroup. */
#ifndef SAMPAN_CGROUPS_SYSTEMD_H
#define SAMPAN_CGROUPS_SYSTEMD_H

#include "cgroups/cgroup.h"
#include "cgroups/limits.h"

/* Tells systemd of changed limits, before they are written to the cgroup's files. */
int systemd_update(const struct cgroup *c, const struct limit_list *limits, struct err *e) MUST_CHECK;

/* Has systemd move a process that we may not move ourselves. */
int systemd_attach(const struct cgroup *c, pid_t pid, struct err *e) MUST_CHECK;

/* Lets go of the scope, whose cgroup is gone. Best effort: systemd notices for itself, later. */
void systemd_forget(const struct cgroup *c);

#endif
