/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/restore_mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/rootfd.h"
#include "runtime/devices.h"
#include "runtime/mounts.h"
#include "runtime/sys_mount.h"

static int enter_private(int *ret_host_ns, struct err *e)
{
	cleanup_fd int host_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (host_ns < 0)
		return err_errno(e, "cannot open the own mount namespace");
	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(e, "cannot make a mount namespace");
	*ret_host_ns = fd_take(&host_ns);
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return err_errno(e, "cannot set the propagation of '/'");
	return 0;
}

int restore_mounts_leave(int *host_ns, struct err *e)
{
	cleanup_fd int fd = fd_take(host_ns);

	return fd >= 0 && setns(fd, CLONE_NEWNS) < 0
		       ? err_errno(e, "cannot return to the own mount namespace")
		       : 0;
}

bool restore_mounts_covered(const struct plan *p, size_t len, const char *path)
{
	for (size_t i = 0; i < len; i++) {
		const struct plan_mount *m = &p->mounts[i];
		size_t target_len = strlen(m->target);

		if (m->kind != PLAN_MOUNT_BIND && strncmp(path, m->target, target_len) == 0 &&
		    path[target_len] == '/')
			return true;
	}
	return false;
}

/* --- mount points --------------------------------------------------------------------------------------- */

struct making {
	const struct plan *plan;
	const struct criu_job *job;
	const struct cgroup_host *host;
	const char *cgroup_path;
	char rootfs[PATH_MAX]; /* without symlinks */
	int root_fd;
};

static int open_rootfs(struct making *m, struct err *e)
{
	ssize_t len;

	m->root_fd = open(m->plan->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->root_fd < 0)
		return err_errno(e, "rootfs '%s'", m->plan->rootfs);
	len = readlink(fd_path(m->root_fd).text, m->rootfs, sizeof(m->rootfs) - 1);
	if (len < 0)
		return err_errno(e, "rootfs '%s'", m->plan->rootfs);
	m->rootfs[len] = '\0';
	return 0;
}

static int tell(const struct making *m, const char *name, const char *source, struct err *e)
{
	return criu_set(m->job->lib.add_ext_mount(m->job->opts, name, source), "a mount", e);
}

/* Bound for now: what follows may lie below it. */
static int make_bind(const struct making *m, const struct plan_mount *mount, bool covered, struct err *e)
{
	struct mount_context context = { .root_fd = m->root_fd, .host = m->host, .fresh_fd = -1 };
	cleanup_free char *key = NULL;
	int r = covered ? 0 : mounts_apply(mount, &context, e);

	if (r == 0)
		r = criu_mount_key(m->root_fd, m->rootfs, mount->target, &key, e);
	return r == 0 ? tell(m, key, mount->source, e) : r;
}

static int make_cgroup(const struct making *m, const struct plan_mount *mount, bool covered, struct err *e)
{
	char source[sizeof(m->host->mount_point) + PATH_MAX];
	cleanup_free char *key = NULL;
	cleanup_fd int fd = -1;
	int r = covered ? 0 : rootfd_mkdir_p(m->root_fd, mount->target, 0755, &fd, e);

	if (r < 0 || !criu_cgroup_is_bound(m->plan, m->host, m->cgroup_path))
		return r;
	(void)snprintf(source, sizeof(source), "%s%s", m->host->mount_point, m->cgroup_path);
	r = criu_mount_key(m->root_fd, m->rootfs, mount->target, &key, e);
	return r == 0 ? tell(m, key, source, e) : r;
}

static int make_one(const struct making *m, size_t index, struct err *e)
{
	const struct plan_mount *mount = &m->plan->mounts[index];
	bool covered = restore_mounts_covered(m->plan, index, mount->target);
	cleanup_fd int fd = -1;

	switch (mount->kind) {
	case PLAN_MOUNT_BIND:
		return make_bind(m, mount, covered, e);
	case PLAN_MOUNT_CGROUP:
		return make_cgroup(m, mount, covered, e);
	case PLAN_MOUNT_FS:
		return covered ? 0 : rootfd_mkdir_p(m->root_fd, mount->target, 0755, &fd, e);
	}
	return err_set(e, -EINVAL, "unknown kind of mount");
}

static int make_all(struct making *m, struct err *e)
{
	int r = open_rootfs(m, e);

	for (size_t i = 0; i < m->plan->mounts_len && r == 0; i++)
		r = make_one(m, i, e);
	if (r == 0)
		r = tell(m, "/dev/null", "/dev/null",
			 e); /* what masked files are, and where devices are bound */
	if (m->plan->user_namespace)
		for (const struct default_device *d = devices_default(); d->path && r == 0; d++)
			r = strcmp(d->path, "/dev/null") == 0 ? 0 : tell(m, d->path, d->path, e);
	return r;
}

int restore_mounts_make(const struct plan *p, const struct criu_job *job, const struct cgroup_host *host,
			const char *cgroup_path, struct err *e)
{
	struct making m = { .plan = p, .job = job, .host = host, .cgroup_path = cgroup_path, .root_fd = -1 };
	cleanup_fd int host_ns = -1;
	struct err ignored;
	int r = enter_private(&host_ns, e);

	if (r == 0)
		r = make_all(&m, e);
	if (m.root_fd >= 0)
		(void)close(m.root_fd);
	if (r < 0) {
		IGNORE_RESULT(restore_mounts_leave(&host_ns, &ignored)); /* the first error counts */
		return r;
	}
	return restore_mounts_leave(&host_ns, e);
}

/* --- the root ------------------------------------------------------------------------------------------- */

int restore_mounts_enter(const char *rootfs, const char *root, int *ret_host_ns, struct err *e)
{
	int r = enter_private(ret_host_ns, e);

	if (r < 0)
		return r;
	if (mount(rootfs, root, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_errno(e, "cannot bind rootfs '%s'", rootfs);
	return 0;
}
