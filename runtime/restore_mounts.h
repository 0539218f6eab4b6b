/* SPDX-License-Identifier: Apache-2.0 */
/* What a restore needs of the file system: the places that things are mounted on, and a root that criu builds on. All of it is mounted in
 * mount namespaces of our own: whatever happens to us, the host sees nothing of it. */
#ifndef SAMPAN_RUNTIME_RESTORE_MOUNTS_H
#define SAMPAN_RUNTIME_RESTORE_MOUNTS_H

#include "runtime/criu_job.h"

#define RESTORE_ROOT "criu-root" /* in the state directory */

/* Makes the mount points that the rootfs lacks, as a creation does, and tells criu of the bind mounts. As the rootfs may have got its mount points
 * from another runtime, they are looked up now. The caller's mount namespace is as before. */
int restore_mounts_make(const struct plan *p, const struct criu_job *job, const struct cgroup_host *host,
			const char *cgroup_path, struct err *e) MUST_CHECK;

/* Enters a new mount namespace and binds the rootfs to `root`, an absolute path of an empty directory: criu wants a mount point whose
 * parent is not covered. *ret_host_ns, owned, leads back. */
int restore_mounts_enter(const char *rootfs, const char *root, int *ret_host_ns, struct err *e) MUST_CHECK;

/* Back to it; the working directory is "/" after it. Does nothing where *host_ns is -1, as it is afterwards. */
int restore_mounts_leave(int *host_ns, struct err *e) MUST_CHECK;

/* Whether a path is on a file system that criu restores with all that is in it, so that there is nothing to be made below: one that
 * the first `len` mounts of a plan make. Pure. */
bool restore_mounts_covered(const struct plan *p, size_t len, const char *path);

#endif
