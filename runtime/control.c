/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/control.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <string.h>

#include "cgroups/host.h"
#include "cgroups/walk.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/process.h"
#include "runtime/state_dir.h"

#define PIDS_MAX_BYTES (CONTROL_PIDS_MAX * 8)

void control_done(struct control *c)
{
	container_state_done(&c->state);
	cgroup_done(&c->cgroup);
	if (c->pidfd >= 0)
		(void)close(fd_take(&c->pidfd));
}

static int open_cgroup(struct control *c, struct err *e)
{
	int r = cgroup_host_detect(&c->host, e);

	if (r == 0 && c->state.cgroup_path)
		r = cgroup_open(&c->host, c->state.cgroup_path, &c->cgroup, e);
	if (r == 0 && c->cgroup.path && c->state.systemd_unit)
		r = cgroup_set_unit(&c->cgroup, c->state.systemd_unit, e);
	return r == -ENOENT ? 0 : r;
}

int control_open(const char *state_root, const char *id, struct control *ret, struct err *e)
{
	int r;

	*ret = (struct control){ .cgroup = { .dir_fd = -1 }, .pidfd = -1 };
	r = container_state_read(state_root, id, &ret->state, e);
	if (r < 0)
		return r;
	/* The descriptor comes first: what is found out of the number afterwards is of the process that it holds. */
	ret->pidfd = ret->state.pid > 0 ? process_pidfd_open(ret->state.pid) : -1;
	ret->status = container_state_status(state_root, &ret->state);
	if (ret->pidfd < 0)
		ret->status = RUNTIME_STOPPED;
	else if (ret->status == RUNTIME_STOPPED)
		(void)close(fd_take(&ret->pidfd)); /* of another process */
	r = open_cgroup(ret, e);
	if (r < 0)
		control_done(ret);
	return r;
}

/* --- the freezer ---------------------------------------------------------------------------------------- */

int control_pause(const char *state_root, const char *id, struct err *e)
{
	cleanup_control struct control c = { .pidfd = -1 };
	int r = control_open(state_root, id, &c, e);

	if (r < 0)
		return r;
	if ((c.status != RUNTIME_RUNNING && c.status != RUNTIME_CREATED) ||
	    state_is_frozen(c.state.cgroup_path))
		return err_set(e, -EBUSY, "container not running");
	return cgroup_freeze(&c.cgroup, true, e);
}

int control_resume(const char *state_root, const char *id, struct err *e)
{
	cleanup_control struct control c = { .pidfd = -1 };
	int r = control_open(state_root, id, &c, e);

	if (r < 0)
		return r;
	if (c.status == RUNTIME_STOPPED || !state_is_frozen(c.state.cgroup_path))
		return err_set(e, -EBUSY, "container not paused");
	return cgroup_freeze(&c.cgroup, false, e);
}

/* --- update --------------------------------------------------------------------------------------------- */

static bool is_limit(uint64_t value)
{
	return value <= INT64_MAX; /* neither "max" nor unknown */
}

static struct opt_i64 limit_of(uint64_t value)
{
	return (struct opt_i64){ .set = true, .value = (int64_t)value };
}

/* The specification counts memory and swap together, the kernel swap alone: who names one of the two means the other as it is. */
static void complete_memory(const struct cgroup_stats *now, struct spec_resources *r)
{
	bool limit = r->memory_limit.set && r->memory_limit.value != 0;
	bool swap = r->memory_swap.set && r->memory_swap.value != 0;
	uint64_t both;

	if (!is_limit(now->memory_max) || limit == swap)
		return;
	if (swap) {
		if (r->memory_swap.value > 0)
			r->memory_limit = limit_of(now->memory_max);
		return;
	}
	if (r->memory_limit.value > 0 && is_limit(now->memory_swap_max) &&
	    !__builtin_add_overflow(now->memory_max, now->memory_swap_max, &both) && is_limit(both))
		r->memory_swap = limit_of(both);
}

void control_complete(const struct cgroup_stats *now, struct spec_resources *r)
{
	complete_memory(now, r);
	if (r->cpu_period_us.set && r->cpu_period_us.value > 0 &&
	    (!r->cpu_quota_us.set || r->cpu_quota_us.value == 0) && is_limit(now->cpu_quota_us))
		r->cpu_quota_us = limit_of(now->cpu_quota_us);
	if (r->pids_limit.set && r->pids_limit.value == 0)
		r->pids_limit.set = false;
	r->devices = NULL; /* borrowed: the caller has the list */
	r->devices_len = 0;
}

/* Whether there are processes in a cgroup itself, which then must not get controllers for what is below; in the machine's root, which
 * alone has no cgroup.type, they do not matter. */
static bool has_processes(int dir_fd)
{
	cleanup_fd int procs = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char first;

	return faccessat(dir_fd, "cgroup.type", F_OK, 0) == 0 && procs >= 0 && read(procs, &first, 1) == 1;
}

static int enable_in(const char *dir, unsigned int controllers, struct err *e)
{
	cleanup_fd int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		return err_errno(e, "cannot open cgroup '%s'", dir);
	for (unsigned int bit = CGROUP_CPU; bit <= CGROUP_MISC; bit <<= 1) {
		const char *name = cgroup_controller_name((enum cgroup_controller)bit);
		char text[32];
		int r;

		if (!(controllers & bit))
			continue;
		(void)snprintf(text, sizeof(text), "+%s", name);
		r = has_processes(dir_fd) ? -EBUSY : file_poke(dir_fd, "cgroup.subtree_control", text);
		if (r < 0) {
			(void)err_code(e, r,
				       "cannot limit %s: controller '%s' is off and cannot be turned on in "
				       "'%s/cgroup.subtree_control' (create the container with a limit)",
				       name, name, dir);
			return e->code = -EOPNOTSUPP;
		}
	}
	return 0;
}

/* From the mount point down to the parent: only what is on in a cgroup can be turned on for those below it. */
static int enable(const struct cgroup_host *host, struct cgroup *c, unsigned int controllers, struct err *e)
{
	cleanup_cgroup struct cgroup reopened = { .dir_fd = -1 };
	size_t mount_len = strlen(host->mount_point);
	char full[PATH_MAX];
	int r = 0;

	if (controllers & ~host->available)
		return controller_off(host, controllers & ~host->available, e);
	if (snprintf(full, sizeof(full), "%s%s", host->mount_point, c->path) >= (int)sizeof(full))
		return err_code(e, -ENAMETOOLONG, "cgroup '%s'", c->path);
	for (size_t len = mount_len; full[len] && r == 0;) {
		full[len] = '\0';
		r = enable_in(full, controllers, e);
		full[len] = '/';
		len += 1 + strcspn(full + len + 1, "/");
	}
	if (r == 0)
		r = cgroup_open(host, c->path, &reopened, e);
	if (r == 0)
		c->enabled = reopened.enabled;
	return r;
}

int control_update(const char *state_root, const char *id, const struct spec_resources *given, struct err *e)
{
	cleanup_control struct control c = { .pidfd = -1 };
	struct spec_resources resources = *given; /* a view: nothing in it is owned */
	struct cgroup_stats now;
	unsigned int missing;
	int r = control_open(state_root, id, &c, e);

	if (r < 0)
		return r;
	if (c.status == RUNTIME_STOPPED)
		return err_set(e, -EBUSY, "container not running");
	r = cgroup_read_stats(&c.cgroup, &now, e);
	if (r < 0)
		return r;
	control_complete(&now, &resources);
	missing = cgroup_needed_controllers(&resources) & ~c.cgroup.enabled;
	if (missing && c.cgroup.path)
		r = enable(&c.host, &c.cgroup, missing, e);
	return r == 0 ? cgroup_update(&c.cgroup, &resources, e) : r;
}

/* --- processes ------------------------------------------------------------------------------------------ */

struct pid_list {
	pid_t *items;
	size_t len, cap;
};

static int add_pid(struct pid_list *list, pid_t pid)
{
	if (list->len == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		pid_t *grown = list->len < CONTROL_PIDS_MAX
				       ? reallocarray(list->items, cap, sizeof(*list->items))
				       : NULL;

		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->cap = cap;
	}
	list->items[list->len++] = pid;
	return 0;
}

static int add_listed(int parent_fd, int fd, const char *name, void *arg)
{
	cleanup_fd int procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	cleanup_buf struct buf text = BUF_INIT(PIDS_MAX_BYTES);
	struct err ignored;
	char *line, *rest;
	int r;

	(void)parent_fd;
	(void)name;
	if (procs < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;
	r = read_fd(procs, &text, &ignored);
	if (r == -EOPNOTSUPP || r == -ENODEV)
		return 0; /* a threaded cgroup lists its processes in the domain above it; a removed one has none */
	rest = text.data;
	while (r == 0 && rest && (line = strsep(&rest, "\n")) != NULL) {
		int64_t pid;

		/* 0 is a process of a PID namespace that we cannot see. */
		if (parse_i64(line, 1, INT32_MAX, &pid) == 0)
			r = add_pid(arg, (pid_t)pid);
	}
	return r;
}

int control_processes(const char *state_root, const char *id, pid_t **ret, size_t *ret_len, struct err *e)
{
	cleanup_control struct control c = { .pidfd = -1 };
	struct pid_list list = { 0 };
	int r = control_open(state_root, id, &c, e);

	if (r < 0)
		return r;
	if (!c.cgroup.path && c.status != RUNTIME_STOPPED)
		return err_set(e, -EOPNOTSUPP, "cannot list the processes: the container has no cgroup");
	if (c.cgroup.path) {
		r = add_listed(-1, c.cgroup.dir_fd, ".", &list);
		if (r == 0)
			r = cgroup_walk(c.cgroup.dir_fd, add_listed, &list);
	}
	if (r < 0) {
		free(list.items);
		return err_code(e, r, "cannot list the processes of container '%s'", id);
	}
	*ret = list.items;
	*ret_len = list.len;
	return 0;
}
