/* SPDX-License-Identifier: Apache-2.0 */
/* Paths that come from an image, a config or a tar, resolved inside a root that they cannot leave.
 * openat2(2) with RESOLVE_IN_ROOT; magic links (/proc/PID/fd) are refused. root_fd is always
 * borrowed, *ret_fd is owned by the caller and untouched on failure. */
#ifndef SAMPAN_COMMON_ROOTFD_H
#define SAMPAN_COMMON_ROOTFD_H

#include <sys/types.h>

#include "common/err.h"

/* Opens `path` as a process rooted at root_fd would; neither ".." nor a symlink leaves it.
 * O_CLOEXEC is added. -ENOENT, -ELOOP, -ENOTDIR; -EXDEV never reaches the caller. */
int rootfd_open(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e) MUST_CHECK;

/* The same for what may well be absent: returns the descriptor (owned) or -errno (-ELOOP in place of -EXDEV), and has no words
 * for it. */
int rootfd_try_open(int root_fd, const char *path, int flags) MUST_CHECK;

/* The same, and -ELOOP for a symlink anywhere on the way. */
int rootfd_try_open_straight(int root_fd, const char *path, int flags) MUST_CHECK;

/* mkdir -p below the root, and opens the result (O_PATH | O_DIRECTORY). Symlinks on the way are
 * followed inside the root; those that dangle get their targets made, as runc does. */
int rootfd_mkdir_p(int root_fd, const char *path, mode_t mode, int *ret_fd, struct err *e) MUST_CHECK;

/* As above for a regular file: makes the parents (0755) and an empty file where there is nothing. Opens
 * what is there (O_PATH) without truncating it. -EINVAL if that has no name: "a/", "a/..". */
int rootfd_make_file(int root_fd, const char *path, mode_t mode, int *ret_fd, struct err *e) MUST_CHECK;

/* Opens the parent directory of `path` (O_PATH | O_DIRECTORY), made where it is absent, and points
 * *ret_name at the last component inside `path`. -EINVAL if the last component is "", "." or "..". */
int rootfd_open_parent(int root_fd, const char *path, mode_t mode_if_made, int *ret_fd, const char **ret_name,
		       struct err *e) MUST_CHECK;

#endif
