/* SPDX-License-Identifier: Apache-2.0 */
/* A directory tree as a tar: an unpacked layer (overlayfs' whiteouts and opaque directories become the image-spec's again, layer.md), or a whole root
 * file system. The same tree gives the same bytes. */
#ifndef SAMPAN_PULL_TREE_TAR_H
#define SAMPAN_PULL_TREE_TAR_H

#include "common/err.h"
#include "pull/sink.h"

#define TREE_TAR_DEPTH_MAX 1024    /* of directories */
#define TREE_TAR_NAMES_MAX 8000000 /* in one directory */
#define TREE_TAR_LINKS_MAX 2000000 /* files of several names that are remembered */

enum tree_tar_kind {
	TREE_TAR_FILES, /* as they are */
	TREE_TAR_LAYER,
	TREE_TAR_UPPER, /* of a container: a layer, without what is there to be mounted on (container_is_mount_point) */
};

/* Writes the tar of the directory `tree_fd` (borrowed) into a sink. Nothing is followed. Sockets are left out, as tar leaves them out.
 * -EFBIG over a limit, -ELOOP deeper than TREE_TAR_DEPTH_MAX, the sink's error, and those of the file system. */
int tree_tar_write(int tree_fd, enum tree_tar_kind kind, const struct sink *sink, struct err *e) MUST_CHECK;

/* The same of one thing of any kind in a directory; the tar calls it `as`, one component. */
int tree_tar_write_entry(int parent_fd, const char *name, const char *as, const struct sink *sink,
			 struct err *e) MUST_CHECK;

#endif
