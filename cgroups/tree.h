/* SPDX-License-Identifier: Apache-2.0 */
/* Places in the cgroup tree, for those who make cgroups by other means. */
#ifndef SAMPAN_CGROUPS_TREE_H
#define SAMPAN_CGROUPS_TREE_H

#include "cgroups/cgroup.h"

/* As cgroup_open, and turns on the controllers (bits of enum cgroup_controller) that it lacks, as cgroup_create does. */
int cgroup_tree_open(const struct cgroup_host *host, const char *path, unsigned int needed,
		     struct cgroup *ret, struct err *e) MUST_CHECK;

#endif
