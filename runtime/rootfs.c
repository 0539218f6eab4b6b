/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/rootfd.h"
#include "runtime/sys_mount.h"

#define OVERLAY_DATA_MAX 4096 /* mount(2): one page with its NUL */

/* --- overlay ----------------------------------------------------------------------------------------- */

static int data_add(char *data, const char *separator, const char *text)
{
	size_t len = strlen(data);
	int n = snprintf(data + len, OVERLAY_DATA_MAX - len, "%s%s", separator, text);

	return n < 0 || (size_t)n >= OVERLAY_DATA_MAX - len ? -E2BIG : 0;
}

/* Plain paths, which `mount` shows well. -E2BIG: they do not fit, or hold what overlayfs would read as a separator. */
static int add_path(char *data, const char *separator, const char *path)
{
	return strpbrk(path, ":,\\") ? -E2BIG : data_add(data, separator, path);
}

/* Short names for many or odd paths. The descriptor is needed until the mount stands; init's end or exec closes it. */
static int add_fd(char *data, const char *separator, const char *path, struct err *e)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "cannot open layer '%s'", path);
	if (data_add(data, separator, fd_path(fd).text) < 0)
		return err_set(e, -E2BIG, "too many layers");
	return 0;
}

/* The options of the mount, with paths or with descriptors in their place. */
static int overlay_data(const struct overlay_plan *o, bool by_fd, char *data, struct err *e)
{
	/* Else the unmount, when the last process ends, waits until all of the disk's dirty data is written. */
	const char *is_volatile = o->upper && o->temporary ? "volatile," : "";
	/* trusted.* is not for the root of a user namespace: Linux 5.11, overlayfs.rst. */
	const char *attributes = process_in_user_namespace() ? "userxattr," : "";
	const char *separator = "lowerdir=";
	const char *const upper[][2] = { { ",upperdir=", o->upper }, { ",workdir=", o->work } };
	int r = 0;

	data[0] = '\0';
	r = data_add(data, is_volatile, attributes);
	for (size_t i = 0; i < o->lower.len && r == 0; i++, separator = ":")
		r = by_fd ? add_fd(data, separator, o->lower.items[i], e)
			  : add_path(data, separator, o->lower.items[i]);
	for (size_t i = 0; i < ARRAY_LEN(upper) && o->upper && r == 0; i++)
		r = by_fd ? add_fd(data, upper[i][0], upper[i][1], e)
			  : add_path(data, upper[i][0], upper[i][1]);
	return r;
}

int rootfs_mount_overlay(const struct overlay_plan *o, struct err *e)
{
	char data[OVERLAY_DATA_MAX];
	int r;

	if (o->lower.len == 0 || o->lower.len > ROOTFS_LAYERS_MAX)
		return err_set(e, -E2BIG, "cannot mount %zu layers (1 to %d)", o->lower.len,
			       ROOTFS_LAYERS_MAX);
	r = overlay_data(o, false, data, e);
	if (r == -E2BIG)
		r = overlay_data(o, true, data, e);
	if (r < 0)
		return r;
	if (mount("overlay", o->target, "overlay", 0, data) < 0)
		return err_errno(e, "cannot mount the layers on '%s'", o->target);
	return 0;
}

/* --- root -------------------------------------------------------------------------------------------- */

/* pivot_root and move_mount refuse a parent mount that is shared. Which mount that is takes no mountinfo: going
 * up, the first directory whose propagation can be changed is a mount point. */
static int make_parent_private(const char *rootfs, struct err *e)
{
	char path[4096];
	char *slash;

	if (snprintf(path, sizeof(path), "%s", rootfs) >= (int)sizeof(path))
		return err_code(e, -ENAMETOOLONG, "rootfs");
	while (mount(NULL, path[0] ? path : "/", NULL, MS_PRIVATE, NULL) < 0) {
		if (errno != EINVAL || !path[0])
			return err_errno(e, "cannot make the mount of '%s' private", rootfs);
		slash = strrchr(path, '/');
		if (!slash)
			return err_set(e, -EINVAL, "rootfs '%s' is not an absolute path", rootfs);
		*slash = '\0';
	}
	return 0;
}

/* The descriptor of a tree stays that of its root when it is attached. */
static int bind_on_itself(const char *rootfs, int *ret_fd, struct err *e)
{
	leave_fd int target = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int tree = -1;
	int r;

	if (target < 0)
		return err_errno(e, "rootfs '%s'", rootfs);
	tree = mount_clone(target, "", true);
	r = tree < 0 ? tree : mount_attach(tree, target, "");
	if (r < 0)
		return err_code(e, r, "cannot bind rootfs '%s'", rootfs);
	*ret_fd = fd_take(&tree);
	return 0;
}

int rootfs_mount(const struct plan *p, const struct overlay_plan *overlay, int *ret_fd, struct err *e)
{
	int fd, r = 0;

	if (mount(NULL, "/", NULL, p->propagation, NULL) < 0)
		return err_errno(e, "cannot set the propagation of '/'");
	if (!(p->propagation & (MS_SLAVE | MS_PRIVATE)) || !(p->propagation & MS_REC))
		r = make_parent_private(p->rootfs, e);
	if (r == 0)
		r = overlay ? rootfs_mount_overlay(overlay, e) : bind_on_itself(p->rootfs, ret_fd, e);
	if (r < 0 || !overlay)
		return r;
	fd = open(p->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "rootfs '%s'", p->rootfs);
	*ret_fd = fd;
	return 0;
}

int rootfs_attach(const struct plan *p, int tree_fd, struct err *e)
{
	cleanup_fd int target = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (target < 0 || mount(NULL, "/", NULL, p->propagation, NULL) < 0)
		return err_errno(e, "cannot set the propagation of '/'");
	if (!(p->propagation & (MS_SLAVE | MS_PRIVATE)) || !(p->propagation & MS_REC))
		r = make_parent_private("/", e);
	if (r == 0)
		r = mount_attach(tree_fd, target, "");
	return r < 0 ? err_code(e, r, "cannot attach the container's root") : 0;
}

/* --- paths that are hidden or protected ---------------------------------------------------------------- */

#define KERNEL_ROOT_INODE 1 /* of procfs and of sysfs */
#define KERNEL_FS_TRIES \
	64 /* somebody exchanges the directories around it: once in a while they are as they should be */

/* Where protected paths begin: the root, or the root of a procfs or sysfs that the plan has mounted. */
struct base {
	const char *target; /* "/proc" */
	int fd;
};

struct bases {
	struct base items[4];
	size_t len;
};

static void bases_close(struct bases *b)
{
	while (b->len > 0)
		fd_leave(&b->items[--b->len].fd);
}
#define cleanup_bases __attribute__((cleanup(bases_close)))

static bool is_kernel_root(int fd, const char *fs_type)
{
	struct statfs fs;
	struct stat st;

	return fstatfs(fd, &fs) == 0 && fstat(fd, &st) == 0 && st.st_ino == KERNEL_ROOT_INODE &&
	       fs.f_type == (strcmp(fs_type, "proc") == 0 ? PROC_SUPER_MAGIC : SYSFS_MAGIC);
}

static int open_base(int root_fd, const struct plan_mount *m, struct bases *b, struct err *e)
{
	if (b->len == ARRAY_LEN(b->items))
		return 0;
	for (int i = 0; i < KERNEL_FS_TRIES; i++) {
		cleanup_fd int fd = rootfd_try_open(root_fd, m->target, O_PATH | O_DIRECTORY);

		if (fd < 0 || !is_kernel_root(fd, m->fs_type))
			continue;
		b->items[b->len++] = (struct base){ m->target, fd_take(&fd) };
		return 0;
	}
	return err_set(e, -EBUSY,
		       "'%s' is not the '%s' that has been mounted there: somebody changes the rootfs",
		       m->target, m->fs_type);
}

/* Whether a later mount has the same target. */
static bool is_covered(const struct plan *p, size_t index)
{
	for (size_t i = index + 1; i < p->mounts_len; i++)
		if (strcmp(p->mounts[i].target, p->mounts[index].target) == 0)
			return true;
	return false;
}

static int open_bases(int root_fd, const struct plan *p, struct bases *b, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < p->mounts_len && r == 0; i++)
		if (p->mounts[i].no_symlink && !is_covered(p, i))
			r = open_base(root_fd, &p->mounts[i], b, e);
	return r;
}

/* The base that `path` is in, or NULL; *ret_rest is what follows it, with its slash. */
static const struct base *find_base(const struct bases *b, const char *path, const char **ret_rest)
{
	const struct base *found = NULL;

	for (size_t i = 0; i < b->len && !strstr(path, "/.."); i++) {
		size_t len = strlen(b->items[i].target);

		if (strncmp(path, b->items[i].target, len) == 0 && path[len] == '/') {
			found = &b->items[i];
			*ret_rest = path + len;
		}
	}
	return found;
}

/* 0 with *ret_fd >= 0; with -1 where there is nothing. */
static int open_protected(int root_fd, const struct bases *b, const char *path, int *ret_fd, struct err *e)
{
	const char *rest = path;
	const struct base *base = find_base(b, path, &rest);
	int fd = rootfd_try_open(base ? base->fd : root_fd, rest, O_PATH);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return err_code(e, fd, "cannot open '%s'", path);
	*ret_fd = fd;
	return 0;
}

/* The host's /dev/null, made sure of: a container that could choose it would choose what it hides. */
static int open_null(struct err *e)
{
	int fd = open("/dev/null", O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_errno(e, "cannot open '/dev/null'");
	if (fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return fd;
	(void)close(fd);
	return err_set(e, -EINVAL, "'/dev/null' is not the null device");
}

/* What engines mask and is a directory. It says only which way is tried first. */
static bool most_likely_directory(const char *path)
{
	static const char *const NAMES[] = { "/proc/acpi",      "/proc/asound",
					     "/proc/scsi",      "/sys/firmware",
					     "/sys/fs/selinux", "/sys/devices/virtual/powercap" };

	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (strcmp(path, NAMES[i]) == 0)
			return true;
	return false;
}

/* A file does not go on a directory, nor a file system on a file: then it is the other way. */
static int mask_one(int fd, const char *path, const char *null_path, struct err *e)
{
	bool as_directory = most_likely_directory(path);
	int r = -ENOTDIR;

	for (int i = 0; i < 2 && r == -ENOTDIR; i++, as_directory = !as_directory)
		r = as_directory ? mount_on(fd, "tmpfs", "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1")
				 : mount_on(fd, null_path, NULL, MS_BIND, NULL);
	return r < 0 ? err_code(e, r, "cannot mask '%s'", path) : 0;
}

static int mask(int root_fd, const struct bases *bases, const struct strvec *paths, int null_fd,
		struct err *e)
{
	leave_fd int hosts_fd = paths->len > 0 && null_fd < 0 ? open_null(e) : -1;
	int r = 0;

	if (paths->len == 0)
		return 0;
	if (null_fd < 0)
		null_fd = hosts_fd;
	if (null_fd < 0)
		return null_fd;
	for (size_t i = 0; i < paths->len && r == 0; i++) {
		leave_fd int fd = -1;

		r = open_protected(root_fd, bases, paths->items[i], &fd, e);
		if (r == 0 && fd >= 0)
			r = mask_one(fd, paths->items[i], fd_path(null_fd).text, e);
	}
	return r;
}

/* `dir_fd` and `name` say where, "" being dir_fd itself. 1: there is nothing of that name. */
static int make_readonly_at(int dir_fd, const char *name, const char *path, struct err *e)
{
	leave_fd int tree = mount_clone(dir_fd, name, true);
	int r;

	if (tree == -ENOENT && *name)
		return 1;
	if (tree < 0)
		return err_code(e, tree, "cannot make '%s' read-only", path);
	r = mount_change(tree, MOUNT_ATTR_RDONLY, 0, 0, false);
	if (r == 0 || r == -ENOSYS) {
		bool too_old = r == -ENOSYS;

		r = mount_attach(tree, dir_fd, name);
		if (r == 0 && too_old)
			r = mount_make_readonly(
				tree); /* attached now: the descriptor is of the mount's root */
	}
	return r < 0 ? err_code(e, r, "cannot make '%s' read-only", path) : 0;
}

/* What lies right in a procfs or sysfs of ours needs no look at the way to it: nobody but the kernel makes entries there. */
static int make_readonly(int root_fd, const struct bases *bases, const struct strvec *paths, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < paths->len && r >= 0; i++) {
		const char *path = paths->items[i], *rest = NULL;
		const struct base *base = find_base(bases, path, &rest);
		leave_fd int fd = -1;

		if (base && rest[1] && !strchr(rest + 1, '/')) {
			r = make_readonly_at(base->fd, rest + 1, path, e);
			continue;
		}
		r = open_protected(root_fd, bases, path, &fd, e);
		if (r == 0 && fd >= 0)
			r = make_readonly_at(fd, "", path, e);
	}
	return r < 0 ? r : 0;
}

int rootfs_protect(int root_fd, const struct plan *p, const struct strvec *read_only,
		   const struct strvec *masked, int null_fd, struct err *e)
{
	cleanup_bases struct bases bases = { .len = 0 };
	int r = read_only->len || masked->len ? open_bases(root_fd, p, &bases, e) : 0;

	if (r == 0)
		r = make_readonly(root_fd, &bases, read_only, e);
	return r == 0 ? mask(root_fd, &bases, masked, null_fd, e) : r;
}

/* --- entering ------------------------------------------------------------------------------------------ */

/* The old root lies on top of the new one after it and is detached at once. Where mounts are shared with the host,
 * it must not hear of that. */
static int pivot(const struct plan *p, struct err *e)
{
	bool shared = !(p->propagation & (MS_SLAVE | MS_PRIVATE));
	cleanup_fd int old_root = shared ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = pivot_root_here();

	if (r < 0)
		return err_code(e, r, "cannot pivot into the rootfs");
	if (shared && (fchdir(old_root) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0))
		return err_errno(e, "cannot part the old root from the host");
	if (umount2(".", MNT_DETACH) < 0)
		return err_errno(e, "cannot detach the old root");
	/* Else we have been in the new root since before it was one. */
	return shared && chdir("/") < 0 ? err_errno(e, "cannot enter '/'") : 0;
}

static int move_and_chroot(struct err *e)
{
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return err_errno(e, "cannot move the rootfs to '/'");
	return chroot(".") < 0 ? err_errno(e, "cannot chroot into the rootfs") : 0;
}

int rootfs_enter(int root_fd, const struct plan *p, bool no_pivot, struct err *e)
{
	int r;

	if (fchdir(root_fd) < 0)
		return err_errno(e, "cannot enter the rootfs");
	r = no_pivot ? move_and_chroot(e) : pivot(p, e);
	if (r < 0)
		return r;
	if (!(p->propagation & MS_SLAVE) && mount(NULL, "/", NULL, p->propagation, NULL) < 0)
		return err_errno(e, "cannot set the propagation of the rootfs");
	return 0;
}
