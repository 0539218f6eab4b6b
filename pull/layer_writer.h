/* SPDX-License-Identifier: Apache-2.0 */
/* A tar's bytes -> a layer's directory, entry by entry. No path of the archive is resolved outside the root, with or without a sandbox
 * around the caller. image-spec layer.md. */
#ifndef SAMPAN_PULL_LAYER_WRITER_H
#define SAMPAN_PULL_LAYER_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

/* Where the tar comes from, block by block. The larger the blocks, the fewer write(2). */
struct layer_source {
	/* Points *ret_block at the next bytes, good until the next call, and returns how many; 0 at the end, negative errno. */
	ssize_t (*next)(void *arg, const void **ret_block, struct err *e);
	void *arg;
};

struct layer_target {
	int root_fd;     /* the layer's directory, empty */
	int implied_fd;  /* where layer_dirs_finish lists implied directories */
	int contents_fd; /* where what is known of regular files goes (store/layer_contents.h); -1: nowhere */
	bool lenient;    /* owners, devices and capabilities that the kernel refuses us are left out */
	uint64_t max_bytes;
	uint64_t max_entries;
};

struct layer_stats {
	uint64_t bytes; /* of file contents, holes not counted */
	uint64_t entries;
	bool has_implied_dirs;
	bool root_is_opaque;
};

/* Writes all of the archive and reads the source to its end. Changes the umask and the thread's locale while it runs. The descriptors are
 * borrowed. -EINVAL malformed, -EFBIG over a limit, the source's own error, and those of the file system. */
int layer_write(const struct layer_source *from, const struct layer_target *to, struct layer_stats *ret,
		struct err *e) MUST_CHECK;

/* Loads what libarchive would load from disk later, when its root is the layer's and nothing in it may be trusted. */
void layer_write_prepare(void);

#endif
