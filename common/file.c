/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <sys/vfs.h>

#include "common/cleanup.h"

#define READ_CHUNK_BYTES 4096

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A pipe that says it takes bytes takes that many without waiting: pipe(7). */
static size_t piece_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? SIZE_MAX : PIPE_BUF;
}

static int wait_to_write(int fd, int cancel_fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLOUT }, { .fd = cancel_fd, .events = POLLIN } };

	while (cancel_fd >= 0 && poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			return -errno;
	return fds[1].revents ? -EINTR : 0;
}

int write_all_until(int fd, const void *data, size_t len, int cancel_fd)
{
	const size_t piece = cancel_fd < 0 ? SIZE_MAX : piece_of(fd);
	const char *p = data;
	int r = 0;

	while (r == 0 && len > 0) {
		size_t n = piece < len ? piece : len;

		r = wait_to_write(fd, cancel_fd);
		if (r == 0)
			r = write_all(fd, p, n);
		p += n;
		len -= n;
	}
	return r;
}

int read_exactly(int fd, void *data, size_t len)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads what there is room for; at the maximum, one byte more to tell a file that fits from one that is longer.
 * Returns the bytes read (0 at the end of the file) or a negative errno. */
static ssize_t read_some(int fd, struct buf *out)
{
	size_t left = out->max - out->len;
	size_t want = out->len > READ_CHUNK_BYTES ? out->len : READ_CHUNK_BYTES;
	char probe;
	ssize_t n;
	int r;

	if (left == 0) {
		n = read(fd, &probe, 1);
		return n > 0 ? -EFBIG : n < 0 ? -errno : 0;
	}
	r = buf_reserve(out, want < left ? want : left);
	if (r < 0)
		return r;
	want = out->cap - out->len - 1;
	n = read(fd, out->data + out->len, want < left ? want : left);
	if (n < 0)
		return -errno;
	out->len += (size_t)n;
	out->data[out->len] = '\0';
	return n;
}

int read_fd(int fd, struct buf *out, struct err *e)
{
	for (;;) {
		ssize_t n = read_some(fd, out);

		if (n == -EINTR || n > 0)
			continue;
		if (n == -EFBIG)
			return err_set(e, -EFBIG, "longer than %zu bytes", out->max);
		return n < 0 ? err_code(e, (int)n, "cannot read") : 0;
	}
}

/* Files of sysfs tell a size that they do not have. They have no blocks, as few others. */
static bool size_is_known(int fd, const struct stat *st)
{
	struct statfs fs;

	if (st->st_size <= 0 || st->st_blocks > 0)
		return st->st_size > 0;
	return fstatfs(fd, &fs) == 0 && fs.f_type != PROC_SUPER_MAGIC && fs.f_type != SYSFS_MAGIC &&
	       fs.f_type != CGROUP2_SUPER_MAGIC;
}

int file_read(int dir_fd, const char *path, struct buf *out, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	bool known;
	int r;

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "'%s' is not a regular file", path);
	known = size_is_known(fd, &st);
	if (known) {
		if ((uint64_t)st.st_size > out->max - out->len)
			return err_set(e, -EFBIG, "'%s': longer than %zu bytes", path, out->max);
		r = buf_reserve(out, (size_t)st.st_size);
		if (r < 0)
			return err_code(e, r, "cannot read '%s'", path);
	}
	if (known && read_exactly(fd, out->data + out->len, (size_t)st.st_size) == 0) {
		out->len += (size_t)st.st_size;
		out->data[out->len] = '\0';
		return 0;
	}
	/* It has shrunk since: once more, to wherever it ends. */
	if (known && lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, "cannot read '%s'", path);
	r = read_fd(fd, out, e);
	return r < 0 ? err_wrap(e, "'%s'", path) : 0;
}

/* The clock, which costs no system call, is as good as chance until somebody else has the same idea. */
static int pick_suffix(int attempt, uint32_t *ret)
{
	struct timespec now;

	if (attempt == 0 && clock_gettime(CLOCK_MONOTONIC, &now) == 0) {
		*ret = (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec << 20;
		return 0;
	}
	return getrandom(ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret) ? 0 : -errno;
}

/* ".NAME.XXXXXXXX" beside NAME, so that the rename stays in one directory. */
static int open_temporary(int dir_fd, const char *name, mode_t mode, char *temporary, size_t size)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		uint32_t suffix;
		int fd, n, r = pick_suffix(attempt, &suffix);

		if (r < 0)
			return r;
		n = snprintf(temporary, size, ".%.200s.%08x", name, suffix);
		if (n < 0 || (size_t)n >= size)
			return -ENAMETOOLONG;
		fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd >= 0 || errno != EEXIST)
			return fd >= 0 ? fd : -errno;
	}
	return -EEXIST;
}

static int fill_temporary(int fd, const void *data, size_t len, mode_t mode, bool durable)
{
	int r = write_all(fd, data, len);

	if (r < 0)
		return r;
	if ((mode & 077) && fchmod(fd, mode) < 0) /* whatever the umask is: none takes the owner's bits */
		return -errno;
	return durable && fsync(fd) < 0 ? -errno : 0;
}

static int write_and_rename(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
			    bool durable, struct err *e)
{
	char temporary[256];
	int fd = open_temporary(dir_fd, name, mode, temporary, sizeof(temporary));
	int r;

	if (fd < 0)
		return err_code(e, fd, "cannot write '%s'", name);
	r = fill_temporary(fd, data, len, mode, durable);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir_fd, temporary, 0); /* garbage at worst; the error that matters is in r */
		return err_code(e, r, "cannot write '%s'", name);
	}
	return durable ? dir_sync(dir_fd, e) : 0;
}

int file_write_durable(int dir_fd, const char *name, const void *data, size_t len, mode_t mode, struct err *e)
{
	return write_and_rename(dir_fd, name, data, len, mode, true, e);
}

int file_write_atomic(int dir_fd, const char *name, const void *data, size_t len, mode_t mode, struct err *e)
{
	return write_and_rename(dir_fd, name, data, len, mode, false, e);
}

int file_poke(int dir_fd, const char *path, const char *text)
{
	cleanup_fd int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int dir_sync(int dir_fd, struct err *e)
{
	cleanup_fd int fd = -1;

	/* AT_FDCWD and O_PATH descriptors cannot be synced themselves. */
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open directory to sync it");
	if (fsync(fd) < 0)
		return err_errno(e, "cannot sync directory");
	return 0;
}

/* `path` and all that it leads through, from the top. */
static int make_each(int dir_fd, const char *path, mode_t mode, struct err *e)
{
	cleanup_free char *copy = strdup(path);

	if (!copy)
		return err_code(e, -ENOMEM, "cannot make '%s'", path);
	for (size_t i = 1; path[0]; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		copy[i] = '\0';
		if (mkdirat(dir_fd, copy, mode) < 0 && errno != EEXIST)
			return err_errno(e, "cannot make directory '%s'", copy);
		if (!path[i])
			return 0;
		copy[i] = '/';
	}
	return 0;
}

int dir_make_open(int dir_fd, const char *path, mode_t mode, int *ret_fd, struct err *e)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(dir_fd, path, mode) < 0) /* mostly what is above it is there */
			r = make_each(dir_fd, path, mode, e);
		if (r < 0)
			return r;
		fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return err_errno(e, "cannot open directory '%s'", path);
	*ret_fd = fd;
	return 0;
}
