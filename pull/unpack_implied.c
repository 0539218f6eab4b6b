/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/unpack_implied.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

/* A tree, and what is known of the directories above the path that was looked up last. The next one most often lies beside or below it,
 * and a layer may have thousands, one in the other. */
struct walker {
	int tree_fd;       /* owned */
	char *path;        /* owned; NULL before the first */
	size_t opened_len; /* its beginning up to here has been opened, */
	size_t opaque_len; /* and all that has been looked at is not opaque but for this; SIZE_MAX: nothing is */
};

/* How much of both paths is the same whole components. */
static size_t common_len(const char *a, const char *b)
{
	size_t common = 0;

	for (size_t i = 0;; i++) {
		if ((a[i] == '/' || a[i] == '\0') && (b[i] == '/' || b[i] == '\0'))
			common = i;
		if (a[i] != b[i] || a[i] == '\0')
			return common;
	}
}

/* Opens what the last path and this one have in common. *ret_len: how much of the path that is. */
static int resume(struct walker *w, const char *path, size_t *ret_len)
{
	const struct open_how how = { .flags = OPEN_DIR, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	size_t len = w->path ? common_len(w->path, path) : 0;
	cleanup_free char *above = strndup(path, len);
	int fd = -1;

	if (above && len > 0 && len <= w->opened_len)
		fd = (int)syscall(SYS_openat2, w->tree_fd, above, &how, sizeof(how));
	if (fd < 0) {
		len = 0;
		fd = openat(w->tree_fd, ".", OPEN_DIR);
	}
	if (w->opaque_len >= len)
		w->opaque_len = SIZE_MAX;
	*ret_len = len;
	return fd;
}

static int open_component(struct walker *w, int *at, const char *path, size_t from, size_t end, struct err *e)
{
	cleanup_free char *name = strndup(path + from, end - from);
	int next;

	if (!name)
		return err_set(e, -ENOMEM, "cannot look up '%s': out of memory", path);
	if (strcmp(name, ".") == 0)
		return 0;
	if (*name == '\0' || strcmp(name, "..") == 0)
		return err_set(e, -EINVAL, "the list of implied directories is damaged");
	if (w->opaque_len == SIZE_MAX && layer_xattr_is_opaque(*at))
		w->opaque_len = from;
	next = openat(*at, name, OPEN_DIR);
	cleanup_fd_fn(at);
	*at = next;
	return 0;
}

static int remember(struct walker *w, const char *path, size_t opened_len, struct err *e)
{
	free(w->path);
	w->path = strdup(path);
	w->opened_len = opened_len;
	return w->path ? 0 : err_set(e, -ENOMEM, "cannot look up '%s': out of memory", path);
}

/* Opens a directory component by component. *ret_fd stays -1 where that fails, and errno tells why. *ret_opaque tells whether
 * anything above the component looked at last is opaque. */
static int descend(struct walker *w, const char *path, int *ret_fd, bool *ret_opaque, struct err *e)
{
	size_t len = 0, path_len = strlen(path);
	cleanup_fd int at = resume(w, path, &len);
	int error = errno, r = 0;

	while (r == 0 && at >= 0 && len < path_len) {
		size_t from = len > 0 ? len + 1 : 0, end = from + strcspn(path + from, "/");

		r = open_component(w, &at, path, from, end, e);
		error = errno;
		if (at >= 0)
			len = end;
	}
	if (r == 0)
		r = remember(w, path, len, e);
	if (r < 0)
		return r;
	*ret_opaque = w->opaque_len != SIZE_MAX;
	*ret_fd = fd_take(&at);
	errno = error;
	return 0;
}

/* Follows one path in one layer as overlayfs would look it up. *ret_fd is set with LOOKUP_HERE. */
static int look_in(struct walker *tree, const char *path, enum lookup *ret, int *ret_fd, struct err *e)
{
	bool opaque;
	int r = descend(tree, path, ret_fd, &opaque, e);

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
static int find_lower(struct walker *trees, size_t len, const char *path, int *ret_fd, struct err *e)
{
	enum lookup found = LOOKUP_BELOW;
	int r = 0;

	for (size_t i = 0; r == 0 && found == LOOKUP_BELOW && i < len; i++)
		r = look_in(&trees[i], path, &found, ret_fd, e);
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

static int fix_one(struct walker *tree, const char *path, struct walker *lower, size_t len, struct err *e)
{
	cleanup_fd int from = -1;
	cleanup_fd int to = -1;
	bool opaque;
	int r = descend(tree, path, &to, &opaque, e);

	if (r < 0)
		return r;
	if (to < 0)
		return err_errno(e, "cannot open the implied directory '%s'", path);
	if (opaque) /* below what hides all lower layers */
		return 0;
	r = find_lower(lower, len, path, &from, e);
	if (r < 0 || from < 0)
		return r;
	return copy_attributes(from, to, path, e);
}

static int fix_all(const struct buf *list, struct walker *trees, size_t len, struct err *e)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < list->len) {
		const char *path = list->data + at;

		r = fix_one(&trees[0], path, trees + 1, len - 1, e);
		at += strlen(path) + 1;
	}
	return r;
}

struct trees {
	struct walker *items; /* owned; the first is the layer itself, those below it follow */
	size_t len;
};

static void trees_done(struct trees *t)
{
	for (size_t i = 0; i < t->len; i++) {
		cleanup_fd_fn(&t->items[i].tree_fd);
		free(t->items[i].path);
	}
	free(t->items);
}
#define cleanup_trees __attribute__((cleanup(trees_done)))

static void add_tree(struct trees *t, int fd)
{
	t->items[t->len++] = (struct walker){ .tree_fd = fd, .opaque_len = SIZE_MAX };
}

static int open_trees(int dir_fd, const char *subdir, const struct strvec *lower, struct trees *ret,
		      struct err *e)
{
	int fd = openat(dir_fd, "tree", OPEN_DIR);

	if (fd < 0)
		return err_errno(e, "cannot open the layer's directory '%s/tree'", subdir);
	ret->items = calloc(lower->len + 1, sizeof(*ret->items));
	if (!ret->items) {
		(void)close(fd);
		return err_set(e, -ENOMEM, "cannot open the lower layers: out of memory");
	}
	add_tree(ret, fd);
	for (size_t i = 0; i < lower->len; i++) {
		fd = open(lower->items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_errno(e, "cannot open the lower layer '%s'", lower->items[i]);
		add_tree(ret, fd);
	}
	return 0;
}

int unpack_fix_implied(int staging_fd, const char *subdir, const struct strvec *lower_tree_paths,
		       struct err *e)
{
	cleanup_fd int dir_fd = openat(staging_fd, subdir, OPEN_DIR);
	cleanup_buf struct buf list = BUF_INIT(LAYER_DIRS_MAX_BYTES);
	cleanup_trees struct trees trees = { 0 };
	int r;

	if (dir_fd < 0)
		return err_errno(e, "cannot open the layer's directory '%s'", subdir);
	if (faccessat(dir_fd, UNPACK_IMPLIED, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	r = file_read(dir_fd, UNPACK_IMPLIED, &list, e);
	if (r < 0)
		return r;
	r = open_trees(dir_fd, subdir, lower_tree_paths, &trees, e);
	if (r == 0 && trees.items)
		r = fix_all(&list, trees.items, trees.len, e);
	if (r == 0 && unlinkat(dir_fd, UNPACK_IMPLIED, 0) < 0)
		return err_errno(e, "cannot remove '%s/%s'", subdir, UNPACK_IMPLIED);
	return r;
}
