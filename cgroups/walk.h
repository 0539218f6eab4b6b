/* SPDX-License-Identifier: Apache-2.0 */
/* Every cgroup below one, children first. */
#ifndef SAMPAN_CGROUPS_WALK_H
#define SAMPAN_CGROUPS_WALK_H

#include "common/err.h"

#define WALK_PATH_MAX (64u << 10) /* bytes of the names of the cgroups inside one another */

/* Calls `visit` for every cgroup below dir_fd, not for itself. `fd` is its directory, parent_fd the one above it (both borrowed),
 * `name` its name there. visit may remove it; a negative errno from it ends the walk. Needs three descriptors however deep the
 * tree is. What vanishes meanwhile is passed over. 0, what visit returned, -errno, -EFBIG over WALK_PATH_MAX. */
int cgroup_walk(int dir_fd, int (*visit)(int parent_fd, int fd, const char *name, void *arg),
		void *arg) MUST_CHECK;

#endif
