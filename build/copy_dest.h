/* SPDX-License-Identifier: Apache-2.0 */
/* The destination of a copy: paths in a tree, and the directories that are missing. For build/copy.c. */
#ifndef SAMPAN_BUILD_COPY_DEST_H
#define SAMPAN_BUILD_COPY_DEST_H

#include "build/copy.h"

struct copy_dest {
	char *path; /* in the tree, without symlinks; "." is its root */
	int dir_fd; /* of a directory: itself; of anything else: what it is in */
	char *name; /* NULL for a directory; else its name in dir_fd */
};
void copy_dest_done(struct copy_dest *d);
#define cleanup_copy_dest __attribute__((cleanup(copy_dest_done)))

/* Where a match goes, with all directories made that it needs. Errors as copy_sources'. *ret is owned. */
int copy_dest_find(int root_fd, const struct context_match *match, const struct copy_options *o,
		   struct copy_dest *ret, struct err *e) MUST_CHECK;

/* Of a hard link's first name: the directory of a path without symlinks, open, and the name in it, which points into `path`. */
int copy_dest_parent(int root_fd, const char *path, int *ret_fd, const char **ret_name,
		     struct err *e) MUST_CHECK;

#endif
