/* SPDX-License-Identifier: Apache-2.0 */
#include "build/tree_move.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/xattrs.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/strvec.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct move {
	struct buf path; /* of what is in hand; "" for the root */
	unsigned int depth;
	bool is_rehearsal;
};

static int list_names(int dir_fd, struct strvec *ret, struct err *e)
{
	int fd = openat(dir_fd, ".", OPEN_DIR);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir) {
		cleanup_fd_fn(&fd);
		return err_errno(e, "cannot list a directory");
	}
	while ((errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
		    strvec_add(ret, d->d_name) < 0)
			return err_set(e, -EFBIG, "a directory has too many files, or memory is out");
	return errno ? err_errno(e, "cannot list a directory") : 0;
}

static int move_contents(struct move *m, int from_fd, int to_fd, struct err *e);

/* The owner first: a change of it takes bits of the mode away. */
static int take_attributes(int from_fd, int to_fd, const char *path, struct err *e)
{
	cleanup_xattrs struct xattrs x = { 0 };
	struct stat st;
	int r = xattrs_read(from_fd, "", &x, e);

	if (r < 0)
		return r;
	if (fstat(from_fd, &st) < 0 || fchown(to_fd, st.st_uid, st.st_gid) < 0 ||
	    fchmod(to_fd, st.st_mode & 07777) < 0)
		return err_errno(e, "cannot change owner or mode of '/%s'", path);
	return xattrs_write(to_fd, "", &x, e);
}

static int merge(struct move *m, int from_dir, int to_dir, const char *name, struct err *e)
{
	cleanup_fd int from_fd = openat(from_dir, name, OPEN_DIR);
	cleanup_fd int to_fd = openat(to_dir, name, OPEN_DIR);
	int r = 0;

	if (from_fd < 0 || to_fd < 0)
		return err_errno(e, "cannot open '/%s'", m->path.data);
	if (++m->depth > TREE_MOVE_DEPTH_MAX)
		return err_set(e, -ELOOP, "directories are nested deeper than %d", TREE_MOVE_DEPTH_MAX);
	if (!m->is_rehearsal)
		r = take_attributes(from_fd, to_fd, m->path.data, e);
	if (r == 0)
		r = move_contents(m, from_fd, to_fd, e);
	m->depth--;
	if (r == 0 && !m->is_rehearsal && unlinkat(from_dir, name, AT_REMOVEDIR) < 0)
		return err_errno(e, "cannot remove '/%s'", m->path.data);
	return r;
}

static int look(int dir_fd, const char *name, struct statx *ret)
{
	return statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, ret);
}

/* Of a mount, or of a subvolume of btrfs: rename(2), EXDEV and EBUSY. Files of an overlay may have other numbers than its directories. */
static bool is_apart(const struct statx *from, const struct statx *to)
{
	bool same_device =
		from->stx_dev_major == to->stx_dev_major && from->stx_dev_minor == to->stx_dev_minor;

	return (to->stx_attributes & STATX_ATTR_MOUNT_ROOT) ||
	       (S_ISDIR(from->stx_mode) && S_ISDIR(to->stx_mode) && !same_device);
}

static int move_entry(struct move *m, int from_dir, int to_dir, const char *name, struct err *e)
{
	struct statx from, to;
	bool is_there = look(to_dir, name, &to) == 0;

	if ((!is_there && errno != ENOENT) || look(from_dir, name, &from) < 0)
		return err_errno(e, "cannot look at '/%s'", m->path.data);
	if (is_there && is_apart(&from, &to))
		return err_set(e, -EXDEV, "cannot write to /%s: it is another file system", m->path.data);
	if (is_there && S_ISDIR(from.stx_mode) && S_ISDIR(to.stx_mode))
		return merge(m, from_dir, to_dir, name, e);
	if (is_there && S_ISDIR(to.stx_mode))
		return err_set(e, -EISDIR, "cannot replace to directory /%s with file", m->path.data);
	if (is_there && S_ISDIR(from.stx_mode))
		return err_set(e, -ENOTDIR, "cannot copy to non-directory: /%s", m->path.data);
	if (!m->is_rehearsal && renameat(from_dir, name, to_dir, name) < 0)
		return err_errno(e, "cannot move to '/%s'", m->path.data);
	return 0;
}

/* The times are read before the first move changes them. */
static int move_contents(struct move *m, int from_fd, int to_fd, struct err *e)
{
	cleanup_strvec struct strvec names = { .max = TREE_MOVE_NAMES_MAX };
	size_t before = m->path.len;
	struct stat st;
	int r = list_names(from_fd, &names, e);

	if (r == 0 && fstat(from_fd, &st) < 0)
		return err_errno(e, "cannot look at a directory");
	for (size_t i = 0; r == 0 && i < names.len; i++) {
		if (buf_printf(&m->path, "%s%s", before ? "/" : "", names.items[i]) < 0)
			return err_set(e, -ENAMETOOLONG, "a path is too long");
		r = move_entry(m, from_fd, to_fd, names.items[i], e);
		m->path.len = before;
		m->path.data[before] = '\0';
	}
	if (r == 0 && !m->is_rehearsal) {
		const struct timespec times[] = { st.st_atim, st.st_mtim };

		if (futimens(to_fd, times) < 0)
			return err_errno(e, "cannot change a directory's times");
	}
	return r;
}

int tree_move(int from_fd, int to_fd, struct err *e)
{
	int r = 0;

	for (int pass = 0; r == 0 && pass < 2; pass++) {
		struct move m = { .path = BUF_INIT(PATH_MAX), .is_rehearsal = pass == 0 };

		r = move_contents(&m, from_fd, to_fd, e);
		buf_done(&m.path);
	}
	return r;
}
