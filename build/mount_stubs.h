/* SPDX-License-Identifier: Apache-2.0 */
/* What a container's mounts leave behind in its upper directory: mount points that were not there before. They are no part of what a step does, and go, with the
 * directories that were only copied up for them. */
#ifndef SAMPAN_BUILD_MOUNT_STUBS_H
#define SAMPAN_BUILD_MOUNT_STUBS_H

#include <stddef.h>

#include "common/err.h"

struct mount_stub {
	char *path;    /* of the mount point in the tree, without symlinks: "run/secrets/key" */
	size_t exists; /* bytes of it that are there without the mount: "run" has 3 */
};

struct mount_stubs {
	struct mount_stub *items;
	size_t len;
};
void mount_stubs_done(struct mount_stubs *s);
#define cleanup_mount_stubs __attribute__((cleanup(mount_stubs_done)))

/* Notes what is there of a mount point before the container is made. below_fd: the tree of the layers below; -1: nothing is there. */
int mount_stubs_add(struct mount_stubs *s, int below_fd, const char *destination, struct err *e) MUST_CHECK;

/* Removes from the upper directory, which is not mounted any more, what is still an empty mount point. What the command has put there stays,
 * and what cannot be removed is an empty directory too many. */
void mount_stubs_remove(const struct mount_stubs *s, int below_fd, int upper_fd);

#endif
