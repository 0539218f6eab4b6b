/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tree_walk.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define NAMES_MAX_BYTES ((size_t)1 << 30) /* of one directory */
#define OPEN_DIR        (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* A directory that we are in, or above. */
struct level {
	struct buf text; /* before each name the type that the directory gives (DT_*) */
	char **names;    /* in `text`; sorted */
	size_t len, next;
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
	bool started, spares_files;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void level_done(struct level *l)
{
	buf_done(&l->text);
	free(l->names);
	*l = (struct level){ 0 };
}

static int add_name(struct level *l, const struct dirent *entry)
{
	const char type = (char)entry->d_type;
	int r;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return 0;
	r = buf_add(&l->text, &type, 1);
	if (r == 0)
		r = buf_add(&l->text, entry->d_name, strlen(entry->d_name) + 1);
	l->len += r == 0;
	return r;
}

static int sort_names(struct level *l)
{
	char *at = l->text.data;

	if (l->len == 0)
		return 0;
	l->names = calloc(l->len, sizeof(*l->names));
	if (!l->names)
		return -ENOMEM;
	for (size_t i = 0; i < l->len; i++) {
		l->names[i] = at + 1;
		at += strlen(at + 1) + 2;
	}
	qsort(l->names, l->len, sizeof(*l->names), compare_names);
	return 0;
}

static int list_names(int dir_fd, struct level *ret)
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
		r = add_name(ret, entry);
	if (r == 0 && errno)
		r = -errno;
	return r < 0 ? r : sort_names(ret);
}

/* Takes dir_fd. */
static int enter(struct tree_walk *w, int dir_fd)
{
	struct level level = { .text = BUF_INIT(NAMES_MAX_BYTES) };
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
		r = list_names(dir_fd, &level);
	}
	if (r < 0) {
		level_done(&level);
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

	level_done(&w->levels[--w->depth]);
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
		level_done(&w->levels[i]);
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

static int look(struct tree_entry *entry)
{
	if (fstatat(entry->parent_fd, entry->name, &entry->st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	entry->is_known = true;
	return 0;
}

int tree_entry_look(struct tree_entry *entry, struct err *e)
{
	int r = entry->is_known ? 0 : look(entry);

	return r < 0 ? err_code(e, r, "cannot look at '%s'", entry->name) : 0;
}

void tree_walk_spare_files(struct tree_walk *w)
{
	w->spares_files = true;
}

static int return_entry(struct tree_walk *w, int parent_fd, const char *name, unsigned char type,
			struct tree_entry *ret)
{
	int r;

	*ret = (struct tree_entry){ .depth = w->depth, .name = name, .parent_fd = parent_fd };
	if (w->spares_files && type == DT_REG) {
		ret->st.st_mode = S_IFREG;
		return 1;
	}
	r = look(ret);
	if (r < 0)
		return r;
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
		return return_entry(w, w->tree_fd, ".", DT_DIR, ret);
	}
	while (w->depth > 0) {
		struct level *top = &w->levels[w->depth - 1];

		if (top->next < top->len) {
			const char *name = top->names[top->next++];

			return return_entry(w, w->fd, name, (unsigned char)name[-1], ret);
		}
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
