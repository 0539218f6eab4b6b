/* SPDX-License-Identifier: Apache-2.0 */
/* A directory tree as a tar: an unpacked layer (overlayfs' whiteouts and opaque directories become the image-spec's again, layer.md), or a whole root
 * file system. The same tree gives the same bytes. */
#ifndef SAMPAN_PULL_TREE_TAR_H
#define SAMPAN_PULL_TREE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

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

/* A regular file of the tree, whose header has just been written. All of it is borrowed. */
struct tree_tar_file {
	const char *path; /* below the root */
	int parent_fd;    /* the directory that it is in, and its name there */
	const char *name;
	const struct stat *st;
	bool has_xattrs; /* of any kind */
};

/* Who goes along and wants to know of each regular file. Each returns 0, or a negative errno that ends the tar. */
struct tree_tar_watch {
	/* Where contents may be read to, *ret_len bytes at most, so that the sink gets them there and need not copy them. NULL: nowhere, now or ever. With it the sink gets
	 * each header and each piece of contents by itself. */
	void *(*room)(void *arg, size_t *ret_len);
	/* *from_fd is what its contents are read from; another descriptor, borrowed, may be put there. */
	int (*begin)(void *arg, const struct tree_tar_file *file, int *from_fd, struct err *e);
	int (*data)(void *arg, const void *data, size_t len, struct err *e);
	/* `is_whole`: as many bytes have come as it has. */
	int (*end)(void *arg, const struct tree_tar_file *file, bool is_whole, struct err *e);
	/* `path` is another name of the file that `target` names, which came before. */
	int (*link)(void *arg, const char *path, const char *target, struct err *e);
	void *arg;
};

/* Writes the tar of the directory `tree_fd` (borrowed) into a sink. Nothing is followed. Sockets are left out, as tar leaves them out.
 * -EFBIG over a limit, -ELOOP deeper than TREE_TAR_DEPTH_MAX, the sink's error, and those of the file system. */
int tree_tar_write(int tree_fd, enum tree_tar_kind kind, const struct sink *sink, struct err *e) MUST_CHECK;

/* The same, and `watch` is told. */
int tree_tar_write_watched(int tree_fd, enum tree_tar_kind kind, const struct sink *sink,
			   const struct tree_tar_watch *watch, struct err *e) MUST_CHECK;

/* The same of one thing of any kind in a directory; the tar calls it `as`, one component. */
int tree_tar_write_entry(int parent_fd, const char *name, const char *as, const struct sink *sink,
			 struct err *e) MUST_CHECK;

#endif
