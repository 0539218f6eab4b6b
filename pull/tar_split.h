/* SPDX-License-Identifier: Apache-2.0 */
/* A tar as it passes: what is contents of a regular file, and where that is in the unpacked layer, and what is anything else (headers, padding,
 * what follows the end). The second part is all that must be kept to make the same tar again, bit for bit. Pure. Knows ustar, pax and GNU tar; what it
 * does not understand counts as anything else, which is never wrong, only larger. docs/store.md, "Tars". */
#ifndef SAMPAN_PULL_TAR_SPLIT_H
#define SAMPAN_PULL_TAR_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct tar_split;

/* In the tar's order. Each returns 0, or a negative errno that tar_split_feed hands on. */
struct tar_split_out {
	int (*raw)(void *arg, const void *data, size_t len, struct err *e);
	/* `size_bytes` of contents are left out; they are those of `path`, relative to the layer's root, without "." and "..". */
	int (*file)(void *arg, const char *path, uint64_t size_bytes, struct err *e);
	void *arg;
};

/* *out is copied. */
int tar_split_new(const struct tar_split_out *out, struct tar_split **ret, struct err *e) MUST_CHECK;
void tar_split_free(struct tar_split *t);
void tar_split_free_fn(struct tar_split **t);
#define cleanup_tar_split __attribute__((cleanup(tar_split_free_fn)))

/* The next bytes of the tar, in pieces of any size. */
int tar_split_feed(struct tar_split *t, const void *data, size_t len, struct err *e) MUST_CHECK;

/* The tar has ended: what is in hand is passed on. */
int tar_split_end(struct tar_split *t, struct err *e) MUST_CHECK;

#endif
