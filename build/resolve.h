/* SPDX-License-Identifier: Apache-2.0 */
/* Where a path leads in a tree, as text: for rules that need a name, and for paths of which only a part exists. */
#ifndef SAMPAN_BUILD_RESOLVE_H
#define SAMPAN_BUILD_RESOLVE_H

#include <stdbool.h>

#include "common/err.h"

#define RESOLVE_LINKS_MAX      255 /* BuildKit's */
#define RESOLVE_PATH_MAX_BYTES 65536

/* `path` as a process rooted at root_fd would understand it, without symlinks, "." and "..": relative to the root, "." for the root
 * itself. What does not exist stays as it is written. `follows` is asked for the path of each symlink; NULL: all are followed; one that
 * is refused counts as absent. Nobody is kept from changing the tree meanwhile: open the result with common/rootfd.
 * -ELOOP too many symlinks, -ENOENT a symlink was refused, -EFBIG. *ret is owned. */
int resolve_in_root(int root_fd, const char *path, bool (*follows)(void *arg, const char *path), void *arg,
		    char **ret, struct err *e) MUST_CHECK;

#endif
