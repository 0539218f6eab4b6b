/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's tar and blob again, from its unpacked files and what was kept of its tar: for push and save, where blobs were not kept. */
#ifndef SAMPAN_PULL_LAYER_REBUILD_H
#define SAMPAN_PULL_LAYER_REBUILD_H

#include "common/err.h"
#include "pull/sink.h"
#include "store/store.h"

/* The name of what is kept, beside the layer's tree. */
#define LAYER_SPLIT_NAME "tar-split"

/* Writes the uncompressed tar of layers/<key> into the sink: bit for bit the one that was unpacked, whose digest is the layer's diff ID. That is checked
 * with the last byte: after a failure, what the sink has is garbage. The caller holds the store's lock, shared, or has a record that needs the layer.
 * -ENOENT no such layer; -EOPNOTSUPP it was made without keeping what its tar had beside files; -EBADMSG the result has another digest: a file is
 * damaged (sampan fsck), or the tar had it twice, or behind a symlink. The sink's error. */
int layer_tar_rebuild(const struct store *s, const char *key, const struct sink *sink,
		      struct err *e) MUST_CHECK;

/* Writes the blob of layers/<key> into the sink, bit for bit as the registry had it, whose digest its meta.json has: the kept one, or the tar, if the blob
 * was not compressed, or the tar compressed by zlib with the header that the blob had, if that gives the digest: it does for what zlib itself made (Python's gzip,
 * pigz -11 excepted, most C programs), and does not for Go's compress/gzip (docker, buildkit, podman), GNU gzip, and zstd. For those -EOPNOTSUPP, with the reason:
 * push and save then send the tar compressed anew, under another digest, or uncompressed. Nothing is written to the sink before it is certain. */
int layer_blob_rebuild(const struct store *s, const char *key, const struct sink *sink,
		       struct err *e) MUST_CHECK;

#endif
