/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/copy_up.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "common/cleanup.h"

struct copy {
	unsigned int depth;
	size_t entries;
};

static int copy_dir(struct copy *c, int from_fd, int to_fd, const struct stat *st);

/* Owner first: changing it drops set-id bits. */
static int describe(int dir_fd, const char *name, const struct stat *st)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(dir_fd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode) && fchmodat(dir_fd, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	return utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name)
{
	cleanup_fd int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	cleanup_fd int to = -1;
	ssize_t n;

	if (from < 0)
		return -errno;
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	do
		n = sendfile(to, from, NULL, 1 << 20);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int copy_symlink(int from_dir, int to_dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (len < 0)
		return -errno;
	target[len] = '\0';
	return symlinkat(target, to_dir, name) < 0 ? -errno : 0;
}

static int copy_subdir(struct copy *c, int from_dir, int to_dir, const char *name, const struct stat *st)
{
	cleanup_fd int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int to = -1;

	if (from < 0 || mkdirat(to_dir, name, 0700) < 0)
		return -errno;
	to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return to < 0 ? -errno : copy_dir(c, from, to, st);
}

static int copy_entry(struct copy *c, int from_dir, int to_dir, const char *name)
{
	struct stat st;
	int r;

	if (++c->entries > COPY_UP_MAX_ENTRIES)
		return -EFBIG;
	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return copy_subdir(c, from_dir, to_dir, name, &st);
	if (S_ISREG(st.st_mode))
		r = copy_file(from_dir, to_dir, name);
	else if (S_ISLNK(st.st_mode))
		r = copy_symlink(from_dir, to_dir, name);
	else
		r = mknodat(to_dir, name, st.st_mode & S_IFMT, st.st_rdev) < 0 ? -errno : 0;
	return r < 0 ? r : describe(to_dir, name, &st);
}

/* The directory's own attributes come last: filling it changes its time. */
static int copy_dir(struct copy *c, int from_fd, int to_fd, const struct stat *st)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	if (++c->depth > COPY_UP_MAX_DEPTH)
		return -EFBIG;
	while (r == 0 && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = copy_entry(c, from_fd, to_fd, entry->d_name);
	if (r == 0)
		r = -errno;
	c->depth--;
	if (r == 0 && (fchown(to_fd, st->st_uid, st->st_gid) < 0 || fchmod(to_fd, st->st_mode & 07777) < 0 ||
		       futimens(to_fd, times) < 0))
		r = -errno;
	return r;
}

int copy_up(int from_fd, int to_fd, struct err *e)
{
	struct copy c = { 0 };
	struct stat st;
	int r;

	if (fstat(from_fd, &st) < 0)
		return err_errno(e, "cannot copy the directory that is mounted over");
	r = copy_dir(&c, from_fd, to_fd, &st);
	if (r == -EFBIG)
		return err_set(e, r,
			       "cannot copy the directory that is mounted over: more than %d entries, or "
			       "deeper than %d",
			       COPY_UP_MAX_ENTRIES, COPY_UP_MAX_DEPTH);
	return r < 0 ? err_code(e, r, "cannot copy the directory that is mounted over") : 0;
}
