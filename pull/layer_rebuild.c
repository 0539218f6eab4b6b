/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/layer_rebuild.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/rootfd.h"
#include "pull/hash.h"
#include "pull/layer_entry.h"
#include "pull/split_file.h"

#define BLOCK_BYTES ((size_t)256 << 10)

struct rebuild {
	int tree_fd;
	struct split_reader *reader;
	struct split_record *record;
	const struct sink *sink;
	struct hash *hash; /* NULL: nobody asks */
	char *block;
};

static void rebuild_done(struct rebuild *b)
{
	split_reader_free(b->reader);
	free(b->record);
	free(b->block);
	cleanup_fd_fn(&b->tree_fd);
}
#define cleanup_rebuild __attribute__((cleanup(rebuild_done)))

void layer_rebuild_done(struct layer_rebuild *l)
{
	cleanup_fd_fn(&l->dir_fd);
	l->dir_fd = -1;
	layer_meta_done(&l->meta);
}

int layer_rebuild_open(const struct store *s, const char *key, struct layer_rebuild *ret, struct err *e)
{
	cleanup_layer_rebuild struct layer_rebuild l = { .dir_fd = -1 };
	int r = layer_open_dir(s, key, &l.dir_fd, e);

	if (r < 0)
		return r == -ENOENT ? err_set(e, r, "it is not in the store") : r;
	r = layer_meta_read(s, key, &l.meta, e);
	if (r < 0)
		return r;
	ret->dir_fd = fd_take(&l.dir_fd);
	ret->meta = l.meta;
	l.meta = (struct layer_meta){ 0 };
	return 0;
}

int layer_rebuild_split(const struct layer_rebuild *l, int *ret_fd, struct err *e)
{
	int fd = openat(l->dir_fd, LAYER_SPLIT_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return err_set(e, -EOPNOTSUPP,
			       "what its tar had beside files was not kept (pull it again after sampan rmi)");
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", LAYER_SPLIT_NAME);
	*ret_fd = fd;
	return 0;
}

static int pass(struct rebuild *b, const void *data, size_t len, struct err *e)
{
	int r = b->hash ? hash_update(b->hash, data, len, e) : 0;

	return r < 0 ? r : b->sink->write(b->sink->arg, data, len, e);
}

static int open_file(const struct rebuild *b, const char *path, uint64_t size, const char *shown, int *ret_fd,
		     struct err *e)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r = rootfd_open(b->tree_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &fd, e);

	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
		return err_set(
			e, -EBADMSG,
			"its file '%s' is not there any more (a later entry replaced it, or it is damaged: "
			"sampan fsck)",
			shown);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at '%s'", shown);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return err_set(
			e, -EBADMSG,
			"its file '%s' has another size than in its tar (a later entry replaced it, or it is "
			"damaged: sampan fsck)",
			shown);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* The tar had exactly so many bytes of it. */
static int pass_file(struct rebuild *b, const char *path, uint64_t size, struct err *e)
{
	char shown[LAYER_SHOWN_MAX];
	cleanup_fd int fd = -1;
	int r;

	layer_path_show(path, shown);
	r = open_file(b, path, size, shown, &fd, e);
	while (r == 0 && size > 0) {
		size_t n = size < BLOCK_BYTES ? (size_t)size : BLOCK_BYTES;

		r = read_exactly(fd, b->block, n);
		if (r < 0)
			return err_code(e, r, "cannot read '%s'", shown);
		r = pass(b, b->block, n, e);
		size -= n;
	}
	return r;
}

static int pass_all(struct rebuild *b, struct err *e)
{
	int r;

	for (;;) {
		r = split_reader_next(b->reader, b->record, e);
		if (r < 0 || b->record->kind == SPLIT_END)
			return r;
		if (b->record->kind == SPLIT_RAW)
			r = pass(b, b->record->data, b->record->len, e);
		else if (b->record->kind == SPLIT_FILE)
			r = pass_file(b, b->record->data, b->record->size_bytes, e);
		if (r < 0)
			return r;
	}
}

static int rebuild(const struct layer_rebuild *l, const struct sink *sink, struct hash *hash, struct err *e)
{
	cleanup_rebuild struct rebuild b = { .tree_fd = -1, .sink = sink, .hash = hash };
	cleanup_fd int split_fd = -1;
	int r = layer_rebuild_split(l, &split_fd, e);

	if (r < 0)
		return r;
	b.tree_fd = openat(l->dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (b.tree_fd < 0)
		return err_errno(e, "cannot open 'tree'");
	b.record = malloc(sizeof(*b.record));
	b.block = malloc(BLOCK_BYTES);
	if (!b.record || !b.block)
		return err_code(e, -ENOMEM, "cannot rebuild a tar");
	r = split_reader_new(split_fd, &b.reader, e);
	if (r == 0)
		r = sink->begin(sink->arg, e);
	return r < 0 ? r : pass_all(&b, e);
}

int layer_rebuild_unchecked(const struct layer_rebuild *l, const struct sink *sink, struct err *e)
{
	return rebuild(l, sink, NULL, e);
}

int layer_rebuild_tar(const struct layer_rebuild *l, const struct sink *sink, struct err *e)
{
	const struct digest *diff_id = &l->meta.diff_id;
	cleanup_hash struct hash hash = { 0 };
	struct digest actual;
	int r = hash_init(&hash, digest_algorithm(diff_id), e);

	if (r == 0)
		r = rebuild(l, sink, &hash, e);
	if (r == 0)
		r = hash_final(&hash, &actual, e);
	if (r < 0 || digest_equal(&actual, diff_id))
		return r;
	return err_set(e, -EBADMSG,
		       "its tar comes out with digest %s, not %s (a file is damaged: sampan fsck; or the tar "
		       "had a file "
		       "twice)",
		       actual.text, diff_id->text);
}
