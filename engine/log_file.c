/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define DIR_MODE  0700
#define FILE_MODE 0640                      /* docker's */
#define PACKING   LOG_PACKED_SUFFIX ".part" /* behind the name: the gzip that is being made */
#define APPEND    (O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define READ      (O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define CREATE    (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)

int log_file_name(const char *container_id, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%s-json.log", container_id);

	return n < 0 || (size_t)n >= size || strchr(container_id, '/') ? -EINVAL : 0;
}

/* "<name>.N"; of 0 the name itself. */
static const char *rotated_name(const struct log_file *f, unsigned int n, char ret[NAME_MAX + 1])
{
	if (n == 0)
		return f->name;
	(void)snprintf(ret, NAME_MAX + 1, "%s.%u", f->name, n);
	return ret;
}

static const char *packed_name(const struct log_file *f, unsigned int n, char ret[NAME_MAX + 1])
{
	(void)snprintf(ret, NAME_MAX + 1, "%s.%u" LOG_PACKED_SUFFIX, f->name, n);
	return ret;
}

static const char *packing_name(const struct log_file *f, char ret[NAME_MAX + 1])
{
	(void)snprintf(ret, NAME_MAX + 1, "%s" PACKING, f->name);
	return ret;
}

static bool is_there(const struct log_file *f, const char *name)
{
	return faccessat(f->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void drop(const struct log_file *f, const char *name)
{
	(void)unlinkat(f->dir_fd, name,
		       0); /* mostly it is not there; where it stays, readers know what holds */
}

/* The place behind the last newline, looked for from the end on. Returns it or -errno. */
static int64_t find_last_end(int fd, int64_t size, char *scratch, size_t scratch_size)
{
	while (size > 0) {
		size_t part = (size_t)size < scratch_size ? (size_t)size : scratch_size;
		ssize_t n = pread(fd, scratch, part, size - (int64_t)part);
		const char *newline;

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0 || (size_t)n != part)
			continue;
		newline = memrchr(scratch, '\n', part);
		if (newline)
			return size - (int64_t)part + (newline - scratch) + 1;
		size -= (int64_t)part;
	}
	return 0;
}

/* Whatever a power cut or a full disk has left of the last record: no newline ends it, so it is none. */
static int cut_end(struct log_file *f, char *scratch, size_t scratch_size)
{
	int64_t end = find_last_end(f->fd, (int64_t)f->size, scratch, scratch_size);

	if (end < 0)
		return (int)end;
	if ((uint64_t)end == f->size)
		return 0;
	if (ftruncate(f->fd, end) < 0)
		return -errno;
	f->size = (uint64_t)end;
	return 0;
}

static int open_current(struct log_file *f)
{
	struct stat st;
	int fd = openat(f->dir_fd, f->name, APPEND, FILE_MODE);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return -EINVAL;
	}
	f->fd = fd;
	f->size = (uint64_t)st.st_size;
	return 0;
}

static void count_rotated(struct log_file *f)
{
	char name[NAME_MAX + 1];
	struct stat st;

	f->total = f->size;
	for (unsigned int i = 1; i < f->max_files; i++)
		if (fstatat(f->dir_fd, rotated_name(f, i, name), &st, AT_SYMLINK_NOFOLLOW) == 0 ||
		    (f->compress &&
		     fstatat(f->dir_fd, packed_name(f, i, name), &st, AT_SYMLINK_NOFOLLOW) == 0))
			f->total += (uint64_t)st.st_size;
}

/* What a killed monitor has left. */
static void finish_packing(struct log_file *f)
{
	char name[NAME_MAX + 1];

	drop(f, packing_name(f, name));
	for (unsigned int i = 1; i < f->max_files; i++)
		if (is_there(f, packed_name(f, i, name)))
			drop(f, rotated_name(f, i, name));
	f->pack_due = true;
}

int log_file_open(int dir_fd, const struct log_config *c, char *scratch, size_t scratch_size,
		  struct log_file *ret, struct err *e)
{
	struct log_file f = { .dir_fd = -1,
			      .fd = -1,
			      .max_size = c->max_size,
			      .max_files = c->max_files,
			      .compress = c->compress };
	int r = log_file_name(c->container_id, f.name, sizeof(f.name));

	if (r < 0)
		return err_code(e, r, "log of container '%s'", c->container_id);
	if (mkdirat(dir_fd, LOG_DIR, DIR_MODE) < 0 && errno != EEXIST)
		return err_errno(e, "cannot make the directory of the log");
	f.dir_fd = openat(dir_fd, LOG_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f.dir_fd < 0)
		return err_errno(e, "cannot open the directory of the log");
	r = open_current(&f);
	if (r == 0)
		r = cut_end(&f, scratch, scratch_size);
	if (r < 0) {
		log_file_close(&f);
		return err_code(e, r, "cannot open the log '%s'", f.name);
	}
	if (f.compress)
		finish_packing(&f);
	count_rotated(&f);
	*ret = f;
	return 0;
}

static void close_current(struct log_file *f)
{
	if (f->fd >= 0)
		(void)close(
			f->fd); /* errors came with write(2); nothing promises that a log is on the disk */
	f->fd = -1;
	f->size = 0;
}

void log_file_close(struct log_file *f)
{
	close_current(f);
	if (f->dir_fd >= 0)
		(void)close(f->dir_fd); /* nothing to be done about it */
	f->dir_fd = -1;
}

/* What has the number i goes first, so that nobody ever takes one form of it for the other's, and so that ext4, which writes a file out that takes
 * another's place (auto_da_alloc), leaves this one alone: much output is gone before any of it need come to the disk. */
static int take_place(struct log_file *f, const char *from, const char *to, unsigned int i)
{
	char name[NAME_MAX + 1];

	drop(f, rotated_name(f, i, name));
	if (f->compress)
		drop(f, packed_name(f, i, name));
	return renameat(f->dir_fd, from, f->dir_fd, to) < 0 ? -errno : 0;
}

/* Number i - 1 gets the number i. Where there is no number i - 1, as a killed monitor may leave it, number i stays. */
static int move_down(struct log_file *f, unsigned int i)
{
	char buffer[NAME_MAX + 1], to[NAME_MAX + 1];
	const char *from = packed_name(f, i - 1, buffer);

	if (f->compress && i > 1 && is_there(f, from))
		return take_place(f, from, packed_name(f, i, to), i);
	from = rotated_name(f, i - 1, buffer);
	return is_there(f, from) ? take_place(f, from, rotated_name(f, i, to), i) : 0;
}

/* The file with the number i - 1 has become number i, and what that was may be gone. */
static void follow_packing(struct log_file *f, unsigned int i)
{
	if (f->packing == i && i == f->max_files - 1)
		f->packing = f->max_files;
	else if (f->packing > 0 && f->packing == i - 1)
		f->packing = i;
}

/* Who reads has the file open, and goes on with the next one after its end: what is renamed, or unlinked, is not lost to him. */
static int push_down(struct log_file *f)
{
	if (f->max_files == 1)
		return unlinkat(f->dir_fd, f->name, 0) < 0 && errno != ENOENT ? -errno : 0;
	for (unsigned int i = f->max_files - 1; i > 0; i--) {
		int r = move_down(f, i);

		if (r < 0)
			return r;
		follow_packing(f, i);
	}
	return 0;
}

int log_file_rotate(struct log_file *f)
{
	int r = push_down(f);

	if (r < 0)
		return r;
	f->pack_due = f->compress;
	close_current(f);
	return open_current(f);
}

int log_file_pack_begin(struct log_file *f, int *ret_from, int *ret_to)
{
	cleanup_fd int from = -1;
	char name[NAME_MAX + 1];
	unsigned int n;
	int to;

	f->pack_due = false;
	for (n = 1; n < f->max_files && from < 0; n++)
		from = openat(f->dir_fd, rotated_name(f, n, name), READ);
	if (from < 0)
		return 0;
	drop(f, packing_name(f, name));
	to = openat(f->dir_fd, packing_name(f, name), CREATE, FILE_MODE);
	if (to < 0)
		return -errno;
	f->packing = n - 1;
	*ret_from = fd_take(&from);
	*ret_to = to;
	return 1;
}

void log_file_pack_end(struct log_file *f, bool complete)
{
	char from[NAME_MAX + 1], to[NAME_MAX + 1];
	unsigned int n = f->packing;

	f->packing = 0;
	/* What does not go now is tried again when there is more, as there may be already. */
	f->pack_due |= complete;
	/* Both are changes of one directory: a power cut leaves none, the first, or both. */
	if (complete && n < f->max_files &&
	    renameat(f->dir_fd, packing_name(f, from), f->dir_fd, packed_name(f, n, to)) == 0)
		drop(f, rotated_name(f, n, to));
	else
		drop(f, packing_name(f, from));
}

/* Leaves out the first `n` bytes of a part; returns how many of them were in the parts behind it. */
static size_t skip(struct iovec *part, size_t n)
{
	size_t here = n < part->iov_len ? n : part->iov_len;

	if (here > 0)
		part->iov_base = (char *)part->iov_base + here;
	part->iov_len -= here;
	return n - here;
}

/* writev(2) until all is written. Returns the number of bytes that are; *ret_error: 0 or negative errno. */
static size_t write_parts(int fd, const struct iovec *parts, int n_parts, int *ret_error)
{
	struct iovec left[2] = { parts[0], n_parts > 1 ? parts[1] : (struct iovec){ 0 } };
	size_t done = 0;

	*ret_error = 0;
	while (left[0].iov_len + left[1].iov_len > 0) {
		ssize_t n = writev(fd, left, 2);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*ret_error = n < 0 ? -errno : -EIO;
			break;
		}
		done += (size_t)n;
		(void)skip(&left[1], skip(&left[0], (size_t)n));
	}
	return done;
}

/* Of `done` written bytes, those that make whole records. */
static size_t whole_records(const struct iovec *parts, int n_parts, size_t done)
{
	for (int i = n_parts - 1; i >= 0; i--) {
		size_t before = i > 0 ? parts[0].iov_len : 0;
		const char *newline = done > before ? memrchr(parts[i].iov_base, '\n', done - before) : NULL;

		if (newline)
			return before + (size_t)(newline - (const char *)parts[i].iov_base) + 1;
		if (done > before)
			done = before;
	}
	return 0;
}

int log_file_append(struct log_file *f, const struct iovec *parts, int n_parts, bool all, size_t *ret_kept)
{
	size_t done, kept;
	int r = f->fd >= 0 ? 0 : open_current(f);

	*ret_kept = 0;
	if (r < 0)
		return r;
	done = write_parts(f->fd, parts, n_parts, &r);
	kept = r == 0 ? done : all ? 0 : whole_records(parts, n_parts, done);
	f->size += done;
	/* Where even that fails, the next record begins behind the rest of this one and is lost with it. */
	if (kept < done && ftruncate(f->fd, (off_t)(f->size - (done - kept))) == 0)
		f->size -= done - kept;
	f->total += kept;
	*ret_kept = kept;
	return r;
}
