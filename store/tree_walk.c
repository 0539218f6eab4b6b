/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tree_walk.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strvec.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* A directory that we are in, or above. */
struct level {
	struct strvec names; /* sorted */
	size_t next;
	dev_t device;
	ino_t inode;
};

struct tree_walk {
	int tree_fd; /* borrowed */
	int fd;      /* the directory of the innermost level; -1 before the root */
	dev_t device;
	struct level *levels;
	size_t depth, cap;
	char *pending; /* a directory that was returned and is to be entered */
	bool started;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int dir_fd, struct strvec *ret)
{
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	int r = 0, fd = openat(dir_fd, ".", OPEN_DIR);

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd); /* it was only for reading */
		return -ENOMEM;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = strvec_add(ret, entry->d_name);
	if (r == 0 && errno)
		r = -errno;
	if (r == 0 && ret->len > 1)
		qsort(ret->items, ret->len, sizeof(*ret->items), compare_names);
	return r;
}

/* Takes dir_fd. */
static int enter(struct tree_walk *w, int dir_fd)
{
	struct level level = { 0 };
	struct stat st;
	int r = fstat(dir_fd, &st) < 0 ? -errno : 0;

	if (r == 0 && w->depth == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 32;
		struct level *levels = reallocarray(w->levels, cap, sizeof(*levels));

		r = levels ? 0 : -ENOMEM;
		if (levels) {
			w->levels = levels;
			w->cap = cap;
		}
	}
	if (r == 0) {
		level.device = st.st_dev;
		level.inode = st.st_ino;
		r = list_names(dir_fd, &level.names);
	}
	if (r < 0) {
		strvec_done(&level.names);
		(void)close(dir_fd); /* a directory: nothing to lose */
		return r;
	}
	w->levels[w->depth++] = level;
	cleanup_fd_fn(&w->fd);
	w->fd = dir_fd;
	return 0;
}

/* Up through "..", as common/tree_remove does; nobody moves directories in a layer. */
static int leave(struct tree_walk *w)
{
	const struct level *up;
	struct stat st;
	int fd;

	strvec_done(&w->levels[--w->depth].names);
	if (w->depth == 0)
		return 0;
	up = &w->levels[w->depth - 1];
	fd = openat(w->fd, "..", OPEN_DIR);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_dev != up->device || st.st_ino != up->inode) {
		(void)close(fd); /* as above */
		return -ESTALE;
	}
	cleanup_fd_fn(&w->fd);
	w->fd = fd;
	return 0;
}

int tree_walk_new(int tree_fd, struct tree_walk **ret, struct err *e)
{
	struct tree_walk *w = calloc(1, sizeof(*w));
	struct stat st;

	if (!w)
		return err_code(e, -ENOMEM, "cannot walk a layer");
	w->tree_fd = tree_fd;
	w->fd = -1;
	if (fstat(tree_fd, &st) < 0) {
		free(w);
		return err_errno(e, "cannot walk a layer");
	}
	w->device = st.st_dev;
	*ret = w;
	return 0;
}

void tree_walk_free(struct tree_walk *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->depth; i++)
		strvec_done(&w->levels[i].names);
	free(w->levels);
	free(w->pending);
	cleanup_fd_fn(&w->fd);
	free(w);
}

void tree_walk_free_fn(struct tree_walk **w)
{
	tree_walk_free(*w);
}

static int enter_pending(struct tree_walk *w)
{
	cleanup_free char *name = ptr_take(w->pending);
	int fd = openat(w->depth > 0 ? w->fd : w->tree_fd, name, OPEN_DIR);

	if (fd < 0)
		return errno == EACCES ? 0 : -errno;
	return enter(w, fd);
}

static int return_entry(struct tree_walk *w, int parent_fd, const char *name, struct tree_entry *ret)
{
	if (fstatat(parent_fd, name, &ret->st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	ret->depth = w->depth;
	ret->name = name;
	ret->parent_fd = parent_fd;
	if (!S_ISDIR(ret->st.st_mode) || ret->st.st_dev != w->device)
		return 1;
	w->pending = strdup(name);
	return w->pending ? 1 : -ENOMEM;
}

static int next_entry(struct tree_walk *w, struct tree_entry *ret)
{
	int r = w->pending ? enter_pending(w) : 0;

	if (r < 0)
		return r;
	if (!w->started) {
		w->started = true;
		return return_entry(w, w->tree_fd, ".", ret);
	}
	while (w->depth > 0) {
		struct level *top = &w->levels[w->depth - 1];

		if (top->next < top->names.len)
			return return_entry(w, w->fd, top->names.items[top->next++], ret);
		r = leave(w);
		if (r < 0)
			return r;
	}
	return 0;
}

int tree_walk_next(struct tree_walk *w, struct tree_entry *ret, struct err *e)
{
	int r = next_entry(w, ret);

	return r < 0 ? err_code(e, r, "cannot walk a layer") : r;
}

void tree_walk_skip(struct tree_walk *w)
{
	free(w->pending);
	w->pending = NULL;
}
