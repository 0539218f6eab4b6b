/* SPDX-License-Identifier: Apache-2.0 */
/* The file system that layers make together, mounted for a build: to be read, or to be written to, so that an upper directory becomes the next layer.
 *
 * A build has a mount namespace of its own (tree_view_isolate), so that nobody else sees these mounts and none outlives it.
 */
#ifndef SAMPAN_BUILD_TREE_VIEW_H
#define SAMPAN_BUILD_TREE_VIEW_H

#include "common/err.h"
#include "common/strvec.h"
#include "oci/overlay.h"
#include "store/layer.h"
#include "store/store.h"

/* Takes this process out of the host's mount namespace. What is open by then stays outside: its mounts can be neither cloned nor bound. -EPERM: neither root nor in a user namespace of its own. */
int tree_view_isolate(struct err *e) MUST_CHECK;

/* The paths of layers, topmost first, as an overlay wants them; `keys` are base first. -ENOMEM, -EFBIG more than the kernel takes. */
int tree_view_lower(const struct store *s, const struct strvec *keys, struct strvec *ret,
		    struct err *e) MUST_CHECK;

/* Opens the tree of layers, read-only, without a mount point: nothing is written anywhere. What is opened cannot be bound to another place. -EOPNOTSUPP, without text: there
 * are no layers, or this kernel cannot. */
int tree_view_open_detached(const struct store *s, const struct strvec *keys, int *ret_fd,
			    struct err *e) MUST_CHECK;

/* Opens the tree of layers, read-only, which a directory staging/<st>/<name> is made for. Without layers it is empty. *ret_path is where it is (owned); NULL:
 * nobody asks. The mount lives as long as the mount namespace. */
int tree_view_open(const struct store *s, const struct staging *st, const char *name,
		   const struct strvec *keys, int *ret_fd, char **ret_path, struct err *e) MUST_CHECK;

/* Unmounts what is mounted on directories of staging/<st> whose names begin so: a mount point cannot be removed. What is open stays as it is. */
void tree_view_close_all(const struct store *s, const struct staging *st, const char *prefix);

/* Makes staging/<st>/<name>/tree, which is to become a layer, as an upper directory on the layers: its root has the mode and the owner of `below_fd` (-1: 0755,
 * root's). *ret is what is to be mounted, its target and work directory beside it. */
int tree_view_prepare(const struct store *s, const struct staging *st, const char *name,
		      const struct strvec *keys, int below_fd, struct overlay_plan *ret,
		      struct err *e) MUST_CHECK;

/* Mounts it, and opens its root. Without layers below that is the upper directory itself. */
int tree_view_mount(const struct overlay_plan *plan, int *ret_fd, struct err *e) MUST_CHECK;

#endif
