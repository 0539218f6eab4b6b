/* SPDX-License-Identifier: Apache-2.0 */
#include "store/container_diff.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/rootfd.h"
#include "store/internal.h"
#include "store/layer.h"
#include "store/tree_path.h"
#include "store/tree_walk.h"

/* A directory that the walk is in. */
struct level {
	bool told;  /* it is among the changes already */
	bool *seen; /* which layers have a directory that is part of this one */
};

struct diff {
	int *trees; /* of the layers, topmost first */
	size_t trees_len;
	struct level *levels; /* by depth; 0 is the root */
	size_t levels_cap;
	struct tree_path path;
	struct container_change *changes;
	size_t len, cap;
};

void container_changes_free(struct container_change *changes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(changes[i].path);
	free(changes);
}

static void diff_done(struct diff *d)
{
	for (size_t i = 0; i < d->trees_len; i++)
		if (d->trees[i] >= 0)
			(void)close(d->trees[i]);
	free(d->trees);
	for (size_t i = 0; i < d->levels_cap; i++)
		free(d->levels[i].seen);
	free(d->levels);
	tree_path_done(&d->path);
	container_changes_free(d->changes, d->len);
}
#define cleanup_diff __attribute__((cleanup(diff_done)))

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot list changes");
}

bool container_is_mount_point(const char *path, const struct stat *st)
{
	static const char *const DIRS[] = { "dev", "dev/mqueue", "dev/pts", "dev/shm", "proc", "sys" };
	static const char *const FILES[] = { "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf" };
	bool is_dir = S_ISDIR(st->st_mode);
	const char *const *names = is_dir ? DIRS : FILES;
	size_t len = is_dir ? ARRAY_LEN(DIRS) : ARRAY_LEN(FILES);

	if (!is_dir && (!S_ISREG(st->st_mode) || st->st_size != 0))
		return false;
	for (size_t i = 0; i < len; i++)
		if (strcmp(names[i], path) == 0)
			return true;
	return false;
}

/* --- the list --- */

static int add(struct diff *d, char kind, const char *path, struct err *e)
{
	char *text;

	if (d->len == CONTAINER_CHANGES_MAX)
		return err_set(e, -EFBIG, "more than %d files have changed", CONTAINER_CHANGES_MAX);
	if (d->len == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 64;
		struct container_change *grown = reallocarray(d->changes, cap, sizeof(*grown));

		if (!grown)
			return no_memory(e);
		d->changes = grown;
		d->cap = cap;
	}
	if (asprintf(&text, "/%s", path) < 0)
		return no_memory(e);
	d->changes[d->len++] = (struct container_change){ .kind = kind, .path = text };
	return 0;
}

/* The entry at `depth`, and each directory above it. The path is that of the walk. */
static int tell(struct diff *d, size_t depth, char kind, struct err *e)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < depth; i++) {
		cleanup_free char *above = NULL;

		if (d->levels[i].told)
			continue;
		d->levels[i].told = true;
		above = strndup(d->path.text.data, d->path.ends[i]);
		r = above ? add(d, 'C', above, e) : no_memory(e);
	}
	return r == 0 ? add(d, kind, d->path.text.data, e) : r;
}

/* A directory comes before what is in it: '/' is less than any other byte. */
static int compare(const void *a, const void *b)
{
	const struct container_change *x = a, *y = b;
	const unsigned char *p = (const unsigned char *)x->path, *q = (const unsigned char *)y->path;

	while (*p && *p == *q) {
		p++;
		q++;
	}
	if (*p == *q)
		return 0;
	if (!*p || !*q)
		return *p ? 1 : -1;
	if (*p == '/' || *q == '/')
		return *p == '/' ? -1 : 1;
	return *p < *q ? -1 : 1;
}

/* --- what was there before --- */

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static bool is_opaque(int parent_fd, const char *name)
{
	static const char *const NAMES[] = { "trusted.overlay.opaque", "user.overlay.opaque" };
	cleanup_fd int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char value;

	for (size_t i = 0; fd >= 0 && i < ARRAY_LEN(NAMES); i++)
		if (fgetxattr(fd, NAMES[i], &value, 1) == 1 && value == 'y')
			return true;
	return false;
}

static int stat_in(int tree_fd, const char *path, struct stat *ret)
{
	cleanup_fd int fd = rootfd_try_open(tree_fd, path, O_PATH | O_NOFOLLOW);

	if (fd < 0)
		return fd;
	return fstat(fd, ret) < 0 ? -errno : 0;
}

/* The entry of the path in hand as the layers alone show it, looked for where its directory has parts. True: *ret is it, and parts of the same
 * directory are marked in `seen`. */
static bool look_below(const struct diff *d, const bool *above, bool *seen, struct stat *ret)
{
	bool found = false;

	for (size_t i = 0; i < d->trees_len; i++) {
		struct stat st;

		if (!above[i] || stat_in(d->trees[i], d->path.text.data, &st) < 0)
			continue;
		if (is_whiteout(&st) || (found && !S_ISDIR(st.st_mode)))
			return found;
		if (!found)
			*ret = st;
		found = true;
		if (!S_ISDIR(st.st_mode))
			return true;
		seen[i] = true;
		if (is_opaque(d->trees[i], d->path.text.data))
			return true;
	}
	return found;
}

/* --- entries --- */

static int make_level(struct diff *d, size_t depth, struct err *e)
{
	if (depth >= d->levels_cap) {
		size_t cap = depth + 64;
		struct level *grown = reallocarray(d->levels, cap, sizeof(*grown));

		if (!grown)
			return no_memory(e);
		memset(grown + d->levels_cap, 0, (cap - d->levels_cap) * sizeof(*grown));
		d->levels = grown;
		d->levels_cap = cap;
	}
	if (!d->levels[depth].seen)
		d->levels[depth].seen = calloc(d->trees_len + 1, sizeof(bool));
	if (!d->levels[depth].seen)
		return no_memory(e);
	memset(d->levels[depth].seen, 0, d->trees_len * sizeof(bool));
	d->levels[depth].told = false;
	return 0;
}

/* Time and size say nothing of a directory. */
static bool differs(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
	    a->st_rdev != b->st_rdev)
		return true;
	return !S_ISDIR(a->st_mode) && (a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
					a->st_mtim.tv_nsec != b->st_mtim.tv_nsec);
}

/* Whether a layer above the one with this number has the name as well, or a whiteout of it. */
static bool is_covered(const struct diff *d, const struct level *level, size_t index, const char *path)
{
	struct stat st;

	for (size_t i = 0; i < index; i++)
		if (level->seen[i] && stat_in(d->trees[i], path, &st) == 0)
			return true;
	return false;
}

static int tell_hidden_name(struct diff *d, size_t depth, const char *name, size_t index, struct err *e)
{
	cleanup_free char *path = NULL;
	struct stat st;
	int r = 0;

	if (asprintf(&path, "%s/%s", d->path.text.data, name) < 0) {
		path = NULL;
		return no_memory(e);
	}
	if (is_covered(d, &d->levels[depth], index, path) || stat_in(d->trees[index], path, &st) < 0 ||
	    is_whiteout(&st))
		return 0;
	if (!d->levels[depth].told)
		r = tell(d, depth, 'C', e);
	d->levels[depth].told = true;
	return r == 0 ? add(d, 'D', path, e) : r;
}

/* Of an opaque directory: what one layer had in it, and is no more. */
static int tell_hidden_in(struct diff *d, size_t index, int upper_fd, size_t depth, struct err *e)
{
	int fd = rootfd_try_open(d->trees[index], d->path.text.data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!dir) {
		cleanup_fd_fn(&fd);
		return err_errno(e, "cannot list '/%s'", d->path.text.data);
	}
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    faccessat(upper_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			r = tell_hidden_name(d, depth, name, index, e);
	}
	return r;
}

static int tell_hidden(struct diff *d, const struct tree_entry *entry, struct err *e)
{
	cleanup_fd int fd =
		openat(entry->parent_fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	for (size_t i = 0; fd >= 0 && r == 0 && i < d->trees_len; i++)
		if (d->levels[entry->depth].seen[i])
			r = tell_hidden_in(d, i, fd, entry->depth, e);
	return r;
}

static int look_at(struct diff *d, const struct tree_entry *entry, struct err *e)
{
	struct level *level = &d->levels[entry->depth];
	const bool *above = d->levels[entry->depth - 1].seen;
	struct stat old;
	bool existed = look_below(d, above, level->seen, &old);
	int r = 0;

	if (is_whiteout(&entry->st))
		return existed ? tell(d, entry->depth, 'D', e) : 0;
	if (!existed && container_is_mount_point(d->path.text.data, &entry->st))
		return 0;
	if (!existed || differs(&entry->st, &old)) {
		level->told = true;
		r = tell(d, entry->depth, existed ? 'C' : 'A', e);
	}
	if (r == 0 && existed && S_ISDIR(entry->st.st_mode) && is_opaque(entry->parent_fd, entry->name))
		r = tell_hidden(d, entry, e);
	return r;
}

static int walk(struct diff *d, int upper_fd, struct err *e)
{
	cleanup_tree_walk struct tree_walk *w = NULL;
	struct tree_entry entry;
	int r = tree_walk_new(upper_fd, &w, e);

	while (r == 0 && (r = tree_walk_next(w, &entry, e)) > 0) {
		r = make_level(d, entry.depth, e);
		if (r == 0 && entry.depth == 0) {
			memset(d->levels[0].seen, 1, d->trees_len * sizeof(bool));
			continue;
		}
		if (r == 0 && tree_path_set(&d->path, entry.depth, entry.name) < 0)
			r = no_memory(e);
		if (r == 0 && !entry.is_known)
			r = tree_entry_look(&entry, e);
		if (r == 0)
			r = look_at(d, &entry, e);
	}
	return r;
}

static int open_trees(struct diff *d, const struct store *s, const struct container_record *c, struct err *e)
{
	cleanup_strvec struct strvec paths = { 0 };

	if (container_trees(s, c, &paths) < 0 || !(d->trees = calloc(paths.len + 1, sizeof(*d->trees))))
		return no_memory(e);
	for (size_t i = 0; i < paths.len; i++) {
		d->trees[d->trees_len] = open(paths.items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (d->trees[d->trees_len] < 0)
			return err_errno(e, "cannot open '%s'", paths.items[i]);
		d->trees_len++;
	}
	return 0;
}

int container_diff(const struct store *s, const struct container_record *c, struct container_change **ret,
		   size_t *ret_len, struct err *e)
{
	cleanup_diff struct diff d = { .path = TREE_PATH_INIT };
	cleanup_fd int upper_fd = -1;
	int r = open_trees(&d, s, c, e);

	if (r == 0)
		r = container_open_upper(s, c, &upper_fd, e);
	if (r == 0)
		r = walk(&d, upper_fd, e);
	if (r < 0)
		return r;
	if (d.len > 1)
		qsort(d.changes, d.len, sizeof(*d.changes), compare);
	*ret = ptr_take(d.changes);
	*ret_len = d.len;
	d.len = 0;
	return 0;
}
