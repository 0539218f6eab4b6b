/* SPDX-License-Identifier: Apache-2.0 */
/* The mount system calls that Debian 12's glibc has no wrappers for, with what older kernels need instead. Every
 * target is a descriptor: what was checked is what is mounted on. */
#ifndef SAMPAN_RUNTIME_SYS_MOUNT_H
#define SAMPAN_RUNTIME_SYS_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* "/proc/self/fd/N", for the calls that take paths only. Valid before pivot_root, while /proc is the host's. */
struct fd_path {
	char text[32];
};
struct fd_path fd_path(int fd);

/* Descriptors of what lies in the container's root, in a process that is about to exec: a close each would be a fourth of all system
 * calls that its mounts take, so the first few stay open until then. They are close-on-exec. */
void fd_leave(const int *fd);
#define leave_fd __attribute__((cleanup(fd_leave))) /* int; -1 when empty */

/* A detached copy of the mount at path (dir_fd alone if path is ""), with what is mounted below it if `recursive`.
 * Returns the descriptor (owned) or -errno. open_tree(2), Linux 5.2. */
int mount_clone(int dir_fd, const char *path, bool recursive) MUST_CHECK;

/* Puts a detached mount on the directory or file at path (dir_fd itself if path is ""); symlinks are followed. 0 or -errno. move_mount(2),
 * Linux 5.2. */
int mount_attach(int tree_fd, int dir_fd, const char *path) MUST_CHECK;

/* Changes attributes (MOUNT_ATTR_*) and, where not 0, the propagation (MS_*) of a mount. 0 or -errno; -ENOSYS before
 * Linux 5.12 and without a fallback. mount_setattr(2). */
int mount_change(int mount_fd, uint64_t set, uint64_t clear, unsigned long propagation,
		 bool recursive) MUST_CHECK;

/* Gives a detached mount the ID mappings of a user namespace. 0 or -errno: -EINVAL the file system cannot, -ENOSYS before Linux 5.12. */
int mount_idmap(int tree_fd, int user_namespace_fd, bool recursive) MUST_CHECK;

/* Makes the mount that fd is in read-only; works on every kernel. fd must be of the mount's root. */
int mount_make_readonly(int fd) MUST_CHECK;

/* mount(2) and pivot_root(2) with 0 or -errno. */
int mount_on(int target_fd, const char *source, const char *type, unsigned long flags,
	     const char *data) MUST_CHECK;
int pivot_root_here(void) MUST_CHECK;

#endif
