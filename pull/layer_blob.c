/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's blob, as the registry had it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "pull/deflate.h"
#include "pull/hash.h"
#include "pull/layer_rebuild.h"
#include "pull/source.h"
#include "pull/split_file.h"
#include "store/blob.h"
#include "store/layer.h"

#define XFL_AT 8 /* RFC 1952: 2 for the best compression, 4 for the fastest */

static int begin_hash(void *arg, struct err *e)
{
	hash_done(arg);
	return hash_init(arg, "sha256", e);
}

static int add_to_hash(void *arg, const void *data, size_t len, struct err *e)
{
	return hash_update(arg, data, len, e);
}

/* *ret: NULL if the blob was no gzip. Owned. */
static int read_header(const struct store *s, const char *key, struct split_record **ret, struct err *e)
{
	cleanup_split_reader struct split_reader *reader = NULL;
	cleanup_free struct split_record *record = malloc(sizeof(*record));
	cleanup_fd int dir_fd = -1;
	cleanup_fd int fd = -1;
	int r;

	if (!record)
		return err_code(e, -ENOMEM, "cannot rebuild a blob");
	r = layer_open_dir(s, key, &dir_fd, e);
	if (r < 0)
		return r;
	fd = openat(dir_fd, LAYER_SPLIT_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, -EOPNOTSUPP,
			       "what its tar had beside files was not kept (pull it again after sampan rmi)");
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", LAYER_SPLIT_NAME);
	r = split_reader_new(fd, &reader, e);
	if (r == 0)
		r = split_reader_next(reader, record, e);
	if (r == 0)
		*ret = record->kind == SPLIT_GZIP ? ptr_take(record) : NULL;
	return r;
}

static int deflate_into(const struct store *s, const char *key, const struct split_record *header, int level,
			const struct sink *sink, struct err *e)
{
	cleanup_deflater struct deflater *d = NULL;
	struct sink front;
	int r = deflater_new(header->data, header->len, level, sink, &d, e);

	if (r < 0)
		return r;
	front = deflater_sink(d);
	r = layer_tar_rebuild(s, key, &front, e);
	return r < 0 ? r : deflater_finish(d, e);
}

static int gives_digest(const struct store *s, const char *key, const struct split_record *header, int level,
			const struct digest *want, bool *ret, struct err *e)
{
	cleanup_hash struct hash h = { 0 };
	const struct sink sink = { .begin = begin_hash, .write = add_to_hash, .arg = &h };
	struct digest actual;
	int r = deflate_into(s, key, header, level, &sink, e);

	if (r == 0)
		r = hash_final(&h, &actual, e);
	if (r == 0)
		*ret = digest_equal(&actual, want);
	return r;
}

/* Levels that write this header, the usual one first. */
static const int *levels_of(const struct split_record *header)
{
	static const int BEST[] = { 9, 0 }, FASTEST[] = { 1, 0 }, OTHERS[] = { 6, 5, 7, 4, 8, 3, 2, 0 };
	int xfl = header->len > XFL_AT ? header->data[XFL_AT] : 0;

	return xfl == 2 ? BEST : xfl == 4 ? FASTEST : OTHERS;
}

static int rebuild_gzip(const struct store *s, const char *key, const struct digest *blob,
			const struct sink *sink, struct err *e)
{
	cleanup_free struct split_record *header = NULL;
	int r = read_header(s, key, &header, e);

	if (r < 0)
		return r;
	if (!header)
		return err_set(e, -EOPNOTSUPP,
			       "it was not compressed with gzip, which is all that can be redone");
	for (const int *level = levels_of(header); *level; level++) {
		bool same = false;

		r = gives_digest(s, key, header, *level, blob, &same, e);
		if (r < 0)
			return r;
		if (same)
			return deflate_into(s, key, header, *level, sink, e);
	}
	return err_set(e, -EOPNOTSUPP,
		       "it was not compressed by zlib, but by another program whose output cannot be redone");
}

int layer_blob_rebuild(const struct store *s, const char *key, const struct sink *sink, struct err *e)
{
	struct layer_meta meta = { 0 };
	cleanup_fd int fd = -1;
	int r = layer_meta_read(s, key, &meta, e);

	if (r == 0 && digest_equal(&meta.blob, &meta.diff_id))
		r = layer_tar_rebuild(s, key, sink, e);
	else if (r == 0 && blob_open(s, &meta.blob, &fd, e) == 0)
		r = source_copy_fd(fd, sink, e);
	else if (r == 0)
		r = rebuild_gzip(s, key, &meta.blob, sink, e);
	layer_meta_done(&meta);
	return r < 0 ? err_wrap(e, "cannot make the blob of layer '%.12s' again", key) : 0;
}
