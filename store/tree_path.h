/* SPDX-License-Identifier: Apache-2.0 */
/* The path of the entry that a walk is at. Inside store/ only. */
#ifndef SAMPAN_STORE_TREE_PATH_H
#define SAMPAN_STORE_TREE_PATH_H

#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

/* Of a path in a layer: names of 255 bytes, as deep as there is memory for. */
#define TREE_PATH_MAX_BYTES (16u << 20)

struct tree_path {
	struct buf text; /* below the root; the name that was given for the root itself */
	size_t *ends;    /* of the path's first n components */
	size_t cap;
};
#define TREE_PATH_INIT ((struct tree_path){ .text = BUF_INIT(TREE_PATH_MAX_BYTES) })

/* Goes to `name` at `depth`, in the order of store/tree_walk. -ENOMEM, -EFBIG. */
int tree_path_set(struct tree_path *p, size_t depth, const char *name) MUST_CHECK;

void tree_path_done(struct tree_path *p);
#define cleanup_tree_path __attribute__((cleanup(tree_path_done)))

#endif
