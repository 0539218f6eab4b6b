/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/events.h"
#include "cgroups/systemd.h"
#include "cgroups/walk.h"
#include "common/cleanup.h"

#define REMOVE_WAIT_MS 500

static int remove_one(int parent_fd, int fd, const char *name, void *arg)
{
	(void)fd;
	(void)arg;
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* Removes it, and what is below it only if that is in the way. */
static int remove_tree(int parent_fd, int fd, const char *name)
{
	int r = remove_one(parent_fd, fd, name, NULL);

	if (r != -EBUSY)
		return r;
	r = cgroup_walk(fd, remove_one, NULL);
	return r < 0 ? r : remove_one(parent_fd, fd, name, NULL);
}

/* One call, as most often nothing is in the way. False: it must be done with more care. */
static bool remove_at_once(const struct cgroup *c)
{
	const char *name = strrchr(c->path, '/') + 1;
	char path[64 + NAME_MAX];

	return snprintf(path, sizeof(path), "/proc/self/fd/%d/../%s", c->dir_fd, name) < (int)sizeof(path) &&
	       rmdir(path) == 0;
}

/* `kill`: what is in it, if there is. */
static int remove_it(const struct cgroup *c, bool kill, struct err *e)
{
	cleanup_fd int parent_fd = -1;
	int r;

	if (remove_at_once(c))
		return 0;
	parent_fd = openat(c->dir_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd < 0 && errno == ENOENT)
		return 0;
	if (parent_fd < 0)
		return err_errno(e, "cannot remove cgroup '%s'", c->path);
	if (kill) {
		r = remove_tree(parent_fd, c->dir_fd, strrchr(c->path, '/') + 1);
		if (r == 0)
			return 0;
		r = cgroup_kill(c, e);
		if (r < 0)
			return r;
	}
	/* A killed process leaves its cgroup a little after its parent has heard of its end. */
	for (int waited_ms = 0, wait_ms = 1;; waited_ms += wait_ms, wait_ms *= 2) {
		r = remove_tree(parent_fd, c->dir_fd, strrchr(c->path, '/') + 1);
		if (r != -EBUSY || waited_ms >= REMOVE_WAIT_MS)
			break;
		cgroup_events_wait(c->dir_fd, "populated", 0, wait_ms);
	}
	if (r == -EBUSY)
		return err_set(e, r, "cannot remove cgroup '%s': processes are in it", c->path);
	if (r < 0)
		return err_code(e, r, "cannot remove cgroup '%s'", c->path);
	return 0;
}

static int remove_and_forget(const struct cgroup *c, bool kill, struct err *e)
{
	int r = c->path ? remove_it(c, kill, e) : 0;

	if (r == 0 && c->unit)
		systemd_forget(c);
	return r;
}

int cgroup_remove(const struct cgroup *c, struct err *e)
{
	return remove_and_forget(c, false, e);
}

int cgroup_destroy(const struct cgroup *c, struct err *e)
{
	return remove_and_forget(c, true, e);
}
