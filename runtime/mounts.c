/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/rootfd.h"
#include "runtime/copy_up.h"
#include "runtime/sys_mount.h"

/* --- where mounts go ------------------------------------------------------------------------------------ */

/* The last component of a target right below the tmpfs that was mounted last, as nearly all targets in /dev are; else NULL. */
static const char *name_in_fresh(const struct mount_context *context, const char *target)
{
	size_t len = context->fresh ? strlen(context->fresh) : 0;
	const char *name;

	if (len == 0 || strncmp(target, context->fresh, len) != 0 || target[len] != '/')
		return NULL;
	name = target + len + 1;
	return strchr(name, '/') || *name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? NULL
												       : name;
}

/* Most likely there is nothing of that name in it yet, and the directory is made and opened without being looked for first. Returns
 * the descriptor, or -1 where it is to be found the long way. */
static int make_in_fresh(struct mount_context *context, const char *target)
{
	const char *name = name_in_fresh(context, target);

	if (!name)
		return -1;
	if (context->fresh_fd < 0)
		context->fresh_fd = rootfd_try_open(context->root_fd, context->fresh, O_PATH | O_DIRECTORY);
	if (context->fresh_fd < 0 || mkdirat(context->fresh_fd, name, 0755) < 0)
		return -1;
	return openat(context->fresh_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int make_mount_point(struct mount_context *context, const char *target, int *ret_fd, struct err *e)
{
	int fd = make_in_fresh(context, target);

	if (fd < 0)
		return rootfd_mkdir_p(context->root_fd, target, 0755, ret_fd, e);
	*ret_fd = fd;
	return 0;
}

static void remember_fresh(struct mount_context *context, const struct plan_mount *m)
{
	if (context->fresh)
		return; /* that one is below it */
	fd_leave(&context->fresh_fd);
	context->fresh_fd = -1;
	context->fresh = strcmp(m->fs_type, "tmpfs") == 0 ? m->target : NULL;
}

/* procfs and sysfs behind a symlink would be somewhere else than the masks that protect them. */
static int open_ordinary_directory(const struct plan_mount *m, int root_fd, int *ret_fd, struct err *e)
{
	int fd = rootfd_try_open(root_fd, m->target, O_PATH | O_DIRECTORY | O_NOFOLLOW);

	if (fd == -ENOENT)
		return rootfd_mkdir_p(root_fd, m->target, 0755, ret_fd, e);
	if (fd < 0)
		return err_set(e, -ENOTDIR,
			       "file system '%s' must be mounted on an ordinary directory: '%s' is none",
			       m->fs_type, m->target);
	*ret_fd = fd;
	return 0;
}

static int set_propagation(const struct plan_mount *m, int root_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	int r;

	if (!m->options.propagation)
		return 0;
	r = rootfd_open(root_fd, m->target, O_PATH, 0, &fd, e); /* anew: the mount covers what was there */
	if (r < 0)
		return r;
	r = mount_on(fd, NULL, NULL, m->options.propagation, NULL);
	return r < 0 ? err_code(e, r, "cannot set the propagation of '%s'", m->target) : 0;
}

/* "rro" and its kin, on what was just mounted: recursive as it may be, there is one mount. */
static int set_attributes(const struct plan_mount *m, int root_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	int r;

	if (!m->options.attr_set && !m->options.attr_clear)
		return 0;
	r = rootfd_open(root_fd, m->target, O_PATH, 0, &fd, e);
	if (r < 0)
		return r;
	r = mount_change(fd, m->options.attr_set, m->options.attr_clear, 0, true);
	if (r == -ENOSYS)
		return err_set(e, -EOPNOTSUPP, "recursive mount options on '%s' need Linux 5.12", m->target);
	return r < 0 ? err_code(e, r, "cannot set the options of '%s'", m->target) : 0;
}

/* A tmpfs that begins with what it hides: it has to be writable until that is in it. */
static int mount_and_copy_up(const struct plan_mount *m, int root_fd, struct err *e)
{
	cleanup_fd int hidden = -1, target = -1, mounted = -1;
	int r = rootfd_mkdir_p(root_fd, m->target, 0755, &target, e);

	if (r == 0)
		r = rootfd_open(root_fd, m->target, O_RDONLY | O_DIRECTORY, 0, &hidden, e);
	if (r < 0)
		return r;
	r = mount_on(target, m->source, m->fs_type, m->options.flags & ~(unsigned long)MS_RDONLY,
		     m->options.data);
	if (r < 0)
		return err_code(e, r, "cannot mount '%s' on '%s'", m->fs_type, m->target);
	r = rootfd_open(root_fd, m->target, O_RDONLY | O_DIRECTORY, 0, &mounted, e);
	if (r == 0)
		r = copy_up(hidden, mounted, e);
	if (r < 0)
		return err_wrap(e, "mount on '%s'", m->target);
	r = m->options.flags & MS_RDONLY ? mount_make_readonly(mounted) : 0;
	return r < 0 ? err_code(e, r, "cannot make '%s' read-only", m->target) : 0;
}

static int mount_fs(const struct plan_mount *m, struct mount_context *context, struct err *e)
{
	int root_fd = context->root_fd;
	leave_fd int fd = -1;
	int r;

	if (m->options.copy_up && strcmp(m->fs_type, "tmpfs") == 0) {
		r = mount_and_copy_up(m, root_fd, e);
	} else {
		r = m->no_symlink ? open_ordinary_directory(m, root_fd, &fd, e)
				  : make_mount_point(context, m->target, &fd, e);
		if (r < 0)
			return r;
		r = mount_on(fd, m->source, m->fs_type, m->options.flags, m->options.data);
		if (r < 0)
			return err_code(e, r, "cannot mount '%s' on '%s'", m->fs_type, m->target);
		remember_fresh(context, m);
	}
	if (r == 0)
		r = set_attributes(m, root_fd, e);
	return r == 0 ? set_propagation(m, root_fd, e) : r;
}

/* Before Linux 5.12 attributes are set by remounting, one mount at a time; the tree is attached, and its descriptor is of its root. */
static int change_by_remount(const struct plan_mount *m, int tree, struct err *e)
{
	int r = 0;

	if (m->options.attr_set || m->options.attr_clear)
		return err_set(e, -EOPNOTSUPP, "recursive mount options on '%s' need Linux 5.12", m->target);
	if (m->options.flags || m->options.cleared)
		r = mount_on(tree, NULL, NULL, m->options.flags | MS_REMOUNT | MS_BIND, NULL);
	if (r == 0 && m->options.propagation)
		r = mount_on(tree, NULL, NULL, m->options.propagation, NULL);
	return r < 0 ? err_code(e, r, "cannot remount '%s'", m->target) : 0;
}

/* Attributes and propagation are set while nobody can see the mount yet. Returns 1 where the kernel is too old. */
static int change_detached(const struct plan_mount *m, int tree, struct err *e)
{
	bool recursive = (m->options.propagation & MS_REC) != 0;
	uint64_t set, clear;
	int r = 0;

	mount_options_attributes(&m->options, &set, &clear);
	if (set || clear)
		r = mount_change(tree, set, clear, 0, false);
	if (r == 0 && (m->options.attr_set || m->options.attr_clear))
		r = mount_change(tree, m->options.attr_set, m->options.attr_clear, 0, true);
	if (r == 0 && m->options.propagation)
		r = mount_change(tree, 0, 0, m->options.propagation, recursive);
	if (r == -ENOSYS)
		return 1;
	return r < 0 ? err_code(e, r, "cannot set the options of '%s'", m->target) : 0;
}

static int open_target(int root_fd, const char *target, int like_fd, int *ret_fd, struct err *e)
{
	struct stat st;

	if (fstat(like_fd, &st) < 0)
		return err_errno(e, "cannot stat the source of '%s'", target);
	if (S_ISDIR(st.st_mode))
		return rootfd_mkdir_p(root_fd, target, 0755, ret_fd, e);
	return rootfd_make_file(root_fd, target, 0644, ret_fd, e);
}

static int attach_tree(const struct plan_mount *m, int tree, int root_fd, struct err *e)
{
	cleanup_fd int target = -1;
	int r, too_old;

	r = open_target(root_fd, m->target, tree, &target, e);
	if (r < 0)
		return r;
	too_old = change_detached(m, tree, e);
	if (too_old < 0)
		return too_old;
	r = mount_attach(tree, target, "");
	if (r < 0)
		return err_code(e, r, "cannot bind '%s' to '%s'", m->source, m->target);
	return too_old ? change_by_remount(m, tree, e) : 0;
}

static int mount_bind(const struct plan_mount *m, struct mount_context *context, struct err *e)
{
	cleanup_fd int tree = -1;

	if (context->idmapped)
		return attach_tree(m, *context->idmapped, context->root_fd, e);
	tree = mount_clone(AT_FDCWD, m->source, m->options.recursive_bind);
	if (tree < 0)
		return err_code(e, tree, "cannot bind '%s' to '%s'", m->source, m->target);
	return attach_tree(m, tree, context->root_fd, e);
}

/* Without a namespace of its own the container would see the host's whole tree: it gets its own directory of it. */
static int bind_own_cgroup(const struct plan_mount *m, struct mount_context *context, struct err *e)
{
	char source[sizeof(context->host->mount_point) + 4096];
	struct plan_mount bind = *m;

	(void)snprintf(source, sizeof(source), "%s%s", context->host->mount_point, context->cgroup_path);
	bind.source = source;
	bind.options.recursive_bind = true;
	return mount_bind(&bind, context, e);
}

/* Where /sys is the host's, its cgroup2 is there already, and the kernel refuses a file system on its own root: something lies between. */
static int mount_over_itself(const struct plan_mount *m, struct mount_context *context, struct err *e)
{
	struct plan_mount cover = { .kind = PLAN_MOUNT_FS,
				    .target = m->target,
				    .source = "tmpfs",
				    .fs_type = "tmpfs",
				    .options = { .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC } };
	int r = mount_fs(m, context, e);

	if (r != -EBUSY)
		return r;
	r = mount_fs(&cover, context, e);
	return r == 0 ? mount_fs(m, context, e) : r;
}

static int mount_cgroup(const struct plan_mount *m, struct mount_context *context, struct err *e)
{
	struct plan_mount fs = *m;

	fs.options.data = NULL; /* options of cgroup v1 mounts mean nothing here */
	fs.source = "cgroup";
	fs.fs_type = "cgroup2";
	if (context->host->mode != CGROUP_NONE && !context->own_cgroup_namespace && context->cgroup_path)
		return bind_own_cgroup(m, context, e);
	if (context->host->mode == CGROUP_NONE || !context->own_cgroup_namespace) {
		/* There is nothing to show: an empty directory that nobody can fill. */
		fs.fs_type = "tmpfs";
		fs.options.flags |= MS_RDONLY;
	}
	return mount_over_itself(&fs, context, e);
}

int mounts_apply(const struct plan_mount *m, struct mount_context *context, struct err *e)
{
	if (!name_in_fresh(context, m->target))
		context->fresh = NULL; /* what is mounted now may cover it */
	switch (m->kind) {
	case PLAN_MOUNT_FS:
		return mount_fs(m, context, e);
	case PLAN_MOUNT_BIND:
		return mount_bind(m, context, e);
	case PLAN_MOUNT_CGROUP:
		return mount_cgroup(m, context, e);
	}
	return err_set(e, -EINVAL, "unknown kind of mount");
}
