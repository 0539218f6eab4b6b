/* SPDX-License-Identifier: Apache-2.0 */
#include "build/tree_view.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "runtime/rootfs.h"
#include "runtime/sys_mount.h"
#include "store/container.h"

#define OPEN_ROOT (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define NAME_MAX_ 128

int tree_view_isolate(struct err *e)
{
	if (unshare(CLONE_NEWNS) < 0)
		return errno == EPERM ? err_set(e, -EPERM, "cannot build: not permitted (run as root)")
				      : err_errno(e, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(e, "cannot set the propagation of '/'");
	return 0;
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot put layers together");
}

int tree_view_lower(const struct store *s, const struct strvec *keys, struct strvec *ret, struct err *e)
{
	if (container_lower(s, keys, ret) < 0)
		return no_memory(e);
	if (ret->len > ROOTFS_LAYERS_MAX)
		return err_set(e, -EFBIG, "%zu layers are more than the %d that can be mounted", ret->len,
			       ROOTFS_LAYERS_MAX);
	return 0;
}

static int make_dir(const struct store *s, const struct staging *st, const char *name, const char *suffix,
		    mode_t mode, char **ret_path, struct err *e)
{
	char file[NAME_MAX_];

	(void)snprintf(file, sizeof(file), "%s%s", name, suffix);
	if (mkdirat(st->fd, file, mode) < 0 && errno != EEXIST)
		return err_errno(e, "cannot make a directory in staging");
	if (asprintf(ret_path, "%s/staging/%s/%s", store_root_path(s), st->name, file) < 0) {
		*ret_path = NULL;
		return no_memory(e);
	}
	return 0;
}

static int open_root(const char *path, int *ret_fd, struct err *e)
{
	int fd = open(path, OPEN_ROOT);

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	*ret_fd = fd;
	return 0;
}

/* All layers by short names: a value of fsconfig(2) has 255 bytes at most. Their descriptors are needed until the file system stands. */
static int set_lower_by_fd(int fs, const struct strvec *lower, int *fds)
{
	char text[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < lower->len; i++) {
		fds[i] = open(lower->items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			return -errno;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? ":" : "",
					fd_path(fds[i]).text);
		if (len >= sizeof(text))
			return -E2BIG;
	}
	return fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", text, 0) < 0 ? -errno : 0;
}

/* Linux 6.7 takes one after the other, of any length. */
static int set_lower(int fs, const struct strvec *lower, int *fds)
{
	for (size_t i = 0; i < lower->len; i++) {
		if (fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", lower->items[i], 0) == 0)
			continue;
		return i == 0 && errno == EINVAL ? set_lower_by_fd(fs, lower, fds) : -errno;
	}
	return 0;
}

/* Whatever fails, another way may not. */
static int mount_detached(const struct strvec *lower, int *fds, int *ret_fd)
{
	cleanup_fd int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	cleanup_fd int tree = -1;

	if (fs < 0 || set_lower(fs, lower, fds) < 0)
		return -EOPNOTSUPP;
	if (process_in_user_namespace() && fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return -EOPNOTSUPP;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -EOPNOTSUPP;
	tree = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
	if (tree < 0)
		return -EOPNOTSUPP;
	*ret_fd = openat(tree, ".", OPEN_ROOT);
	return *ret_fd < 0 ? -EOPNOTSUPP : 0;
}

int tree_view_open_detached(const struct store *s, const struct strvec *keys, int *ret_fd, struct err *e)
{
	cleanup_strvec struct strvec lower = { 0 };
	int fds[ROOTFS_LAYERS_MAX];
	int r = tree_view_lower(s, keys, &lower, e);

	if (r < 0)
		return r;
	if (lower.len == 0)
		return -EOPNOTSUPP;
	if (lower.len == 1)
		return open_root(lower.items[0], ret_fd, e);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = -1;
	r = mount_detached(&lower, fds, ret_fd);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		cleanup_fd_fn(&fds[i]);
	return r;
}

int tree_view_open(const struct store *s, const struct staging *st, const char *name,
		   const struct strvec *keys, int *ret_fd, char **ret_path, struct err *e)
{
	cleanup_overlay_plan struct overlay_plan plan = { 0 };
	const char *path;
	int r = tree_view_lower(s, keys, &plan.lower, e);

	if (r == 0 && plan.lower.len != 1)
		r = make_dir(s, st, name, "", 0755, &plan.target, e);
	if (r == 0 && plan.lower.len > 1)
		r = rootfs_mount_overlay(&plan, e);
	if (r < 0)
		return r;
	path = plan.lower.len == 1 ? plan.lower.items[0] : plan.target;
	r = open_root(path, ret_fd, e);
	if (r < 0 || !ret_path)
		return r;
	*ret_path = strdup(path);
	return *ret_path ? 0 : no_memory(e);
}

void tree_view_unmount_all(const struct store *s, const struct staging *st)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *dir;
	int n = snprintf(path, sizeof(path), "%s/staging/%s", store_root_path(s), st->name);

	if (st->fd < 0 || n < 0 || (size_t)n >= sizeof(path))
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		cleanup_free char *point = NULL;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (asprintf(&point, "%s/%s", path, entry->d_name) < 0)
			point = NULL;
		while (point && umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			; /* some have others on them, and most are no mounts */
	}
	if (dir)
		(void)closedir(dir);
}

/* What the root of an overlay looks like is up to the upper directory. */
static int dress_root(const char *upper, int below_fd, struct err *e)
{
	struct stat st = { .st_mode = 0755 };

	if (below_fd >= 0 && fstat(below_fd, &st) < 0)
		return err_errno(e, "cannot look at the layers below");
	if (chown(upper, st.st_uid, st.st_gid) < 0 || chmod(upper, st.st_mode & 07777) < 0)
		return err_errno(e, "cannot make a layer");
	return 0;
}

int tree_view_prepare(const struct store *s, const struct staging *st, const char *name,
		      const struct strvec *keys, int below_fd, struct overlay_plan *ret, struct err *e)
{
	struct overlay_plan plan = { .temporary = true }; /* what is kept is synced by itself */
	cleanup_free char *dir = NULL;
	int r = make_dir(s, st, name, "", 0700, &dir, e);

	if (r == 0)
		r = make_dir(s, st, name, "/tree", 0755, &plan.upper, e);
	if (r == 0)
		r = dress_root(plan.upper, below_fd, e);
	if (r == 0)
		r = make_dir(s, st, name, ".work", 0700, &plan.work, e);
	if (r == 0)
		r = make_dir(s, st, name, ".root", 0755, &plan.target, e);
	if (r == 0)
		r = tree_view_lower(s, keys, &plan.lower, e);
	if (r < 0) {
		overlay_plan_done(&plan);
		return r;
	}
	*ret = plan;
	return 0;
}

int tree_view_mount(const struct overlay_plan *plan, int *ret_fd, struct err *e)
{
	int r = 0;

	if (plan->lower.len == 0)
		return open_root(plan->upper, ret_fd, e);
	r = rootfs_mount_overlay(plan, e);
	return r < 0 ? r : open_root(plan->target, ret_fd, e);
}
