/* SPDX-License-Identifier: Apache-2.0 */
#include "build/tree_view.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "runtime/rootfs.h"
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
