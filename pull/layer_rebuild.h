/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's tar and blob again, from its unpacked files and what was kept of its tar: for push and save, where blobs were not kept. */
#ifndef SAMPAN_PULL_LAYER_REBUILD_H
#define SAMPAN_PULL_LAYER_REBUILD_H

#include "common/err.h"
#include "pull/sink.h"
#include "store/layer.h"
#include "store/store.h"

/* A layer of the store, open: what follows needs neither paths nor the store. */
struct layer_rebuild {
	int dir_fd; /* -1 when empty */
	struct layer_meta meta;
};

/* Opens layers/<key>. The caller holds the store's lock, shared, or has a record that needs the layer. -ENOENT no such layer; -EBADMSG its meta.json is
 * damaged. */
int layer_rebuild_open(const struct store *s, const char *key, struct layer_rebuild *ret,
		       struct err *e) MUST_CHECK;
void layer_rebuild_done(struct layer_rebuild *l);
#define cleanup_layer_rebuild __attribute__((cleanup(layer_rebuild_done)))

/* Writes the uncompressed tar of the layer into the sink: bit for bit the one that was unpacked, whose digest is the layer's diff ID. That is checked
 * with the last byte: after a failure, what the sink has is garbage.
 * -EOPNOTSUPP the layer was made without keeping what its tar had beside files; -EBADMSG the result has another digest: a file is damaged
 * (sampan fsck), or the tar had it twice, or behind a symlink. The sink's error. */
int layer_rebuild_tar(const struct layer_rebuild *l, const struct sink *sink, struct err *e) MUST_CHECK;

/* Writes the blob of the layer into the sink, bit for bit as the registry had it, whose digest its meta.json has: the tar, if the blob was not compressed, or
 * the tar compressed by zlib with the header that the blob had, if that gives the digest: it does for what zlib itself made (Python's gzip, most C
 * programs), and does not for Go's compress/gzip (docker, buildkit, podman), GNU gzip, pigz, and zstd. For those -EOPNOTSUPP, with the reason, as a
 * rule before the sink is begun. What is compressed is checked with the last byte: each try that begins the sink anew makes garbage of what it has. Other errors
 * as above. */
int layer_rebuild_blob(const struct layer_rebuild *l, const struct sink *sink, struct err *e) MUST_CHECK;

/* --- between the two: layer_rebuild.c and layer_blob.c --- */

/* Opens what was kept of the tar. -EOPNOTSUPP nothing was. */
int layer_rebuild_split(const struct layer_rebuild *l, int *ret_fd, struct err *e) MUST_CHECK;

/* layer_rebuild_tar, without a look at the digest: somebody else has one to compare. */
int layer_rebuild_unchecked(const struct layer_rebuild *l, const struct sink *sink, struct err *e) MUST_CHECK;

#endif
