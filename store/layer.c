/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/timestamp.h"
#include "store/internal.h"
#include "store/layer_sums.h"

void layer_meta_done(struct layer_meta *m)
{
	free(m->media_type);
	free(m->tar_split);
	free(m->created);
	*m = (struct layer_meta){ 0 };
}

static bool is_here(const struct store *s, const char *key)
{
	char path[SUBPATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "layers/%s/tree", key);
	return fstatat(s->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

const struct store *store_of_layer(const struct store *s, const char *key)
{
	if (!store_key_ok(key))
		return NULL;
	if (is_here(s, key))
		return s;
	for (size_t i = 0; i < s->additional_len; i++)
		if (is_here(s->additional[i], key))
			return s->additional[i];
	return NULL;
}

bool layer_exists(const struct store *s, const char *key)
{
	return store_of_layer(s, key);
}

char *layer_tree_path(const struct store *s, const char *key)
{
	const struct store *of = store_of_layer(s, key);
	char *path;

	return asprintf(&path, "%s/layers/%s/tree", of ? of->root : s->root, key) < 0 ? NULL : path;
}

int layer_open_dir(const struct store *s, const char *key, int *ret_fd, struct err *e)
{
	const struct store *of = store_of_layer(s, key);
	char path[SUBPATH_MAX];

	if (!of)
		return err_set(e, -ENOENT, "layer '%.64s' is not in the store", key);
	(void)snprintf(path, sizeof(path), "layers/%s", key);
	return store_open_dir(of, path, ret_fd, e);
}

static const struct json_field META[] = {
	{ "diffId", offsetof(struct layer_meta, diff_id), json_read_digest, .required = true },
	{ "blob", offsetof(struct layer_meta, blob), json_read_digest },
	{ "blobSize", offsetof(struct layer_meta, blob_size), json_read_u64 },
	{ "unpackedSize", offsetof(struct layer_meta, unpacked_size), json_read_u64 },
	{ "mediaType", offsetof(struct layer_meta, media_type), json_read_string },
	{ "tarSplit", offsetof(struct layer_meta, tar_split), json_read_string },
	{ "created", offsetof(struct layer_meta, created), json_read_string },
	{ "madeHere", offsetof(struct layer_meta, is_made_here), json_read_bool },
	{ 0 }
};

int layer_meta_read(const struct store *s, const char *key, struct layer_meta *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(META_MAX);
	struct layer_meta meta = { 0 };
	const struct store *of;
	char path[SUBPATH_MAX];
	int r;

	if (!store_key_ok(key))
		return err_set(e, -EINVAL, "'%.100s' is not a layer's key", key);
	of = store_of_layer(s, key);
	(void)snprintf(path, sizeof(path), "layers/%s/" META_NAME, key);
	r = file_read(of ? of->root_fd : s->root_fd, path, &text, e);
	if (r == 0) {
		r = json_decode(text.data ? text.data : "", text.len, META, &meta, e);
		if (r < 0 && store_error_is_damage(r))
			e->code = -EBADMSG;
	}
	if (r < 0) {
		layer_meta_done(&meta);
		return err_wrap(e, "layer '%s'", key);
	}
	*ret = meta;
	return 0;
}

int layer_split_sum(int dir_fd, char ret[FILE_SUM_TEXT_LEN + 1], struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, LAYER_SPLIT_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_file_summer struct file_summer *summer = NULL;
	struct file_sum sum;
	struct stat st;
	int r;

	ret[0] = '\0';
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "cannot open '" LAYER_SPLIT_NAME "'");
	summer = file_summer_new();
	if (!summer)
		return err_code(e, -ENOMEM, "cannot read '" LAYER_SPLIT_NAME "'");
	file_summer_begin(summer);
	r = file_summer_read(summer, fd, (uint64_t)st.st_size, &sum, e);
	if (r < 0)
		return err_wrap(e, "cannot read '" LAYER_SPLIT_NAME "'");
	file_sum_text(&sum, ret);
	return 0;
}

static int meta_text(const struct layer_meta *meta, const char *split, struct json_out *o,
		     const char **ret_text, size_t *ret_len, struct err *e)
{
	char now[TIMESTAMP_MAX];

	timestamp_now(now);
	json_out_object(o, NULL);
	json_out_string(o, "diffId", meta->diff_id.text);
	if (digest_is_set(&meta->blob))
		json_out_string(o, "blob", meta->blob.text);
	json_out_u64(o, "blobSize", meta->blob_size);
	json_out_u64(o, "unpackedSize", meta->unpacked_size);
	json_out_opt_string(o, "mediaType", meta->media_type);
	json_out_opt_string(o, "tarSplit", *split ? split : NULL);
	json_out_string(o, "created", meta->created ? meta->created : now);
	if (meta->is_made_here)
		json_out_bool(o, "madeHere", true);
	json_out_end(o);
	return json_out_finish(o, ret_text, ret_len, e);
}

static int write_meta(int dir_fd, const struct layer_meta *meta, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, META_MAX);
	char split[FILE_SUM_TEXT_LEN + 1];
	const char *text;
	size_t len;
	int r = layer_split_sum(dir_fd, split, e);

	if (r < 0)
		return r;
	r = meta_text(meta, split, o, &text, &len, e);
	return r < 0 ? r : file_write_atomic(dir_fd, META_NAME, text, len, RECORD_MODE, e);
}

static int write_sums(int dir_fd, struct err *e)
{
	cleanup_fd int contents_fd = openat(dir_fd, LAYER_CONTENTS_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (contents_fd < 0 && errno != ENOENT)
		return err_errno(e, "cannot open '%s'", LAYER_CONTENTS_NAME);
	r = layer_sums_write(dir_fd, contents_fd, e);
	if (r == 0 && contents_fd >= 0 && unlinkat(dir_fd, LAYER_CONTENTS_NAME, 0) < 0)
		return err_errno(e, "cannot remove '%s'", LAYER_CONTENTS_NAME);
	return r;
}

static int seal(const struct staging *st, const char *subdir, const struct layer_meta *meta, int *ret_dir_fd,
		struct err *e)
{
	cleanup_fd int fd = openat(st->fd, subdir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot open '%s' in staging", subdir);
	r = write_sums(fd, e);
	if (r == 0)
		r = write_meta(fd, meta, e);
	if (r == 0)
		*ret_dir_fd = fd_take(&fd);
	return r;
}

int layer_seal(const struct store *s, const struct staging *st, const char *subdir,
	       const struct layer_meta *meta, struct err *e)
{
	cleanup_fd int fd = -1;

	(void)s; /* the staging directory is open already */
	return seal(st, subdir, meta, &fd, e);
}

static int sync_file(int dir_fd, const char *name, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(e, "cannot sync '%s'", name);
	return 0;
}

static int seal_durably(const struct staging *st, const char *subdir, const struct layer_meta *meta,
			struct err *e)
{
	cleanup_fd int fd = -1;
	int r = seal(st, subdir, meta, &fd, e);

	if (r == 0)
		r = sync_file(fd, LAYER_SUMS_NAME, e);
	if (r == 0)
		r = sync_file(fd, META_NAME, e);
	return r < 0 ? r : dir_sync(fd, e);
}

/* What is about to get its final name has all its parts. */
static int check_parts(const struct staging *st, const char *subdir, struct err *e)
{
	static const char *const PARTS[] = { "tree", META_NAME, LAYER_SUMS_NAME };
	char path[SUBPATH_MAX];
	struct stat sb;

	for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", subdir, PARTS[i]);
		if (fstatat(st->fd, path, &sb, AT_SYMLINK_NOFOLLOW) < 0)
			return err_errno(e, "cannot find '%s' in staging", path);
		if (i == 0 && !S_ISDIR(sb.st_mode))
			return err_set(e, -EINVAL, "'%s' in staging is not a directory", path);
	}
	return 0;
}

int layer_commit(const struct store *s, const struct staging *st, const char *subdir, const char *key,
		 const struct layer_meta *meta, struct err *e)
{
	char path[SUBPATH_MAX];
	int r = 0;

	if (!store_key_ok(key))
		return err_set(e, -EINVAL, "'%.100s' is not a layer's key", key);
	if (meta)
		r = seal_durably(st, subdir, meta, e);
	if (r == 0)
		r = check_parts(st, subdir, e);
	if (r < 0)
		return err_wrap(e, "layer '%s'", key);
	(void)snprintf(path, sizeof(path), "layers/%s", key);
	/* ENOTEMPTY, EEXIST: another process has put the same layer there. */
	if (renameat(st->fd, subdir, s->root_fd, path) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		return err_errno(e, "layer '%s': cannot move it into place", key);
	return 0;
}
