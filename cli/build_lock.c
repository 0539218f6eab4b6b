/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/rootfd.h"

#define LOCK_MODE 0644

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot keep a lock file");
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *build_lock_path(const struct build_input *in)
{
	char *path;

	return asprintf(&path, "%s" LOCK_SUFFIX, in->path) < 0 ? NULL : path;
}

/* Owned; NULL: *e says why. */
static char *find_path(const struct build_input *in, struct err *e)
{
	char *path = in->path ? build_lock_path(in) : NULL;

	if (!in->path)
		(void)err_set(e, -EINVAL,
			      "a lock file is beside the Dockerfile, and this one is in no folder");
	else if (!path)
		(void)no_memory(e);
	return path;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static int open_file(const struct build_input *in, const char *path, int *ret_fd, struct err *e)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	cleanup_fd int fd =
		in->is_in_context ? rootfd_try_open(in->items[0].fd, path, flags) : open(path, flags);
	struct stat st;
	int code = fd >= 0 ? 0 : in->is_in_context ? fd : -errno;

	if (code == -ENOENT)
		return err_set(e, code, "there is no '%s' (run `sampan lock`)", path);
	if (code < 0)
		return err_code(e, code, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "'%s' is not a regular file", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int read_text(const struct build_input *in, const char *path, struct buf *out, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = open_file(in, path, &fd, e);

	if (r < 0)
		return r;
	r = read_fd(fd, out, e);
	if (r == -EFBIG)
		return err_set(e, r, "'%s' is larger than %u bytes", path, LOCK_FILE_MAX);
	return r < 0 ? err_wrap(e, "'%s'", path) : 0;
}

int build_lock_read(const struct build_input *in, struct lock_pins *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(LOCK_FILE_MAX);
	cleanup_free char *path = find_path(in, e);
	int r;

	if (!path)
		return e->code;
	r = read_text(in, path, &text, e);
	if (r < 0)
		return r;
	r = lock_read(text.data ? text.data : "", text.len, &ret->lock, e);
	if (r < 0)
		return err_wrap(e, "'%s'", path);
	ret->name = strdup(base_name(path));
	return ret->name ? 0 : no_memory(e);
}

/* --- writing -------------------------------------------------------------------------------------------- */

static int open_folder(const struct build_input *in, const char *path, int *ret_fd, struct err *e)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir =
		slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");

	if (!dir)
		return no_memory(e);
	if (in->is_in_context)
		return rootfd_open(in->items[0].fd, dir, O_RDONLY | O_DIRECTORY, 0, ret_fd, e);
	*ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_errno(e, "cannot open '%s'", dir) : 0;
}

static bool is_there(const struct build_input *in, const char *path, const struct buf *text)
{
	cleanup_buf struct buf old = BUF_INIT(LOCK_FILE_MAX);
	struct err ignored; /* what cannot be read is another */

	return read_text(in, path, &old, &ignored) == 0 && old.len == text->len &&
	       memcmp(old.data, text->data, text->len) == 0;
}

int build_lock_write(const struct build_input *in, const struct lock *lock, bool *ret_changed, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(LOCK_FILE_MAX);
	cleanup_free char *path = find_path(in, e);
	cleanup_fd int dir_fd = -1;
	int r;

	if (!path)
		return e->code;
	r = lock_write(lock, &text, e);
	if (r < 0)
		return r;
	*ret_changed = !is_there(in, path, &text);
	if (!*ret_changed)
		return 0;
	r = open_folder(in, path, &dir_fd, e);
	if (r == 0)
		r = file_write_durable(dir_fd, base_name(path), text.data, text.len, LOCK_MODE, e);
	return r < 0 ? err_wrap(e, "cannot write '%s'", path) : 0;
}
