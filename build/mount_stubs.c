/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mount_stubs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "build/resolve.h"
#include "common/cleanup.h"
#include "common/rootfd.h"

void mount_stubs_done(struct mount_stubs *s)
{
	for (size_t i = 0; i < s->len; i++)
		free(s->items[i].path);
	free(s->items);
	*s = (struct mount_stubs){ 0 };
}

/* How much of a path is there. */
static size_t existing(int below_fd, char *path)
{
	size_t len = strlen(path), there = 0;

	for (size_t end = strcspn(path, "/");; end += 1 + strcspn(path + end + 1, "/")) {
		char saved = path[end];
		cleanup_fd int fd = -1;

		path[end] = '\0';
		fd = below_fd < 0 ? -1 : rootfd_try_open(below_fd, path, O_PATH | O_NOFOLLOW);
		path[end] = saved;
		if (fd < 0)
			return there;
		there = end;
		if (end >= len)
			return there;
	}
}

int mount_stubs_add(struct mount_stubs *s, int below_fd, const char *destination, struct err *e)
{
	struct mount_stub *items = reallocarray(s->items, s->len + 1, sizeof(*items));
	cleanup_free char *path = NULL;
	int r = 0;

	if (!items)
		return err_code(e, -ENOMEM, "cannot note a mount point");
	s->items = items;
	if (below_fd >= 0) {
		r = resolve_in_root(below_fd, destination, NULL, NULL, &path, e);
		if (r < 0)
			return err_wrap(e, "mount point '%s'", destination);
	} else {
		path = strdup(destination + strspn(destination, "/"));
		if (!path)
			return err_code(e, -ENOMEM, "cannot note a mount point");
	}
	items[s->len].exists = existing(below_fd, path);
	items[s->len++].path = ptr_take(path);
	return 0;
}

/* --- afterwards ------------------------------------------------------------------------------------------- */

/* The directory in the upper one that `path` is in; -1: it is not there (any more). A symlink on the way was put there by the command: what it leads to is no
 * mount point. */
static int open_parent(int upper_fd, const char *path, const char **ret_name)
{
	cleanup_free char *parent = strdup(path);
	char *slash = parent ? strrchr(parent, '/') : NULL;

	*ret_name = slash ? path + (slash - parent) + 1 : path;
	if (!parent)
		return -1;
	if (!slash)
		return openat(upper_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '\0';
	return rootfd_try_open_straight(upper_fd, parent, O_RDONLY | O_DIRECTORY);
}

/* True: it is gone. */
static bool remove_empty(int upper_fd, const char *path)
{
	const char *name;
	cleanup_fd int parent_fd = open_parent(upper_fd, path, &name);
	struct stat st;

	if (parent_fd < 0 || fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISDIR(st.st_mode))
		return unlinkat(parent_fd, name, AT_REMOVEDIR) ==
		       0; /* ENOTEMPTY: it is more than a mount point by now */
	return S_ISREG(st.st_mode) && st.st_size == 0 && st.st_nlink == 1 &&
	       unlinkat(parent_fd, name, 0) == 0;
}

static bool is_opaque(int fd)
{
	char value[2];

	return fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)) > 0 ||
	       fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) > 0;
}

/* A directory that was copied up for a mount point alone is as the one below, but for its time. */
static bool is_copy(int below_fd, int upper_fd, const char *path)
{
	cleanup_fd int below = rootfd_try_open(below_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
	cleanup_fd int upper = rootfd_try_open_straight(upper_fd, path, O_RDONLY | O_DIRECTORY);
	struct stat a, b;

	if (below < 0 || upper < 0 || fstat(below, &a) < 0 || fstat(upper, &b) < 0)
		return false;
	return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid && !is_opaque(upper);
}

/* As far up as there is nothing else. */
static void remove_up(const struct mount_stub *s, int below_fd, int upper_fd)
{
	cleanup_free char *path = strdup(s->path);
	char *slash;

	while (path && *path) {
		bool made_here = strlen(path) > s->exists;

		if (!made_here && (below_fd < 0 || !is_copy(below_fd, upper_fd, path)))
			return;
		if (!remove_empty(upper_fd, path))
			return;
		slash = strrchr(path, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
}

void mount_stubs_remove(const struct mount_stubs *s, int below_fd, int upper_fd)
{
	for (size_t i = s->len; i > 0; i--)
		remove_up(&s->items[i - 1], below_fd, upper_fd);
}
