/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/layer_tar.h"
#include "common/cleanup.h"
#include "oci/descriptor.h"
#include "pull/encoder.h"
#include "pull/tree_tar.h"

/* --- times ---------------------------------------------------------------------------------------------- */

static int clamp_dir(int fd, int64_t epoch, unsigned int depth, struct err *e);

static int clamp_entry(int dir_fd, const char *name, int64_t epoch, unsigned int depth, struct err *e)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = epoch } };
	struct stat st;
	int r = 0;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "cannot look at '%s'", name);
	if (S_ISDIR(st.st_mode)) {
		int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		r = fd < 0 ? err_errno(e, "cannot open '%s'", name) : clamp_dir(fd, epoch, depth + 1, e);
	}
	if (r == 0 && st.st_mtim.tv_sec >= epoch && utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "cannot set the time of '%s'", name);
	return r;
}

/* Takes fd. */
static int clamp_dir(int fd, int64_t epoch, unsigned int depth, struct err *e)
{
	cleanup_dir DIR *dir = fdopendir(fd);
	const struct dirent *d;
	int r = 0;

	if (!dir) {
		cleanup_fd_fn(&fd);
		return err_errno(e, "cannot list a directory");
	}
	if (depth > TREE_TAR_DEPTH_MAX)
		return err_set(e, -ELOOP, "directories are nested deeper than %d", TREE_TAR_DEPTH_MAX);
	while (r == 0 && (errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = clamp_entry(dirfd(dir), d->d_name, epoch, depth, e);
	return r == 0 && errno ? err_errno(e, "cannot list a directory") : r;
}

static int clamp(int tree_fd, int64_t epoch, struct err *e)
{
	int fd = openat(tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "cannot list a directory") : clamp_dir(fd, epoch, 0, e);
}

/* The root is no part of what a step does, and its time would make each layer another one. */
static int settle_root(int tree_fd, struct err *e)
{
	const struct timespec times[] = { { 0 }, { 0 } };

	return futimens(tree_fd, times) < 0 ? err_errno(e, "cannot set the time of a layer") : 0;
}

/* --- the layer ------------------------------------------------------------------------------------------ */

/* Times, and what its tar is. */
static int describe(int dir_fd, const int64_t *epoch, struct copy_later *later, struct layer_tar *ret,
		    struct err *e)
{
	cleanup_fd int tree_fd = openat(dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (tree_fd < 0)
		return err_errno(e, "cannot open 'tree' in staging");
	r = epoch ? clamp(tree_fd, *epoch, e) : 0;
	if (r == 0)
		r = settle_root(tree_fd, e);
	return r < 0 ? r : layer_tar_make(dir_fd, tree_fd, later, ret, e);
}

static void set_created(const int64_t *epoch, struct step_layer *layer)
{
	const struct timespec at = { .tv_sec = epoch ? (time_t)*epoch : 0 };

	if (epoch)
		timestamp_format(&at, layer->created);
	else
		timestamp_now(layer->created);
}

static int keep(const struct store *s, const struct staging *st, const char *name,
		const struct step_layer *layer, uint64_t files, struct err *e)
{
	const struct layer_meta meta = {
		.diff_id = layer->diff_id,
		.blob = layer->diff_id,
		.is_made_here = true,
		.blob_size = layer->tar_bytes,
		.unpacked_size = files,
		.media_type = (char *)(uintptr_t)compression_media_type(COMPRESSION_NONE, false),
		.created = (char *)(uintptr_t)layer->created,
	};
	int r = layer_seal(s, st, name, &meta, e);

	if (r == 0)
		r = store_sync(s, e);
	return r < 0 ? r : layer_commit(s, st, name, layer->key, NULL, e);
}

int step_layer_commit(const struct store *s, const struct staging *st, const char *name, const int64_t *epoch,
		      struct copy_later *later, struct step_layer *ret, struct err *e)
{
	cleanup_fd int dir_fd = openat(st->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct step_layer layer = { 0 };
	struct layer_tar tar;
	int r;

	if (dir_fd < 0)
		return err_errno(e, "cannot open '%s' in staging", name);
	r = describe(dir_fd, epoch, later, &tar, e);
	if (r < 0)
		return r;
	layer.diff_id = tar.diff_id;
	layer.tar_bytes = tar.bytes;
	(void)snprintf(layer.key, sizeof(layer.key), "%.64s", digest_hex(&tar.diff_id));
	set_created(epoch, &layer);
	if (layer_exists(s, layer.key)) {
		/* What is equal needs no place of its own; its time is that of the first. */
		r = step_layer_load(s, layer.key, ret, e);
		if (r == 0)
			ret->tar_bytes = layer.tar_bytes;
		return r;
	}
	r = keep(s, st, name, &layer, tar.file_bytes, e);
	if (r == 0)
		*ret = layer;
	return r;
}

static int load(const struct store *s, const char *key, struct step_layer *ret, bool *ret_was_tar,
		struct err *e)
{
	struct layer_meta meta = { 0 };
	int r = layer_meta_read(s, key, &meta, e);

	if (r < 0)
		return r;
	*ret_was_tar = digest_equal(&meta.blob, &meta.diff_id);
	*ret = (struct step_layer){ .diff_id = meta.diff_id, .tar_bytes = meta.blob_size };
	(void)snprintf(ret->key, sizeof(ret->key), "%.64s", key);
	(void)snprintf(ret->created, sizeof(ret->created), "%s", meta.created ? meta.created : "");
	layer_meta_done(&meta);
	return 0;
}

int step_layer_load(const struct store *s, const char *key, struct step_layer *ret, struct err *e)
{
	bool was_tar;

	return load(s, key, ret, &was_tar, e);
}

int step_layer_find(const struct store *s, const struct step_record *record, struct step_layer *ret,
		    struct err *e)
{
	struct timespec t;
	bool was_tar;
	int r = load(s, record->layer, ret, &was_tar, e);

	if (r < 0)
		return r;
	if (!was_tar)
		ret->tar_bytes = record->size_bytes;
	if (record->created && strlen(record->created) < sizeof(ret->created) &&
	    timestamp_parse(record->created, &t) == 0)
		(void)snprintf(ret->created, sizeof(ret->created), "%s", record->created);
	return 0;
}
