/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy_dest.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/resolve.h"
#include "common/cleanup.h"
#include "common/rootfd.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void copy_dest_done(struct copy_dest *d)
{
	free(d->path);
	free(d->name);
	cleanup_fd_fn(&d->dir_fd);
	*d = (struct copy_dest){ .dir_fd = -1 };
}

/* --- directories on the way --- */

/* Into `name` of *fd, made if it is missing. */
static int make_step(int *fd, const char *name, const struct copy_options *o)
{
	bool made = mkdirat(*fd, name, 0755) == 0;
	int next;

	if (!made && errno != EEXIST)
		return -errno;
	next = openat(*fd, name, OPEN_DIR);
	if (next < 0)
		return errno == ELOOP ? -ENOTDIR : -errno;
	cleanup_fd_fn(fd);
	*fd = next;
	if (!made)
		return 0;
	/* The umask is the user's, and must not show in an image. */
	if (fchmod(next, 0755) < 0 || (o->chown && fchown(next, o->uid, o->gid) < 0))
		return -errno;
	if (o->time) {
		const struct timespec times[2] = { *o->time, *o->time };

		if (futimens(next, times) < 0)
			return -errno;
	}
	return 0;
}

/* mkdir -p of a path without symlinks. */
static int make_dirs(int root_fd, const char *path, const struct copy_options *o, struct err *e)
{
	cleanup_fd int fd = rootfd_try_open(root_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
	cleanup_free char *copy = NULL;
	char *saved = NULL;
	int r;

	if (fd >= 0)
		return 0;
	copy = strdup(path);
	if (!copy)
		return err_code(e, -ENOMEM, "mkdir /%s", path);
	r = rootfd_open(root_fd, "/", O_RDONLY | O_DIRECTORY, 0, &fd, e);
	if (r < 0)
		return r;
	for (const char *name = strtok_r(copy, "/", &saved); name && r == 0;
	     name = strtok_r(NULL, "/", &saved))
		r = make_step(&fd, name, o);
	return r < 0 ? err_code(e, r, "mkdir /%s", path) : 0;
}

/* --- paths --- */

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
}

/* What of the destination is said to be a directory: all of it, or what stands before its last name. NULL: out of memory. */
static char *said_directory(const char *dest)
{
	const char *slash = strrchr(dest, '/');
	const char *last = slash ? slash + 1 : dest;

	if (*last == '\0' || strcmp(last, ".") == 0)
		return strdup(dest);
	return strndup(dest, (size_t)(last - dest));
}

/* The directories that the text asks for, before anything is looked at. */
static int make_said(int root_fd, const struct copy_options *o, struct err *e)
{
	cleanup_free char *said = said_directory(o->dest), *path = NULL;
	int r = said ? 0 : err_code(e, -ENOMEM, "cannot look up '%s'", o->dest);

	if (r == 0)
		r = resolve_in_root(root_fd, said, NULL, NULL, &path, e);
	return r < 0 ? r : make_dirs(root_fd, path, o, e);
}

/* Whether there is something, and a directory. */
static int look(int root_fd, const char *path, bool *ret_there, bool *ret_dir, struct err *e)
{
	cleanup_fd int fd = rootfd_try_open(root_fd, path, O_PATH | O_NOFOLLOW);
	struct stat st;

	*ret_there = *ret_dir = false;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_code(e, fd, "cannot look up '/%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look up '/%s'", path);
	*ret_there = true;
	*ret_dir = S_ISDIR(st.st_mode);
	return 0;
}

int copy_dest_parent(int root_fd, const char *path, int *ret_fd, const char **ret_name, struct err *e)
{
	cleanup_free char *parent = parent_of(path);
	const char *slash = strrchr(path, '/');
	int r = parent ? rootfd_open(root_fd, parent, OPEN_DIR, 0, ret_fd, e)
		       : err_code(e, -ENOMEM, "cannot look up '/%s'", path);

	if (r == 0)
		*ret_name = slash ? slash + 1 : path;
	return r;
}

/* --- where a match goes --- */

static int find_for_directory(int root_fd, bool there, bool dir, const struct copy_options *o,
			      struct copy_dest *d, struct err *e)
{
	int r = 0;

	if (there && !dir)
		return err_set(e, -ENOTDIR, "cannot copy to non-directory: /%s", d->path);
	if (!there)
		r = make_dirs(root_fd, d->path, o, e);
	return r < 0 ? r : rootfd_open(root_fd, d->path, OPEN_DIR, 0, &d->dir_fd, e);
}

static int find_for_file(int root_fd, bool dir, const char *name, const struct copy_options *o,
			 struct copy_dest *d, struct err *e)
{
	cleanup_free char *parent = NULL;
	const char *last;
	int r;

	if (dir) {
		char *joined;

		if (asprintf(&joined, "%s%s%s", strcmp(d->path, ".") == 0 ? "" : d->path,
			     strcmp(d->path, ".") == 0 ? "" : "/", name) < 0)
			return err_code(e, -ENOMEM, "cannot look up '/%s'", d->path);
		free(d->path);
		d->path = joined;
	}
	parent = parent_of(d->path);
	if (!parent)
		return err_code(e, -ENOMEM, "cannot look up '/%s'", d->path);
	r = make_dirs(root_fd, parent, o, e);
	if (r == 0)
		r = copy_dest_parent(root_fd, d->path, &d->dir_fd, &last, e);
	if (r != 0)
		return r;
	d->name = strdup(last);
	return d->name ? 0 : err_code(e, -ENOMEM, "cannot look up '/%s'", d->path);
}

int copy_dest_find(int root_fd, const struct context_match *match, const struct copy_options *o,
		   struct copy_dest *ret, struct err *e)
{
	cleanup_copy_dest struct copy_dest d = { .dir_fd = -1 };
	bool there, dir;
	int r = make_said(root_fd, o, e);

	if (r == 0)
		r = resolve_in_root(root_fd, o->dest, NULL, NULL, &d.path, e);
	if (r == 0)
		r = look(root_fd, d.path, &there, &dir, e);
	if (r != 0)
		return r;
	r = match->is_dir ? find_for_directory(root_fd, there, dir, o, &d, e)
			  : find_for_file(root_fd, dir, match->name, o, &d, e);
	if (r < 0)
		return r;
	*ret = d;
	d = (struct copy_dest){ .dir_fd = -1 };
	return 0;
}
