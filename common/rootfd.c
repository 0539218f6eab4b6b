/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rootfd.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "common/cleanup.h"

#define MAKE_LAST_MAX 512 /* bytes of a path: longer ones are walked */
#define EAGAIN_TRIES  64  /* a rename or mount anywhere on the system can make RESOLVE_IN_ROOT start over */

/* A relative "" is the root itself: RESOLVE_IN_ROOT makes "/" the root, too. */
static int open_resolved(int root_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | resolve,
	};
	long fd;

	for (int i = 0; i < EAGAIN_TRIES; i++) {
		fd = syscall(SYS_openat2, root_fd, *path ? path : "/", &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd >= 0 ? (int)fd : -errno;
}

static int open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(root_fd, path, flags, mode, RESOLVE_NO_MAGICLINKS);
}

/* A mount or rename storm is reported as busy, and a cross-device error as what it means to people. */
static int open_error(int r, const char *path, struct err *e)
{
	return err_code(e, r == -EXDEV ? -ELOOP : r, "cannot open '%s'", path);
}

int rootfd_open(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e)
{
	int fd = open_in_root(root_fd, path, flags, mode);

	if (fd < 0)
		return open_error(fd, path, e);
	*ret_fd = fd;
	return 0;
}

int rootfd_try_open(int root_fd, const char *path, int flags)
{
	int fd = open_in_root(root_fd, path, flags, 0);

	return fd == -EXDEV ? -ELOOP : fd;
}

int rootfd_try_open_straight(int root_fd, const char *path, int flags)
{
	int fd = open_resolved(root_fd, path, flags, 0, RESOLVE_NO_SYMLINKS);

	return fd == -EXDEV ? -ELOOP : fd;
}

/* --- making what is absent ---
 *
 * The walk goes component by component, with each directory held open by O_PATH, so that what was checked is what
 * is used. A symlink is replaced by its text in the path that is still to go. */

#define WALK_LINKS_MAX 40 /* as the kernel's */

struct walk {
	int root_fd;
	int fd;     /* where we are */
	char *rest; /* what is still to go */
	unsigned int links;
	mode_t mode;      /* of directories that are made */
	bool file;        /* the last component is to be a file */
	mode_t file_mode; /* of that */
};

static int walk_to_root(struct walk *w)
{
	int fd = open_in_root(w->root_fd, "/", O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = fd;
	return 0;
}

/* ".." at the root stays there; elsewhere it is a real parent, since no component was a symlink. */
static int walk_up(struct walk *w)
{
	struct stat here, root;
	int fd;

	if (fstat(w->fd, &here) < 0 || fstat(w->root_fd, &root) < 0)
		return -errno;
	if (here.st_dev == root.st_dev && here.st_ino == root.st_ino)
		return 0;
	fd = openat(w->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)close(w->fd);
	w->fd = fd;
	return 0;
}

/* Puts the text of the symlink `link_fd` before the rest. */
static int walk_link(struct walk *w, int link_fd)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(link_fd, "", target, sizeof(target) - 1);
	char *joined;

	if (len < 0)
		return -errno;
	target[len] = '\0';
	if (++w->links > WALK_LINKS_MAX)
		return -ELOOP;
	if (asprintf(&joined, "%s/%s", target, w->rest) < 0)
		return -ENOMEM;
	if (strlen(joined) >= PATH_MAX) {
		free(joined);
		return -ENAMETOOLONG;
	}
	free(w->rest);
	w->rest = joined;
	return target[0] == '/' ? walk_to_root(w) : 0;
}

/* Cuts the first component off the rest. False at the end. */
static bool walk_next(struct walk *w, char *name, size_t size)
{
	size_t skip = strspn(w->rest, "/");
	size_t len = strcspn(w->rest + skip, "/");

	if (len == 0 || len >= size)
		return false;
	memcpy(name, w->rest + skip, len);
	name[len] = '\0';
	memmove(w->rest, w->rest + skip + len, strlen(w->rest + skip + len) + 1);
	return true;
}

static int walk_step(struct walk *w, const char *name)
{
	bool file = w->file && w->rest[strspn(w->rest, "/")] == '\0';
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return walk_up(w);
	r = file ? mknodat(w->fd, name, S_IFREG | w->file_mode, 0) : mkdirat(w->fd, name, w->mode);
	if (r < 0 && errno != EEXIST)
		return -errno;
	fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return walk_link(w, fd);
	if (!file && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	(void)close(w->fd);
	w->fd = fd_take(&fd);
	return 0;
}

static int walk_all(struct walk *w, const char *path)
{
	char name[NAME_MAX + 1];
	int r;

	w->rest = strdup(path);
	if (!w->rest)
		return -ENOMEM;
	r = walk_to_root(w);
	while (r == 0 && walk_next(w, name, sizeof(name)))
		r = walk_step(w, name);
	/* What is left but slashes is a component that is too long. */
	if (r == 0 && w->rest[strspn(w->rest, "/")] != '\0')
		r = -ENAMETOOLONG;
	return r;
}

/* Returns the descriptor of the last component, or a negative errno. */
static int make_all(struct walk *w, const char *path)
{
	int r = walk_all(w, path);

	free(w->rest);
	if (r == 0)
		return w->fd;
	if (w->fd >= 0)
		(void)close(w->fd);
	return r;
}

/* Most often only the last component is absent: then there is nothing to walk. Returns its descriptor, or -ENOENT where there is
 * more to it: an absent parent, a symlink, "..". */
static int make_last(int root_fd, const char *path, mode_t mode)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char parent[MAKE_LAST_MAX];
	cleanup_fd int parent_fd = -1;
	int fd;

	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    (size_t)(name - path) >= sizeof(parent))
		return -ENOENT;
	memcpy(parent, path, (size_t)(name - path));
	parent[name - path] = '\0';
	parent_fd = open_in_root(root_fd, parent, O_PATH | O_DIRECTORY, 0);
	if (parent_fd < 0 || mkdirat(parent_fd, name, mode) < 0)
		return -ENOENT;
	fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -ENOENT : fd;
}

int rootfd_mkdir_p(int root_fd, const char *path, mode_t mode, int *ret_fd, struct err *e)
{
	struct walk w = { .root_fd = root_fd, .fd = -1, .mode = mode };
	int r = open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);

	if (r == -ENOENT) {
		r = make_last(root_fd, path, mode);
		if (r == -ENOENT)
			r = make_all(&w, path);
		if (r < 0)
			return err_code(e, r, "cannot make directory '%s'", path);
	}
	if (r < 0)
		return open_error(r, path, e);
	*ret_fd = r;
	return 0;
}

/* Points *ret_name at the last component inside `path`. */
static int last_name(const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(e, -EINVAL, "'%s' does not name a file", path);
	*ret_name = name;
	return 0;
}

int rootfd_open_parent(int root_fd, const char *path, mode_t mode_if_made, int *ret_fd, const char **ret_name,
		       struct err *e)
{
	cleanup_free char *parent = NULL;
	const char *name;
	int r = last_name(path, &name, e);

	if (r < 0)
		return r;
	parent = strndup(path, (size_t)(name - path));
	if (!parent)
		return err_code(e, -ENOMEM, "cannot open '%s'", path);
	r = rootfd_mkdir_p(root_fd, parent, mode_if_made, ret_fd, e);
	if (r == 0)
		*ret_name = name;
	return r;
}

int rootfd_make_file(int root_fd, const char *path, mode_t mode, int *ret_fd, struct err *e)
{
	struct walk w = { .root_fd = root_fd, .fd = -1, .mode = 0755, .file = true, .file_mode = mode };
	int r = open_in_root(root_fd, path, O_PATH, 0);
	const char *name;

	if (r >= 0) {
		*ret_fd = r;
		return 0;
	}
	if (r != -ENOENT)
		return open_error(r, path, e);
	r = last_name(path, &name, e);
	if (r < 0)
		return r;
	r = make_all(&w, path);
	if (r < 0)
		return err_code(e, r, "cannot make file '%s'", path);
	*ret_fd = r;
	return 0;
}
