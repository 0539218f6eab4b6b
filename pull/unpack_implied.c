/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/unpack_implied.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/layer_dirs.h"
#include "pull/layer_xattr.h"
#include "pull/unpack.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

enum lookup {
	LOOKUP_HERE,   /* found */
	LOOKUP_BELOW,  /* nothing in this layer: look in the next */
	LOOKUP_HIDDEN, /* what lower layers have does not count: whiteout, opaque directory, another type */
};

/* Opens a directory component by component. *ret_fd stays -1 where that fails, and errno tells why. *ret_opaque tells whether
 * anything above the component looked at last is opaque. */
static int descend(int tree_fd, const char *path, int *ret_fd, bool *ret_opaque, struct err *e)
{
	cleanup_fd int at = openat(tree_fd, ".", OPEN_DIR);
	cleanup_free char *copy = strdup(path);
	char *rest = copy;

	*ret_opaque = false;
	if (!copy)
		return err_set(e, -ENOMEM, "cannot look up '%s': out of memory", path);
	for (char *name = strsep(&rest, "/"); at >= 0 && name; name = strsep(&rest, "/")) {
		int next;

		if (strcmp(name, ".") == 0)
			continue;
		if (*name == '\0' || strcmp(name, "..") == 0)
			return err_set(e, -EINVAL, "the list of implied directories is damaged");
		*ret_opaque = *ret_opaque || layer_xattr_is_opaque(at);
		next = openat(at, name, OPEN_DIR);
		cleanup_fd_fn(&at);
		at = next;
	}
	*ret_fd = fd_take(&at);
	return 0;
}

/* Follows one path in one layer as overlayfs would look it up. *ret_fd is set with LOOKUP_HERE. */
static int look_in(int tree_fd, const char *path, enum lookup *ret, int *ret_fd, struct err *e)
{
	bool opaque;
	int r = descend(tree_fd, path, ret_fd, &opaque, e);

	if (r < 0)
		return r;
	if (*ret_fd >= 0)
		*ret = LOOKUP_HERE;
	else if (errno == ENOENT)
		*ret = opaque ? LOOKUP_HIDDEN : LOOKUP_BELOW;
	else if (errno == ENOTDIR || errno == ELOOP)
		*ret = LOOKUP_HIDDEN;
	else
		return err_errno(e, "cannot look up '%s' in a lower layer", path);
	return 0;
}

/* *ret_fd stays -1 where no lower layer has the directory. */
static int find_lower(const int *trees, size_t len, const char *path, int *ret_fd, struct err *e)
{
	enum lookup found = LOOKUP_BELOW;
	int r = 0;

	for (size_t i = 0; r == 0 && found == LOOKUP_BELOW && i < len; i++)
		r = look_in(trees[i], path, &found, ret_fd, e);
	return r;
}

/* In the order that layer_writer.c explains. */
static int copy_attributes(int from, int to, const char *path, struct err *e)
{
	struct timespec times[2];
	struct stat st, old;

	if (fstat(from, &st) < 0 || fstat(to, &old) < 0)
		return err_errno(e, "cannot look at directory '%s'", path);
	if ((st.st_uid != old.st_uid || st.st_gid != old.st_gid) && fchown(to, st.st_uid, st.st_gid) < 0)
		return err_errno(e, "cannot give '%s' its owner", path);
	if (layer_xattr_copy(from, to, e) < 0)
		return err_wrap(e, "directory '%s'", path);
	if (fchmod(to, st.st_mode & 07777) < 0)
		return err_errno(e, "cannot set the mode of '%s'", path);
	times[0] = st.st_mtim;
	times[1] = st.st_mtim;
	if (futimens(to, times) < 0)
		return err_errno(e, "cannot set the time of '%s'", path);
	return 0;
}

static int fix_one(int tree_fd, const char *path, const int *trees, size_t len, struct err *e)
{
	cleanup_fd int from = -1;
	cleanup_fd int to = -1;
	bool opaque;
	int r = descend(tree_fd, path, &to, &opaque, e);

	if (r < 0)
		return r;
	if (to < 0)
		return err_errno(e, "cannot open the implied directory '%s'", path);
	if (opaque) /* below what hides all lower layers */
		return 0;
	r = find_lower(trees, len, path, &from, e);
	if (r < 0 || from < 0)
		return r;
	return copy_attributes(from, to, path, e);
}

static int fix_all(int tree_fd, const struct buf *list, const int *trees, size_t len, struct err *e)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < list->len) {
		const char *path = list->data + at;

		r = fix_one(tree_fd, path, trees, len, e);
		at += strlen(path) + 1;
	}
	return r;
}

struct trees {
	int *fds; /* owned */
	size_t len;
};

static void trees_done(struct trees *t)
{
	for (size_t i = 0; i < t->len; i++)
		cleanup_fd_fn(&t->fds[i]);
	free(t->fds);
}
#define cleanup_trees __attribute__((cleanup(trees_done)))

static int open_trees(const struct strvec *paths, struct trees *ret, struct err *e)
{
	ret->fds = calloc(paths->len + 1, sizeof(*ret->fds));
	if (!ret->fds)
		return err_set(e, -ENOMEM, "cannot open the lower layers: out of memory");
	for (; ret->len < paths->len; ret->len++) {
		int fd = open(paths->items[ret->len], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return err_errno(e, "cannot open the lower layer '%s'", paths->items[ret->len]);
		ret->fds[ret->len] = fd;
	}
	return 0;
}

int unpack_fix_implied(int staging_fd, const char *subdir, const struct strvec *lower_tree_paths,
		       struct err *e)
{
	cleanup_fd int dir_fd = openat(staging_fd, subdir, OPEN_DIR);
	cleanup_buf struct buf list = BUF_INIT(LAYER_DIRS_MAX_BYTES);
	cleanup_trees struct trees trees = { 0 };
	cleanup_fd int tree_fd = -1;
	int r;

	if (dir_fd < 0)
		return err_errno(e, "cannot open the layer's directory '%s'", subdir);
	if (faccessat(dir_fd, UNPACK_IMPLIED, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	r = file_read(dir_fd, UNPACK_IMPLIED, &list, e);
	if (r < 0)
		return r;
	tree_fd = openat(dir_fd, "tree", OPEN_DIR);
	if (tree_fd < 0)
		return err_errno(e, "cannot open the layer's directory '%s/tree'", subdir);
	r = open_trees(lower_tree_paths, &trees, e);
	if (r == 0)
		r = fix_all(tree_fd, &list, trees.fds, trees.len, e);
	if (r == 0 && unlinkat(dir_fd, UNPACK_IMPLIED, 0) < 0)
		return err_errno(e, "cannot remove '%s/%s'", subdir, UNPACK_IMPLIED);
	return r;
}
