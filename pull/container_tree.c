/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/container_tree.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/process.h"
#include "common/file.h"
#include "common/rootfd.h"

#define OPTIONS_MAX 4095 /* bytes: a page, as mount(2) takes them */
#define MERGED      "merged"
#define UPPER       "upper"
#define WORK        "work"

static int add_layer(int staging_fd, size_t index, const char *path, struct buf *options)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "%zu", index);
	if (symlinkat(path, staging_fd, name) < 0)
		return -errno;
	return buf_printf(options, "%s%s", index > 0 ? ":" : "lowerdir=", name);
}

static int add_upper(const struct overlay_plan *plan, int staging_fd, struct buf *options)
{
	if (symlinkat(plan->upper, staging_fd, UPPER) < 0 || symlinkat(plan->work, staging_fd, WORK) < 0)
		return -errno;
	return buf_add_str(options, ",upperdir=" UPPER ",workdir=" WORK);
}

/* Whole paths would not fit into a page: the layers get short names in the working directory. What the container has written itself is the topmost, and
 * to be read no more than that. */
static int name_layers(const struct overlay_plan *plan, bool writable, int staging_fd, struct buf *options,
		       struct err *e)
{
	size_t first = writable ? 0 : 1;
	int r = writable ? 0 : add_layer(staging_fd, 0, plan->upper, options);

	for (size_t i = 0; r == 0 && i < plan->lower.len; i++)
		r = add_layer(staging_fd, first + i, plan->lower.items[i], options);
	if (r == 0 && writable)
		r = add_upper(plan, staging_fd, options);
	if (r == 0 && process_in_user_namespace()) /* as it was mounted for the container */
		r = buf_add_str(options, ",userxattr");
	return r < 0 ? err_code(e, r, "cannot list the container's layers") : 0;
}

static int enter_namespace(struct err *e)
{
	if (unshare(CLONE_NEWNS) < 0)
		return errno == EPERM ? err_set(e, -EPERM,
						"cannot put the layers together: not permitted (run as root)")
				      : err_errno(e, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(e, "cannot make mounts private");
	return 0;
}

static int open_dir(const char *path, int *ret_fd, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	*ret_fd = fd;
	return 0;
}

static int open_merged(const struct overlay_plan *plan, bool writable, struct container_tree *t,
		       struct err *e)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | (writable ? 0 : MS_RDONLY);
	cleanup_buf struct buf options = BUF_INIT(OPTIONS_MAX);
	int r;

	if (plan->lower.len == 0) /* of one directory there is nothing to be put together */
		return open_dir(plan->upper, &t->fd, e);
	r = name_layers(plan, writable, t->staging.fd, &options, e);
	if (r < 0)
		return r;
	/* unshare(2) takes the working directory along, and no descriptor. */
	if (mkdirat(t->staging.fd, MERGED, 0700) < 0 || fchdir(t->staging.fd) < 0)
		return err_errno(e, "cannot make a mount point");
	r = enter_namespace(e);
	if (r < 0)
		return r;
	if (mount("overlay", MERGED, "overlay", flags, options.data) < 0)
		return err_errno(e, "cannot put the layers together");
	t->mounted = true;
	return open_dir(MERGED, &t->fd, e);
}

/* --- what else is mounted in it --- */

int container_tree_spec(int dir_fd, struct runtime_spec *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(SPEC_MAX_BYTES);
	int r = file_read(dir_fd, "config.json", &text, e);

	return r < 0 ? r : runtime_spec_decode(text.data ? text.data : "", text.len, ret, e);
}

static bool is_bind(const struct spec_mount *m)
{
	return m->source && (strvec_has(&m->options, "bind") || strvec_has(&m->options, "rbind"));
}

/* The container may have put a link where its volume goes: it leads nowhere else. */
static int open_target(int root_fd, const struct spec_mount *m, bool is_dir, int *ret_fd, struct err *e)
{
	return is_dir ? rootfd_mkdir_p(root_fd, m->destination, 0755, ret_fd, e)
		      : rootfd_make_file(root_fd, m->destination, 0644, ret_fd, e);
}

static int bind(int root_fd, const struct spec_mount *m, struct err *e)
{
	cleanup_fd int from = open(m->source, O_PATH | O_CLOEXEC);
	cleanup_fd int to = -1;
	char source[32], target[32];
	struct stat st;
	int r;

	if (from < 0 || fstat(from, &st) < 0)
		return err_errno(e, "cannot open '%s'", m->source);
	r = open_target(root_fd, m, S_ISDIR(st.st_mode), &to, e);
	if (r < 0)
		return r;
	(void)snprintf(source, sizeof(source), "/proc/self/fd/%d", from);
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", to);
	if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_errno(e, "cannot mount '%s' on '%s'", m->source, m->destination);
	(void)close(fd_take(&to)); /* it is what is below */
	r = rootfd_open(root_fd, m->destination, O_PATH, 0, &to, e);
	if (r < 0 || !strvec_has(&m->options, "ro"))
		return r;
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", to);
	return mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0
		       ? err_errno(e, "cannot make '%s' read-only", m->destination)
		       : 0;
}

/* As docker does it: what is copied to a volume ends up there, and not below it. */
static int add_binds(const struct store *s, const char *id, const struct container_tree *t, struct err *e)
{
	cleanup_runtime_spec struct runtime_spec spec = { 0 };
	cleanup_fd int dir_fd = -1;
	int r = container_open_dir(s, id, &dir_fd, e);

	if (r == 0)
		r = container_tree_spec(dir_fd, &spec, e);
	if (r == -ENOENT)
		return 0; /* it never came to one */
	for (size_t i = 0; r == 0 && i < spec.mounts_len; i++)
		if (is_bind(&spec.mounts[i]))
			r = bind(t->fd, &spec.mounts[i], e);
	return r;
}

static int open_tree_of(const struct store *s, const struct container_record *c, bool writable,
			struct container_tree *ret, struct err *e)
{
	cleanup_overlay_plan struct overlay_plan plan = { 0 };
	struct container_tree t = CONTAINER_TREE_EMPTY;
	cleanup_fd int upper_fd = -1; /* only to know that it is there */
	int r = container_overlay(s, c, &plan, e);

	if (r == 0)
		r = container_open_upper(s, c, &upper_fd, e);
	if (r == 0)
		r = staging_begin(s, &t.staging, e);
	if (r == 0)
		r = open_merged(&plan, writable, &t, e);
	if (r == 0 && writable && t.mounted)
		r = add_binds(s, c->id, &t, e);
	if (r < 0)
		container_tree_close(s, &t);
	else
		*ret = t;
	return r;
}

int container_tree_read(const struct store *s, const struct container_record *c, struct container_tree *ret,
			struct err *e)
{
	return open_tree_of(s, c, false, ret, e);
}

int container_tree_write(const struct store *s, const struct container_record *c, struct container_tree *ret,
			 struct err *e)
{
	return open_tree_of(s, c, true, ret, e);
}

void container_tree_close(const struct store *s, struct container_tree *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	if (t->mounted)                            /* the working directory is what it is in */
		(void)umount2(MERGED, MNT_DETACH); /* the namespace ends with us anyway */
	if (t->staging.fd >= 0)
		staging_end(s, &t->staging);
	*t = CONTAINER_TREE_EMPTY;
}
