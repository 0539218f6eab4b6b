/* SPDX-License-Identifier: Apache-2.0 */
/* Idmapped mounts: a bind mount whose files have other owners than on disk. runtime-spec config.md#mounts, mount_setattr(2).
 *
 * They are made by the creator, who has privileges over the file system, which root of a container's user namespace has not; init
 * attaches what it inherits. */
#ifndef SAMPAN_RUNTIME_IDMAP_H
#define SAMPAN_RUNTIME_IDMAP_H

#include "common/err.h"
#include "oci/overlay.h"
#include "runtime/plan.h"

/* Detached trees of the mounts of a plan, one each; -1 where none is needed. NULL: of none. */
struct idmap_trees {
	int *fds;
	size_t len;
};

/* Opens the mounts that are idmapped and, as the root of a new user namespace may not reach them, the sources of all other bind mounts: those get the
 * host's mounts, and give it none. -EOPNOTSUPP: the kernel (before 5.12) or the file system cannot; -EPERM: not ours to map. No system call where there is neither. */
int idmap_open(const struct plan *p, const struct spec_linux *linux_, struct idmap_trees *ret,
	       struct err *e) MUST_CHECK;
void idmap_close(struct idmap_trees *t);

/* runtime/idmap_overlay.c: the overlay with the mappings of the container's user namespace, detached. *ret_fd is owned. -EOPNOTSUPP: the kernel or
 * a file system cannot. */
int idmap_open_overlay(const struct overlay_plan *o, const struct spec_linux *linux_, int *ret_fd,
		       struct err *e) MUST_CHECK;

/* A user namespace with these mappings, which nobody is in. *ret_fd is owned. */
int idmap_make_namespace(const struct spec_linux *mappings, int *ret_fd, struct err *e) MUST_CHECK;

/* Why `what` cannot be idmapped; returns a negative errno. */
int idmap_explain(const char *what, int r, struct err *e) MUST_CHECK;

#endif
