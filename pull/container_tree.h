/* SPDX-License-Identifier: Apache-2.0 */
/* The file system of a container, put together of its layers in a mount namespace of this process's own. */
#ifndef SAMPAN_PULL_CONTAINER_TREE_H
#define SAMPAN_PULL_CONTAINER_TREE_H

#include <stdbool.h>

#include "oci/runtime_spec.h"
#include "store/container.h"
#include "store/layer.h"

struct container_tree {
	int fd; /* its root; -1: not open */
	struct staging staging;
	bool mounted;
};
#define CONTAINER_TREE_EMPTY ((struct container_tree){ .fd = -1, .staging = { .fd = -1 } })

/* To read; it may run meanwhile. Whatever else the process has to do with mounts comes before, and its working directory is another after
 * this. -EPERM not root. */
int container_tree_read(const struct store *s, const struct container_record *c, struct container_tree *ret,
			struct err *e) MUST_CHECK;

/* The same to read and to write, with its bind mounts and volumes, of one that does not run: the caller holds its lock (container_lock). */
int container_tree_write(const struct store *s, const struct container_record *c, struct container_tree *ret,
			 struct err *e) MUST_CHECK;

/* Accepts an empty one. */
void container_tree_close(const struct store *s, struct container_tree *t);

/* What the container runs: config.json in its directory. -ENOENT: it was never written. */
int container_tree_spec(int dir_fd, struct runtime_spec *ret, struct err *e) MUST_CHECK;

#endif
