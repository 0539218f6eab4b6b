/* SPDX-License-Identifier: Apache-2.0 */
#include "build/layer_tar.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/hash_apart.h"
#include "pull/split_file.h"
#include "pull/tar_split.h"
#include "pull/tree_tar.h"
#include "store/layer.h"
#include "store/layer_contents.h"

#define FILE_MODE     0600
#define RECORDS_BYTES ((size_t)64 << 10) /* that are written at a time */
#define WORTH_RECORDS 32 /* a file of records costs more than to read so few files once more, */
#define WORTH_BYTES   (UINT64_C(1) << 20) /* unless they are large */

/* --- what is learnt of the files -------------------------------------------------------------------------- */

/* Whoever seals the layer looks at no file again that is listed (store/layer_contents.h). */
struct learning {
	int dir_fd;
	int fd; /* of LAYER_CONTENTS_NAME; -1: it was not worth it so far */
	struct buf records;
	uint64_t len, bytes; /* files, and of their contents */
	struct file_summer *summer;
	uint64_t at;              /* in the file in hand */
	struct copy_later *later; /* goes along; NULL: nothing is left to be copied */
	struct hash_apart *hash;  /* of the tar */
};

static void learning_done(struct learning *l)
{
	cleanup_fd_fn(&l->fd);
	buf_done(&l->records);
	file_summer_free(l->summer);
}

static int cannot_list(int code, struct err *e)
{
	return err_code(e, code, "cannot write '" LAYER_CONTENTS_NAME "'");
}

static int flush_records(struct learning *l, struct err *e)
{
	int r;

	if (l->fd < 0)
		l->fd = openat(l->dir_fd, LAYER_CONTENTS_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			       FILE_MODE);
	if (l->fd < 0)
		return err_errno(e, "cannot make '" LAYER_CONTENTS_NAME "'");
	r = write_all(l->fd, l->records.data, l->records.len);
	buf_clear(&l->records);
	return r < 0 ? cannot_list(r, e) : 0;
}

static int noted(struct learning *l, int r, struct err *e)
{
	if (r < 0)
		return cannot_list(r, e);
	l->len++;
	return l->records.len >= RECORDS_BYTES ? flush_records(l, e) : 0;
}

static int end_records(struct learning *l, struct err *e)
{
	bool is_worth_it = l->fd >= 0 || l->len >= WORTH_RECORDS || l->bytes >= WORTH_BYTES;

	return is_worth_it && l->records.len > 0 ? flush_records(l, e) : 0;
}

static void *find_room(void *arg, size_t *ret_len)
{
	struct learning *l = arg;

	return hash_apart_room(l->hash, ret_len);
}

static int on_file(void *arg, const struct tree_tar_file *file, int *from_fd, struct err *e)
{
	struct learning *l = arg;

	if (!l->summer)
		l->summer = file_summer_new();
	if (!l->summer)
		return err_code(e, -ENOMEM, "cannot make a tar");
	file_summer_begin(l->summer);
	l->at = 0;
	return l->later ? copy_later_begin(l->later, file, from_fd, e) : 0;
}

static int on_data(void *arg, const void *data, size_t len, struct err *e)
{
	struct learning *l = arg;

	file_summer_add(l->summer, l->at, data, len);
	l->at += len;
	return l->later ? copy_later_data(l->later, data, len, e) : 0;
}

static int on_file_end(void *arg, const struct tree_tar_file *file, bool is_whole, struct err *e)
{
	const struct stat *st = file->st;
	struct layer_content content = { .size_bytes = (uint64_t)st->st_size,
					 .mode = st->st_mode & 07777,
					 .uid = st->st_uid,
					 .gid = st->st_gid,
					 .flags = file->has_xattrs ? LAYER_CONTENT_XATTRS
								   : LAYER_CONTENT_FACTS };
	struct learning *l = arg;
	int r = l->later ? copy_later_end(l->later, file, e) : 0;

	if (r < 0)
		return r;
	if (!is_whole || !file_summer_finish(l->summer, content.size_bytes, &content.sum))
		return 0; /* it is looked at once more */
	content.flags |= LAYER_CONTENT_SUM;
	l->bytes += content.size_bytes;
	return noted(l, layer_content_add(&l->records, &content, file->path), e);
}

static int on_link(void *arg, const char *path, const char *target, struct err *e)
{
	struct learning *l = arg;

	return noted(l, layer_content_add_link(&l->records, path, target), e);
}

/* --- the tar ---------------------------------------------------------------------------------------------- */

/* Where it goes: into its digest, and what is no contents of files into a file. */
struct outlet {
	struct hash_apart hash;
	struct tar_split *split;
	struct split_writer *kept;
	struct learning learning;
	uint64_t total, files; /* bytes: of it, and of files' contents in it */
};

static void outlet_done(struct outlet *o)
{
	hash_apart_done(&o->hash);
	tar_split_free(o->split);
	split_writer_free(o->kept);
	learning_done(&o->learning);
}
#define cleanup_outlet __attribute__((cleanup(outlet_done)))

static int on_begin(void *arg, struct err *e)
{
	(void)arg; /* it is begun once */
	(void)e;
	return 0;
}

static int on_write(void *arg, const void *data, size_t len, struct err *e)
{
	struct outlet *o = arg;
	int r = hash_apart_update(&o->hash, data, len, e);

	o->total += len;
	return r < 0 ? r : tar_split_feed(o->split, data, len, e);
}

static int keep_raw(void *arg, const void *data, size_t len, struct err *e)
{
	struct outlet *o = arg;

	return split_writer_raw(o->kept, data, len, e);
}

static int keep_file(void *arg, const char *path, uint64_t size_bytes, struct err *e)
{
	struct outlet *o = arg;

	o->files += size_bytes;
	return split_writer_file(o->kept, path, size_bytes, e);
}

static int open_outlet(int dir_fd, int split_fd, struct outlet *o, struct err *e)
{
	int r = hash_apart_init(&o->hash, "sha256", e);

	o->learning.dir_fd = dir_fd;
	o->learning.hash = &o->hash;
	o->learning.records = BUF_INIT(RECORDS_BYTES + LAYER_CONTENT_RECORD_MAX);
	if (r == 0)
		r = split_writer_new(split_fd, &o->kept, e);
	if (r == 0) {
		const struct tar_split_out to = { .raw = keep_raw, .file = keep_file, .arg = o };

		r = tar_split_new(&to, &o->split, e);
	}
	return r;
}

static int write_tar(int tree_fd, struct outlet *o, struct err *e)
{
	const struct tree_tar_watch watch = { .room = find_room,
					      .begin = on_file,
					      .data = on_data,
					      .end = on_file_end,
					      .link = on_link,
					      .arg = &o->learning };
	const struct sink sink = { .begin = on_begin, .write = on_write, .arg = o };
	int r = tree_tar_write_watched(tree_fd, TREE_TAR_LAYER, &sink, &watch, e);

	if (r == 0)
		r = end_records(&o->learning, e);
	if (r == 0)
		r = tar_split_end(o->split, e);
	return r == 0 ? split_writer_end(o->kept, e) : r;
}

static int make_once(int dir_fd, int tree_fd, struct copy_later *later, struct layer_tar *ret, struct err *e)
{
	cleanup_outlet struct outlet o = { .learning = { .fd = -1, .later = later } };
	cleanup_fd int split_fd = -1;
	int r;

	split_fd = openat(dir_fd, LAYER_SPLIT_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (split_fd < 0)
		return err_errno(e, "cannot make '" LAYER_SPLIT_NAME "'");
	r = open_outlet(dir_fd, split_fd, &o, e);
	if (r == 0)
		r = write_tar(tree_fd, &o, e);
	if (r == 0)
		r = hash_apart_final(&o.hash, &ret->diff_id, e);
	ret->bytes = o.total;
	ret->file_bytes = o.files;
	return r;
}

int layer_tar_make(int dir_fd, int tree_fd, struct copy_later *later, struct layer_tar *ret, struct err *e)
{
	bool again = false;
	int r = make_once(dir_fd, tree_fd, later, ret, e);

	if (r == 0 && later)
		r = copy_later_rest(later, &again, e);
	if (r < 0 || !again)
		return r;
	if (unlinkat(dir_fd, LAYER_SPLIT_NAME, 0) < 0 ||
	    (unlinkat(dir_fd, LAYER_CONTENTS_NAME, 0) < 0 && errno != ENOENT))
		return err_errno(e, "cannot make a tar once more");
	return make_once(dir_fd, tree_fd, NULL, ret, e);
}
