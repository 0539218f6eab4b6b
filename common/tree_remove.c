/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"

/* Hostile trees are deeper than there are descriptors or stack. So the walk holds one directory, goes back up
 * through "..", and checks there that it is where it came from: nobody moves directories in a tree that
 * is being removed, and if somebody does, the walk stops. */
struct level {
	dev_t device;
	ino_t inode;
};

struct walk {
	int fd;               /* the directory we are in */
	dev_t device;         /* of the tree: mount points are not entered */
	struct level *levels; /* from the top to the parent of fd */
	size_t depth;
	size_t cap;
};

static void walk_done(struct walk *w)
{
	if (w->fd >= 0)
		(void)close(w->fd);
	free(w->levels);
}

static int open_dir(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* A directory without permissions is in an unprivileged user's way, not in root's. */
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int push(struct walk *w)
{
	struct stat st;

	if (!w->levels || w->depth == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct level *levels = realloc(w->levels, cap * sizeof(*levels));

		if (!levels)
			return -ENOMEM;
		w->levels = levels;
		w->cap = cap;
	}
	if (fstat(w->fd, &st) < 0)
		return -errno;
	w->levels[w->depth++] = (struct level){ st.st_dev, st.st_ino };
	return 0;
}

static int enter(struct walk *w, const char *name)
{
	struct stat st;
	int fd, r = push(w);

	if (r < 0)
		return r;
	fd = open_dir(w->fd, name);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || st.st_dev != w->device) {
		(void)close(fd);
		return -EXDEV;
	}
	(void)close(w->fd);
	w->fd = fd;
	return 0;
}

static int leave(struct walk *w)
{
	const struct level *up;
	struct stat st;
	int fd;

	if (!w->levels || w->depth == 0)
		return -ESTALE; /* above the top there is nothing of ours */
	up = &w->levels[--w->depth];
	fd = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_dev != up->device || st.st_ino != up->inode) {
		(void)close(fd);
		return -ESTALE;
	}
	(void)close(w->fd);
	w->fd = fd;
	return 0;
}

/* 0: removed; 1: a directory with something in it; or a negative errno. */
static int remove_entry(int dir_fd, const struct dirent *entry)
{
	if (entry->d_type != DT_DIR) {
		if (unlinkat(dir_fd, entry->d_name, 0) == 0)
			return 0;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
	}
	if (unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR) == 0)
		return 0;
	return errno == ENOTEMPTY || errno == EEXIST ? 1 : -errno;
}

/* Removes what can be removed at once; stops at the first directory that has something in it and says which.
 * Returns 1 if there is one, 0 if the directory is empty now. */
static int sweep(int dir_fd, char *name, size_t size)
{
	cleanup_dir DIR *dir = NULL;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	int r = 0;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_entry(dir_fd, entry);
		if (r == 1)
			(void)snprintf(name, size, "%s", entry->d_name); /* NAME_MAX fits */
	}
	return r == 0 ? -errno : r;
}

/* Empties the directory that `w` is in. Each time round, either a directory is entered or one is left empty. */
static int empty_tree(struct walk *w)
{
	char name[256];

	for (;;) {
		int r = sweep(w->fd, name, sizeof(name));

		if (r < 0)
			return r;
		if (r == 0 && w->depth == 0)
			return 0;
		r = r == 1 ? enter(w, name) : leave(w);
		if (r < 0)
			return r;
	}
}

/* Empties a directory that is not empty, as rmdir(2) has said: on a mount point that says EBUSY instead. */
static int empty_named(int dir_fd, const char *name)
{
	struct walk w = { .fd = open_dir(dir_fd, name) };
	struct stat st;
	int r;

	if (w.fd < 0)
		return w.fd;
	r = fstat(w.fd, &st) < 0 ? -errno : 0;
	if (r == 0) {
		w.device = st.st_dev;
		r = empty_tree(&w);
	}
	walk_done(&w);
	return r;
}

static bool is_absent(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

int tree_remove(int dir_fd, const char *name, struct err *e)
{
	int r;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	r = -errno;
	if (r == -EROFS && is_absent(dir_fd, name)) /* the kernel looks at the mount first */
		return 0;
	if (r == -EISDIR || r == -EPERM)
		r = unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
	if (r == -ENOTEMPTY || r == -EEXIST) {
		r = empty_named(dir_fd, name);
		if (r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = -errno;
	}
	return r < 0 ? err_code(e, r, "cannot remove '%s'", name) : 0;
}
