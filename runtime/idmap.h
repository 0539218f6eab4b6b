/* SPDX-License-Identifier: Apache-2.0 */
/* Idmapped mounts: a bind mount whose files have other owners than on disk. runtime-spec config.md#mounts, mount_setattr(2).
 *
 * They are made by the creator, who has privileges over the file system, which root of a container's user namespace has not; init
 * attaches what it inherits. */
#ifndef SAMPAN_RUNTIME_IDMAP_H
#define SAMPAN_RUNTIME_IDMAP_H

#include "common/err.h"
#include "runtime/plan.h"

/* Detached trees of the mounts of a plan, one each; -1 where none is needed. NULL: of none. */
struct idmap_trees {
	int *fds;
	size_t len;
};

/* -EOPNOTSUPP: the kernel (before 5.12) or the file system cannot; -EPERM: not ours to map. No system call where no mount is idmapped. */
int idmap_open(const struct plan *p, const struct spec_linux *linux_, struct idmap_trees *ret,
	       struct err *e) MUST_CHECK;
void idmap_close(struct idmap_trees *t);

#endif
