/* SPDX-License-Identifier: Apache-2.0 */
/* Everything in a layer's tree, in one order: a directory before what is in it, its entries by their bytes. Trees may be hostile: no symlink
 * is followed, no mount point entered, and depth costs neither stack nor descriptors. Inside store/ only. */
#ifndef SAMPAN_STORE_TREE_WALK_H
#define SAMPAN_STORE_TREE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/err.h"

struct tree_walk;

struct tree_entry {
	size_t depth;     /* 0 is the root, whose name is "." */
	const char *name; /* borrowed until the next call */
	int parent_fd; /* the directory that `name` is in (the root itself for the root), borrowed as well */
	bool is_known; /* st is filled; else it has the type only, which is that of a regular file */
	struct stat st;
};

/* tree_fd is borrowed and must outlive the walk. */
int tree_walk_new(int tree_fd, struct tree_walk **ret, struct err *e) MUST_CHECK;
void tree_walk_free(struct tree_walk *w);
void tree_walk_free_fn(struct tree_walk **w);
#define cleanup_tree_walk __attribute__((cleanup(tree_walk_free_fn)))

/* From now on regular files are not looked at, where the directory tells that they are regular files. */
void tree_walk_spare_files(struct tree_walk *w);

/* Looks at what was not looked at. -errno of fstatat(2). */
int tree_entry_look(struct tree_entry *entry, struct err *e) MUST_CHECK;

/* The next entry: 1; 0 at the end; or a negative errno. A directory that we may not read counts as empty: its owner may be kept out by its mode, unless
 * that is root. */
int tree_walk_next(struct tree_walk *w, struct tree_entry *ret, struct err *e) MUST_CHECK;

/* What is in the directory that was returned last is left out. */
void tree_walk_skip(struct tree_walk *w);

#endif
