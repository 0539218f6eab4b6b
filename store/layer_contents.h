/* SPDX-License-Identifier: Apache-2.0 */
/* What whoever wrote a layer's files learnt on the way, in a file beside the tree until the layer is sealed. Paths are those of the tree: below its root,
 * through no symlink. Of one path the last record counts. */
#ifndef SAMPAN_STORE_LAYER_CONTENTS_H
#define SAMPAN_STORE_LAYER_CONTENTS_H

#include <limits.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "store/file_sum.h"

enum layer_content_flag {
	LAYER_CONTENT_SUM = 1, /* `sum` is known: the bytes came in order */
	LAYER_CONTENT_FACTS =
		2, /* size, mode and owner are those that the file has, and it has no extended attributes */
	LAYER_CONTENT_XATTRS = 4, /* extended attributes were set on it */
};

/* Of a regular file. All zero: nothing is known of it. */
struct layer_content {
	uint64_t size_bytes;
	struct file_sum sum;
	uint32_t mode; /* permissions and set-ID bits */
	uint32_t uid, gid;
	uint32_t flags; /* enum layer_content_flag */
};

/* The longest record: two paths. */
#define LAYER_CONTENT_RECORD_MAX (sizeof(struct layer_content) + 16 + 2 * ((size_t)PATH_MAX + NAME_MAX + 2))

/* Append one record: of a file just made, or that `path` is a further name of the file that `target` names at this moment. -EFBIG and -ENOMEM of
 * buf_add. */
int layer_content_add(struct buf *out, const struct layer_content *c, const char *path) MUST_CHECK;
int layer_content_add_link(struct buf *out, const char *path, const char *target) MUST_CHECK;

struct layer_contents;

/* Reads the records of a file, from its start; fd -1: there are none. -EBADMSG: they are malformed. */
int layer_contents_load(int fd, struct layer_contents **ret, struct err *e) MUST_CHECK;
void layer_contents_free(struct layer_contents *c);
void layer_contents_free_fn(struct layer_contents **c);
#define cleanup_layer_contents __attribute__((cleanup(layer_contents_free_fn)))

/* What is known of the file at `path`; NULL: nothing. Borrowed. */
const struct layer_content *layer_contents_find(const struct layer_contents *c, const char *path);

#endif
