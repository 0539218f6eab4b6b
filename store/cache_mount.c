/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cache_mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "store/internal.h"
#include "store/layer.h"

#define ID_NAME     "id"
#define DATA_NAME   "data"
#define STAGED      "mount"
#define ATTEMPTS    16 /* of opening one that others remove at the same time */
#define SIZE_LEVELS 64 /* that are looked at: trees may be hostile, and the sum is for people */

void cache_mount_done(struct cache_mount *m)
{
	if (m->data_fd >= 0)
		(void)close(m->data_fd);
	if (m->lock_fd >= 0)
		(void)close(m->lock_fd);
	*m = CACHE_MOUNT_EMPTY;
}

/* --- names ---------------------------------------------------------------------------------------------- */

/* A key, and for the further ones of an id "." and their number. */
static bool is_name(const char *name)
{
	char key[HEX_KEY_LEN + 1];
	uint64_t slot;

	if (strnlen(name, CACHE_MOUNT_NAME_LEN + 1) > CACHE_MOUNT_NAME_LEN || strlen(name) < HEX_KEY_LEN)
		return false;
	(void)snprintf(key, sizeof(key), "%.*s", HEX_KEY_LEN, name);
	if (!store_key_ok(key))
		return false;
	name += HEX_KEY_LEN;
	return !*name || (*name == '.' && parse_u64(name + 1, 1, CACHE_MOUNT_SLOTS_MAX - 1, &slot) == 0);
}

static void make_name(const struct cache_mount_request *q, unsigned int slot,
		      char ret[CACHE_MOUNT_NAME_LEN + 1])
{
	if (slot == 0)
		(void)snprintf(ret, CACHE_MOUNT_NAME_LEN + 1, "%.64s", digest_hex(&q->id_digest));
	else
		(void)snprintf(ret, CACHE_MOUNT_NAME_LEN + 1, "%.64s.%u", digest_hex(&q->id_digest),
			       slot % CACHE_MOUNT_SLOTS_MAX);
}

static void make_path(const char *name, char ret[SUBPATH_MAX])
{
	(void)snprintf(ret, SUBPATH_MAX, MOUNTS_DIR "/%s", name);
}

char *cache_mount_data_path(const struct store *s, const char *name)
{
	char *path;

	return asprintf(&path, "%s/" MOUNTS_DIR "/%s/" DATA_NAME, s->root, name) < 0 ? NULL : path;
}

/* --- making --------------------------------------------------------------------------------------------- */

/* The owner first: a change of it takes set-ID bits away. */
static int make_data(int dir_fd, const struct cache_mount_request *q)
{
	cleanup_fd int fd = -1;

	if (mkdirat(dir_fd, DATA_NAME, DIR_MODE) < 0)
		return -errno;
	fd = openat(dir_fd, DATA_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, q->uid, q->gid) < 0 || fchmod(fd, q->mode & 07777) < 0)
		return -errno;
	return 0;
}

static int note_use(int dir_fd, int64_t now_s)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = now_s } };

	return utimensat(dir_fd, ID_NAME, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int fill(const struct store *s, const struct staging *st, const struct cache_mount_request *q,
		const char *name, struct err *e)
{
	cleanup_fd int fd = -1;
	char from[SUBPATH_MAX], to[SUBPATH_MAX];
	int r = dir_make_open(st->fd, STAGED, DIR_MODE, &fd, e);

	if (r == 0)
		r = file_write_atomic(fd, ID_NAME, q->id, strlen(q->id), RECORD_MODE, e);
	if (r < 0)
		return r;
	r = make_data(fd, q);
	if (r == 0)
		r = note_use(fd, q->now_s);
	(void)snprintf(from, sizeof(from), "staging/%s/" STAGED, st->name);
	make_path(name, to);
	if (r == 0 && renameat(s->root_fd, from, s->root_fd, to) < 0)
		r = errno == ENOTEMPTY ? -EEXIST : -errno;
	return r < 0 ? err_code(e, r, "cannot make '%s/%s'", s->root, to) : 0;
}

/* -EEXIST: somebody was faster. */
static int make(const struct store *s, const struct cache_mount_request *q, const char *name, struct err *e)
{
	struct staging st = { .fd = -1 };
	cleanup_fd int dir_fd = -1;
	int r = dir_make_open(s->root_fd, MOUNTS_DIR, DIR_MODE, &dir_fd, e);

	if (r == 0)
		r = staging_begin(s, &st, e);
	if (r < 0)
		return store_explain_full(s, e);
	r = fill(s, &st, q, name, e);
	if (r < 0 && r != -EEXIST)
		r = store_explain_full(s, e);
	staging_end(s, &st);
	return r;
}

/* --- opening -------------------------------------------------------------------------------------------- */

static int open_dir(const struct store *s, const char *name)
{
	char path[SUBPATH_MAX];
	int fd;

	make_path(name, path);
	fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Whoever removes one has its lock, so that one which we have got may have gone before. */
static bool is_still_there(const struct store *s, const char *name, int fd)
{
	struct stat by_name, by_fd;
	char path[SUBPATH_MAX];

	make_path(name, path);
	return fstatat(s->root_fd, path, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &by_fd) == 0 &&
	       by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

static int lock_dir(int fd, int operation)
{
	int r;

	do
		r = flock(fd, operation);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* -ESTALE: it was removed meanwhile. -ENOENT: there is none. -EWOULDBLOCK. None of them has a text. */
static int open_and_lock(const struct store *s, const char *name, int operation, int *ret_fd)
{
	cleanup_fd int fd = open_dir(s, name);
	int r = fd < 0 ? fd : lock_dir(fd, operation);

	if (r < 0)
		return r;
	if (!is_still_there(s, name, fd))
		return -ESTALE;
	*ret_fd = fd_take(&fd);
	return 0;
}

/* -EWOULDBLOCK, without text: somebody has it. */
static int open_or_make(const struct store *s, const struct cache_mount_request *q, int operation,
			struct cache_mount *m, struct err *e)
{
	int r = -ESTALE;

	for (int i = 0; i < ATTEMPTS && r == -ESTALE; i++) {
		r = open_and_lock(s, m->name, operation, &m->lock_fd);
		if (r == -EWOULDBLOCK)
			return r;
		if (r != -ENOENT)
			continue;
		r = make(s, q, m->name, e);
		if (r < 0 && r != -EEXIST)
			return r;
		m->made = r == 0;
		r = -ESTALE;
	}
	if (r == -ESTALE)
		return err_set(e, -EBUSY, "others remove '%s/" MOUNTS_DIR "/%s' as often as it is made",
			       s->root, m->name);
	return r < 0 ? err_code(e, r, "cannot open '%s/" MOUNTS_DIR "/%s'", s->root, m->name) : 0;
}

static int open_one(const struct store *s, const struct cache_mount_request *q, struct cache_mount *m,
		    struct err *e)
{
	int operation = q->sharing == CACHE_MOUNT_SHARED ? LOCK_SH : LOCK_EX;
	bool is_private = q->sharing == CACHE_MOUNT_PRIVATE;

	if (is_private || q->no_wait)
		operation |= LOCK_NB;
	for (unsigned int slot = 0; slot < (is_private ? CACHE_MOUNT_SLOTS_MAX : 1U); slot++) {
		int r;

		make_name(q, slot, m->name);
		m->made = false;
		r = open_or_make(s, q, operation, m, e);
		if (r != -EWOULDBLOCK || !is_private)
			return r;
	}
	return err_set(e, -EBUSY, "all %d directories of the cache mount '%.128s' are in use",
		       CACHE_MOUNT_SLOTS_MAX, q->id);
}

/* Best effort, as with the records of steps. */
static void note_use_again(int dir_fd, int64_t now_s)
{
	struct stat st;

	if (fstatat(dir_fd, ID_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    now_s - st.st_mtime > CACHE_MOUNT_TOUCH_AFTER_S)
		(void)note_use(dir_fd, now_s);
}

int cache_mount_open(const struct store *s, const struct cache_mount_request *q, struct cache_mount *ret,
		     struct err *e)
{
	cleanup_cache_mount struct cache_mount m = CACHE_MOUNT_EMPTY;
	size_t len = strnlen(q->id, CACHE_MOUNT_ID_MAX + 1);
	int r;

	if (len == 0 || len > CACHE_MOUNT_ID_MAX)
		return err_set(e, -EINVAL, "the id of a cache mount has 1 to %d bytes", CACHE_MOUNT_ID_MAX);
	if (strcmp(digest_algorithm(&q->id_digest), "sha256") != 0 ||
	    !store_key_ok(digest_hex(&q->id_digest)))
		return err_set(e, -EINVAL, "a cache mount is found by the SHA-256 of its id");
	r = open_one(s, q, &m, e);
	if (r < 0)
		return r;
	m.data_fd = openat(m.lock_fd, DATA_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (m.data_fd < 0)
		return err_errno(e, "cannot open '%s/" MOUNTS_DIR "/%s/" DATA_NAME "'", s->root, m.name);
	note_use_again(m.lock_fd, q->now_s);
	*ret = m;
	m = CACHE_MOUNT_EMPTY;
	return 0;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

void cache_mount_info_done(struct cache_mount_info *m)
{
	free(m->name);
	free(m->id);
	*m = (struct cache_mount_info){ 0 };
}

void cache_mount_list_free(struct cache_mount_info *items, size_t len)
{
	for (size_t i = 0; i < len; i++)
		cache_mount_info_done(&items[i]);
	free(items);
}

static uint64_t size_of_data(int dir_fd)
{
	int fd = openat(dir_fd, DATA_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? 0 : store_tree_size(fd, SIZE_LEVELS);
}

/* -ENOENT, without text: gone since it was listed. */
static int look_at(const struct store *s, const char *name, bool with_sizes, struct cache_mount_info *ret,
		   struct err *e)
{
	cleanup_buf struct buf id = BUF_INIT(CACHE_MOUNT_ID_MAX);
	cleanup_fd int fd = open_dir(s, name);
	struct cache_mount_info m = { 0 };
	struct err ignored; /* damaged ones are listed, so that they can be removed */
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT ? fd
				     : err_code(e, fd, "cannot open '%s/" MOUNTS_DIR "/%s'", s->root, name);
	IGNORE_RESULT(file_read(fd, ID_NAME, &id, &ignored));
	if (fstatat(fd, ID_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 || fstat(fd, &st) == 0)
		m.used_s = st.st_mtime;
	if (with_sizes)
		m.size_bytes = size_of_data(fd);
	m.in_use = lock_dir(fd, LOCK_EX | LOCK_NB) == -EWOULDBLOCK;
	m.name = strdup(name);
	m.id = buf_take(&id);
	if (!m.name || !m.id) {
		cache_mount_info_done(&m);
		return err_code(e, -ENOMEM, "cannot list cache mounts");
	}
	*ret = m;
	return 0;
}

static int by_use(const void *a, const void *b)
{
	const struct cache_mount_info *x = a, *y = b;

	if (x->used_s != y->used_s)
		return x->used_s < y->used_s ? -1 : 1;
	return strcmp(x->name, y->name);
}

int cache_mount_list(const struct store *s, bool with_sizes, struct cache_mount_info **ret_items,
		     size_t *ret_len, struct err *e)
{
	cleanup_strvec struct strvec names = { .max = CACHE_MOUNTS_MAX };
	struct cache_mount_info *items;
	size_t len = 0;
	int r = store_list_dir(s, MOUNTS_DIR, &names, e);

	if (r < 0)
		return r;
	items = calloc(names.len + 1, sizeof(*items));
	if (!items)
		return err_code(e, -ENOMEM, "cannot list cache mounts");
	for (size_t i = 0; i < names.len && (r == 0 || r == -ENOENT); i++) {
		r = is_name(names.items[i]) ? look_at(s, names.items[i], with_sizes, &items[len], e)
					    : -ENOENT;
		if (r == 0)
			len++;
	}
	if (r < 0 && r != -ENOENT) {
		cache_mount_list_free(items, len);
		return r;
	}
	if (len > 1)
		qsort(items, len, sizeof(*items), by_use);
	*ret_items = items;
	*ret_len = len;
	return 0;
}

/* One removal at a time: two of one name would be in each other's way. Those who open mounts do not wait for it. */
static int lock_removals(const struct store *s, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = store_open_dir(s, MOUNTS_DIR, &fd, e);

	if (r < 0)
		return r;
	r = lock_dir(fd, LOCK_EX);
	if (r < 0)
		return err_code(e, r, "cannot lock '%s/" MOUNTS_DIR "'", s->root);
	*ret_fd = fd_take(&fd);
	return 0;
}

int cache_mount_remove(const struct store *s, const char *name, struct err *e)
{
	cleanup_fd int all_fd = -1;
	cleanup_fd int fd = -1;
	char path[SUBPATH_MAX];
	int r = is_name(name) ? lock_removals(s, &all_fd, e) : -ENOENT;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = open_and_lock(s, name, LOCK_EX | LOCK_NB, &fd);
	if (r == -ENOENT || r == -ESTALE)
		return 0;
	if (r == -EWOULDBLOCK)
		return -EBUSY;
	if (r < 0)
		return err_code(e, r, "cannot remove '%s/" MOUNTS_DIR "/%s'", s->root, name);
	r = store_trash(s, MOUNTS_DIR, name, path, e); /* nobody opens it from here on */
	return r < 0 ? r : tree_remove(s->root_fd, path, e);
}
