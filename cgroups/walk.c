/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

/* Where the walk stands. cgroups cannot be renamed or moved, so ".." leads back to where we came from. */
struct walk {
	int fd;          /* of the cgroup that we are in */
	struct buf path; /* of it below the top: "/a/b"; "" at the top */
};

/* *ret is NULL where the cgroup is gone. */
static int open_dir(int fd, DIR **ret)
{
	int own_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret = NULL;
	if (own_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	*ret = fdopendir(own_fd);
	if (*ret)
		return 0;
	(void)close(own_fd);
	return -ENOMEM;
}

/* What is in a container may hide in no cgroup, whatever it calls that: ".x" is one like any other. */
static const char *next_name(DIR *dir)
{
	const struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			return entry->d_name;
	}
	return NULL;
}

/* Finds the directory entry that follows the one named `after` (NULL: the first one). If `after` is gone, starts anew. *ret is
 * owned by the caller; NULL: there is none. */
static int next_child(int fd, const char *after, char **ret)
{
	cleanup_dir DIR *dir = NULL;
	const char *name;
	int r = open_dir(fd, &dir);

	*ret = NULL;
	if (r < 0 || !dir)
		return r;
	if (after) {
		do {
			name = next_name(dir);
		} while (name && strcmp(name, after) != 0);
		if (!name)
			rewinddir(dir);
	}
	name = next_name(dir);
	if (!name)
		return 0;
	*ret = strdup(name);
	return *ret ? 0 : -ENOMEM;
}

static void move_to(struct walk *w, int fd)
{
	(void)close(w->fd);
	w->fd = fd;
}

/* Goes down to the deepest first child. `after` as in next_child; it is freed. */
static int descend(struct walk *w, char *after)
{
	cleanup_free char *name = after;

	for (;;) {
		char *child = NULL;
		int fd, r = next_child(w->fd, name, &child);

		free(name);
		name = child;
		if (r < 0 || !name)
			return r;
		fd = openat(w->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue; /* vanished: what comes after it */
		if (fd < 0)
			return -errno;
		move_to(w, fd);
		r = buf_printf(&w->path, "/%s", name);
		if (r < 0)
			return r;
		free(name);
		name = NULL;
	}
}

/* Visits the cgroup that we are in, and goes up. *ret_name: what it was called. */
static int visit_and_ascend(struct walk *w, int (*visit)(int, int, const char *, void *), void *arg,
			    char **ret_name)
{
	cleanup_fd int parent_fd = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *slash = strrchr(w->path.data, '/');
	int r;

	if (parent_fd < 0)
		return -errno;
	r = visit(parent_fd, w->fd, slash + 1, arg);
	if (r < 0)
		return r;
	*ret_name = strdup(slash + 1);
	if (!*ret_name)
		return -ENOMEM;
	*slash = '\0';
	w->path.len = (size_t)(slash - w->path.data);
	move_to(w, fd_take(&parent_fd));
	return 0;
}

int cgroup_walk(int dir_fd, int (*visit)(int parent_fd, int fd, const char *name, void *arg), void *arg)
{
	struct walk w = { .path = BUF_INIT(WALK_PATH_MAX) };
	char *name = NULL;
	int r;

	w.fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w.fd < 0)
		return errno == ENOENT ? 0 : -errno;
	do {
		char *after = name;

		name = NULL;
		r = descend(&w, after);
		if (r < 0 || w.path.len == 0)
			break;
		r = visit_and_ascend(&w, visit, arg, &name);
	} while (r == 0);
	free(name);
	(void)close(w.fd);
	buf_done(&w.path);
	return r;
}
