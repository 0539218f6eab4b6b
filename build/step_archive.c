/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_archive.h"

#include <fcntl.h>
#include <string.h>

#include "build/archive_add.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/rootfd.h"

/* -1: it is none, or no regular file. */
static int open_archive(const struct context *from, const struct context_match *m, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	bool is = false;
	int r;

	*ret_fd = -1;
	if (m->is_dir)
		return 0;
	fd = rootfd_try_open(from->fd, m->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0; /* a symlink, or what has gone: the copy says what there is to say */
	r = archive_add_is(fd, &is, e);
	if (r == 0 && is)
		*ret_fd = fd_take(&fd);
	return r;
}

static int unpack(int fd, int root_fd, const struct copy_options *o, struct err *e)
{
	const struct archive_add_options how = { .dest = o->dest,
						 .chown = o->chown,
						 .uid = o->uid,
						 .gid = o->gid,
						 .time = o->time,
						 .cancel_fd = -1 };

	return archive_add_unpack(fd, root_fd, &how, e);
}

/* A name, as a pattern that matches it alone. */
static int escape(const char *path, struct buf *out)
{
	int r = 0;

	for (; r == 0 && *path; path++) {
		if (strchr("*?[\\", *path))
			r = buf_add_char(out, '\\');
		if (r == 0)
			r = buf_add_char(out, *path);
	}
	return r;
}

static int copy_match(const struct context *from, const struct context_match *m, int root_fd,
		      const struct copy_options *o, struct err *e)
{
	cleanup_buf struct buf source = BUF_INIT(CONTEXT_PATH_MAX * 2);

	if (escape(m->path, &source) < 0)
		return err_code(e, -ENOMEM, "cannot copy '%s'", m->path);
	return copy_sources(from, (const char *const[]){ source.data }, 1, root_fd, o, e);
}

static int add(const struct context *from, const struct context_match *m, int root_fd,
	       const struct copy_options *o, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = open_archive(from, m, &fd, e);

	if (r < 0)
		return r;
	return fd >= 0 ? unpack(fd, root_fd, o, e) : copy_match(from, m, root_fd, o, e);
}

static bool has_archive(const struct context *from, const struct context_selection *s, int *ret,
			struct err *e)
{
	bool found = false;

	for (size_t i = 0; *ret == 0 && !found && i < s->len; i++) {
		cleanup_fd int fd = -1;

		*ret = open_archive(from, &s->items[i], &fd, e);
		found = fd >= 0;
	}
	return found;
}

int step_archive_copy(const struct context *from, const char *source, int root_fd,
		      const struct copy_options *o, struct err *e)
{
	cleanup_context_selection struct context_selection s = { 0 };
	int r = context_select(from, source, o->parents, &s, e);

	if (r < 0)
		return r;
	if (!has_archive(from, &s, &r, e))
		return r < 0 ? r : copy_sources(from, &source, 1, root_fd, o, e);
	for (size_t i = 0; r == 0 && i < s.len; i++)
		r = add(from, &s.items[i], root_fd, o, e);
	return r;
}
