/* SPDX-License-Identifier: Apache-2.0 */
/* What a container has changed in the file system of its image. */
#ifndef SAMPAN_STORE_CONTAINER_DIFF_H
#define SAMPAN_STORE_CONTAINER_DIFF_H

#include <sys/stat.h>

#include "store/container.h"

#define CONTAINER_CHANGES_MAX 4000000

struct container_change {
	char kind;  /* 'A' added, 'C' changed, 'D' deleted: docker's */
	char *path; /* from the container's root, with the '/' in front */
};

/* By looking at its own directory and at its layers: nothing is mounted, and it may run meanwhile. A directory that has changes in it counts as changed.
 * What container_is_mount_point says is left out. In the order of the tree: a directory before what is in it. *ret belongs to the
 * caller (container_changes_free). -EFBIG over CONTAINER_CHANGES_MAX; errors of the file system. */
int container_diff(const struct store *s, const struct container_record *c, struct container_change **ret,
		   size_t *ret_len, struct err *e) MUST_CHECK;
void container_changes_free(struct container_change *changes, size_t len);

/* Whether this is what the runtime makes in each container to mount something on (/proc, /etc/hosts), and nobody has written to since. `path`
 * without a '/' in front. Pure. */
bool container_is_mount_point(const char *path, const struct stat *st);

#endif
