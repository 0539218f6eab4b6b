/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out the mounts of a plan inside a container's root, before pivot_root. */
#ifndef SAMPAN_RUNTIME_MOUNTS_H
#define SAMPAN_RUNTIME_MOUNTS_H

#include "cgroups/cgroup.h"
#include "runtime/plan.h"

struct mount_context {
	int root_fd; /* the container's root, borrowed */
	const struct cgroup_host *host;
	const char *cgroup_path; /* of the container below the mount point; NULL: none */
	bool own_cgroup_namespace;
	const int *
		idmapped; /* the tree that the creator has made of this mount (runtime/idmap.h), borrowed; NULL: none */
	/* mounts_apply's own: begin with NULL and -1, and close the descriptor */
	const char *fresh; /* target of the tmpfs that was mounted last, with nothing in it but mounts */
	int fresh_fd;      /* of it, once it is needed */
};

/* Makes the mount point where it is absent, never outside the root, and mounts. Leaves descriptors open (fd_leave). */
int mounts_apply(const struct plan_mount *m, struct mount_context *context, struct err *e) MUST_CHECK;

#endif
