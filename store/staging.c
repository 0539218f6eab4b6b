/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "store/internal.h"
#include "store/layer.h"

#define STAGING_ATTEMPTS 16

/* Between our mkdir and our flock a gc may have taken the directory for garbage. */
static bool is_still_there(int dir_fd, const char *name, int fd)
{
	struct stat by_name, by_fd;

	return fstatat(dir_fd, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &by_fd) == 0 &&
	       by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

/* One attempt: 0, -EAGAIN if a gc was faster, or another negative errno. */
static int make_one(int dir_fd, struct staging *ret, struct err *e)
{
	struct staging st = { .fd = -1 };
	cleanup_fd int fd = -1;
	int r = store_random_hex(st.name, 16);

	if (r < 0)
		return err_code(e, r, "cannot get random bytes");
	if (mkdirat(dir_fd, st.name, DIR_MODE) < 0)
		return errno == EEXIST ? -EAGAIN : err_errno(e, "cannot make a directory below staging/");
	fd = openat(dir_fd, st.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : err_errno(e, "cannot open a directory below staging/");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EAGAIN
					    : err_errno(e, "cannot lock a directory below staging/");
	if (!is_still_there(dir_fd, st.name, fd))
		return -EAGAIN;
	st.fd = fd_take(&fd);
	*ret = st;
	return 0;
}

int staging_begin(const struct store *s, struct staging *ret, struct err *e)
{
	cleanup_fd int dir_fd = -1;
	int r = store_open_dir(s, "staging", &dir_fd, e);

	if (r < 0)
		return r;
	for (int attempt = 0; attempt < STAGING_ATTEMPTS; attempt++) {
		r = make_one(dir_fd, ret, e);
		if (r != -EAGAIN)
			return r < 0 ? store_explain_full(s, e) : 0;
	}
	return err_code(e, r, "cannot make a directory below staging/");
}

void staging_end(const struct store *s, struct staging *st)
{
	char path[SUBPATH_MAX];
	struct err ignored;
	int r;

	if (st->fd < 0 || st->name[0] == '\0')
		return;
	(void)snprintf(path, sizeof(path), "staging/%s", st->name);
	r = tree_remove(s->root_fd, path, &ignored);
	(void)r; /* gc takes what stays */
	(void)close(st->fd);
	*st = (struct staging){ .fd = -1 };
}
