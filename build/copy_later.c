/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy_later.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "build/copy_data.h"
#include "common/cleanup.h"

#define WRITE_BACK_BYTES \
	(64 << 20) /* of a file: it is copied in less time than the first sync waits for, below that */

static void file_done(struct copy_later_file *f)
{
	cleanup_fd_fn(&f->from_fd);
	cleanup_fd_fn(&f->to_fd);
	free(f->path);
}

static void close_current(struct copy_later *l)
{
	if (l->current)
		cleanup_fd_fn(&l->fd);
	l->current = NULL;
}

void copy_later_done(struct copy_later *l)
{
	close_current(l);
	write_back_end(&l->writing);
	for (size_t i = 0; i < l->len; i++)
		file_done(&l->files[i]);
	l->len = 0;
}

static int failed(const struct copy_later_file *f, int code, const char *what, struct err *e)
{
	(void)err_code(e, code, "%s", what);
	return err_wrap(e, "cannot copy to '/%s'", f->path);
}

/* --- taking files ------------------------------------------------------------------------------------------- */

static bool is_worth_it(const struct copy_later *l, const struct stat *st)
{
	return l->len < COPY_LATER_MAX && st->st_size >= (off_t)COPY_LATER_WORTH_BYTES &&
	       (uint64_t)st->st_size <= COPY_LATER_MAX_BYTES - l->bytes &&
	       (off_t)st->st_blocks * 512 >= st->st_size;
}

bool copy_later_take(struct copy_later *l, int from_fd, int to_fd, const struct stat *st, const char *path,
		     bool *ret_copied)
{
	struct copy_later_file f = { .st = *st, .from_fd = -1, .to_fd = -1 };
	struct stat to;

	*ret_copied = false;
	if (!is_worth_it(l, st))
		return false;
	*ret_copied = ioctl(to_fd, FICLONE, from_fd) == 0;
	if (*ret_copied)
		return false;
	f.path = strdup(path);
	f.from_fd = fcntl(from_fd, F_DUPFD_CLOEXEC, 0);
	f.to_fd = fcntl(to_fd, F_DUPFD_CLOEXEC, 0);
	if (!f.path || f.from_fd < 0 || f.to_fd < 0 || ftruncate(to_fd, st->st_size) < 0 ||
	    fstat(to_fd, &to) < 0) {
		file_done(&f); /* the copy says what there is to say */
		return false;
	}
	f.inode = to.st_ino;
	l->files[l->len++] = f;
	l->bytes += (uint64_t)st->st_size;
	return true;
}

/* --- while the tar is made ------------------------------------------------------------------------------------ */

static struct copy_later_file *find(struct copy_later *l, const struct stat *st)
{
	if ((off_t)st->st_blocks * 512 >= st->st_size) /* ours has no bytes yet */
		return NULL;
	for (size_t i = 0; i < l->len; i++) {
		struct copy_later_file *f = &l->files[i];

		if (!f->is_done && f->inode == st->st_ino && f->st.st_size == st->st_size)
			return f;
	}
	return NULL;
}

int copy_later_begin(struct copy_later *l, const struct tree_tar_file *file, int *from_fd, struct err *e)
{
	struct copy_later_file *f = find(l, file->st);

	if (!f)
		return 0;
	/* As the tar finds it: our own descriptor may be an overlay's, which is not mounted any more. */
	l->fd = openat(file->parent_fd, file->name,
		       O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (l->fd < 0)
		return failed(f, -errno, "cannot be opened", e);
	l->current = f;
	/* Below an overlay they may be on one file system after all; then all is there. */
	l->is_shared = ioctl(l->fd, FICLONE, f->from_fd) == 0;
	if (l->is_shared)
		return 0;
	l->at = 0;
	if (l->writing.pid == 0 && file->st->st_size >= WRITE_BACK_BYTES)
		write_back_begin(l->fd, &l->writing);
	*from_fd = f->from_fd;
	return 0;
}

int copy_later_data(struct copy_later *l, const void *data, size_t len, struct err *e)
{
	const char *from = data;

	while (l->current && !l->is_shared && len > 0) {
		ssize_t n = pwrite(l->fd, from, len, (off_t)l->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(l->current, -errno, "cannot be copied", e);
		from += n;
		len -= (size_t)n;
		l->at += (uint64_t)n;
	}
	return 0;
}

static bool same_version(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Whether the source is what it was, and the copy's times are those that it was given. */
static int settle(struct copy_later_file *f, int fd, const struct stat *as, struct err *e)
{
	const struct timespec times[] = { as->st_atim, as->st_mtim };
	struct stat after;

	f->is_done = true;
	if (fstat(f->from_fd, &after) < 0 || !same_version(&f->st, &after)) {
		(void)err_set(e, -EBUSY, "it changed while it was copied");
		return err_wrap(e, "cannot copy to '/%s'", f->path);
	}
	return futimens(fd, times) < 0 ? failed(f, -errno, "cannot change its times", e) : 0;
}

int copy_later_end(struct copy_later *l, const struct tree_tar_file *file, struct err *e)
{
	int r = l->current ? settle(l->current, l->fd, file->st, e) : 0;

	close_current(l);
	return r;
}

/* --- what is left --------------------------------------------------------------------------------------------- */

int copy_later_rest(struct copy_later *l, bool *ret_again, struct err *e)
{
	cleanup_data_copier struct data_copier copier = { 0 };
	int r = 0;

	write_back_end(&l->writing);
	*ret_again = false;
	for (size_t i = 0; r == 0 && i < l->len; i++) {
		struct copy_later_file *f = &l->files[i];
		struct stat st;

		if (f->is_done || fstat(f->to_fd, &st) < 0 || st.st_nlink == 0) /* another took its place */
			continue;
		*ret_again = true;
		r = copy_data(&copier, f->from_fd, f->to_fd, &f->st);
		r = r < 0 ? failed(f, r, "cannot be copied", e) : settle(f, f->to_fd, &st, e);
	}
	return r;
}
