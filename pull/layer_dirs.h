/* SPDX-License-Identifier: Apache-2.0 */
/* The directories of a layer while it is written: finds an entry's parent without ever leaving the layer's root, makes the parents that the
 * archive does not mention, and completes all directories (owner, mode, times) when nothing more is made in them. */
#ifndef SAMPAN_PULL_LAYER_DIRS_H
#define SAMPAN_PULL_LAYER_DIRS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "pull/layer_entry.h"

#define LAYER_DIRS_MAX_BYTES ((size_t)128 << 20) /* of memory for what is known of directories */

struct layer_dirs {
	int root_fd;           /* borrowed */
	bool lenient;          /* what the kernel refuses us is left out */
	int parent_fd;         /* the parent found last; -1: none */
	bool stale;            /* parent_fd does not answer for `parent` any more */
	char parent[PATH_MAX]; /* as asked for */
	char real[PATH_MAX];   /* the same without symlinks */
	void *notes;           /* tsearch(3) tree of struct dir_note, by inode number */
	size_t notes_bytes;
};

/* root_fd stays the caller's and must outlive *ret, which layer_dirs_done frees. The root counts as implied. */
int layer_dirs_init(struct layer_dirs *ret, int root_fd, bool lenient, struct err *e) MUST_CHECK;
void layer_dirs_done(struct layer_dirs *d);
#define cleanup_layer_dirs __attribute__((cleanup(layer_dirs_done)))

/* Opens (O_PATH) the directory `parent`, which is normalised as layer_entry_plan does it; symlinks are followed inside the root. What is absent is
 * made, with mode 0755, if `make`. *ret_fd is borrowed, and good until the next call. -ENOENT if not `make`; -ENOTDIR
 * something else is in the way; -ELOOP; -ENAMETOOLONG. */
int layer_dirs_parent(struct layer_dirs *d, const char *parent, bool make, const char *shown, int *ret_fd,
		      struct err *e) MUST_CHECK;

/* To be called when anything is removed: the next parent is searched for anew. The one found last stays open until then. */
void layer_dirs_forget(struct layer_dirs *d);

/* Remembers what the directory t->name in the parent found last (or the root) gets in the end. `acl` is its default ACL, or empty. */
int layer_dirs_declare(struct layer_dirs *d, const struct layer_entry *t, const struct buf *acl,
		       struct err *e) MUST_CHECK;

/* Completes all directories. Writes the paths of the implied ones, NUL after each, to implied_fd ("." for the root); *ret_implied tells
 * whether there are any. */
int layer_dirs_finish(struct layer_dirs *d, int implied_fd, bool *ret_implied, struct err *e) MUST_CHECK;

/* True for what stands for a removed file: a character device 0/0. overlayfs.rst. */
struct stat;
bool layer_is_whiteout(const struct stat *st);

#endif
