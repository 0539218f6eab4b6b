/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to a container that exists: start, kill, delete. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/process.h"
#include "runtime/hooks.h"
#include "runtime/init_hooks.h"
#include "runtime/runtime.h"
#include "runtime/state.h"
#include "runtime/state_dir.h"
#include "runtime/sync.h"

#define END_WAIT_MS 10000 /* for an init to go that ends: it may have much memory to give back */

/* Opens init's pidfd and makes sure that it is still the process that the state means. */
static int open_init(const struct container_state *s, int *ret_pidfd, struct err *e)
{
	cleanup_fd int pidfd = process_pidfd_open(s->pid);
	uint64_t ticks;

	/* The descriptor comes first: what is found out of the number afterwards is of the process that it holds. */
	if (pidfd < 0 || process_start_time(s->pid, &ticks) < 0 || ticks != s->pid_start_ticks)
		return err_set(e, -ESRCH, "container not running");
	*ret_pidfd = fd_take(&pidfd);
	return 0;
}

static bool ends_in_time(int pidfd)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&wait, 1, END_WAIT_MS);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* --- start ---------------------------------------------------------------------------------------------- */

/* The state in the form that hooks get it. */
static int state_text(const struct container_state *s, enum runtime_status status, char **ret, struct err *e)
{
	struct runtime_spec spec = { .oci_version = s->oci_version, .annotations = s->annotations };
	struct runtime_args args = { .id = s->id, .bundle = s->bundle, .spec = &spec };

	return hook_state_text(&args, s->rootfs ? s->rootfs : "", status == RUNTIME_STOPPED ? 0 : s->pid,
			       status, ret, e);
}

static int run_poststart(const struct container_state *s, const struct spec_hook_list *hooks, struct err *e)
{
	cleanup_free char *text = NULL;
	int r;

	if (hooks->len == 0)
		return 0;
	r = state_text(s, RUNTIME_RUNNING, &text, e);
	return r < 0 ? r : hooks_run(hooks, "poststart", text, e);
}

int runtime_start(const struct runtime_args *args, struct runtime_container *c, struct err *e)
{
	struct container_state s = {
		.oci_version = args->spec->oci_version,
		.id = (char *)(uintptr_t)args->id,
		.bundle = (char *)(uintptr_t)args->bundle,
		.pid = c->pid,
		.annotations = args->spec->annotations,
	};
	cleanup_fd int dir = -1;
	struct err ignored;
	int r = c->told_to_start ? 0 : sync_send_start(c->start_fd, c->ignored_signals, e);

	if (r == 0)
		r = sync_expect_end(c->start_fd, e);
	(void)close(fd_take(&c->start_fd));
	/* Without it somebody has deleted the container already. */
	if (r == 0 && !args->foreground && state_dir_open(args->state_root, args->id, &dir, &ignored) == 0)
		state_dir_wait_for_lock(dir);
	return r == 0 ? run_poststart(&s, &args->spec->hooks.poststart, e) : r;
}

/* Init goes on when `fifo` is closed: by the kernel, with this process, of which little is left to be done then. Were it closed here, init would
 * run while our parent still waits for our end, on the processor that this takes. */
static int leave_to_itself(int dir, int *fifo, struct err *e)
{
	if (unlinkat(dir, STATE_FIFO_FILE, 0) == 0) {
		(void)fd_take(fifo);
		return 0;
	}
	if (errno == ENOENT)
		return err_set(e, -EBUSY,
			       "cannot start a container that is not in the created state: it is running");
	return err_errno(e, "cannot note that the container is started");
}

/* Until init has called execve, or has ended because it could not: who asks after this is told `stopped`. */
static int see_to_execve(const struct container_state *s, int dir, struct err *e)
{
	cleanup_fd int connection = -1, pidfd = -1;
	struct err ignored;
	int r = state_dir_connect(dir, &connection, e);

	if (r == 0)
		r = sync_expect(connection, SYNC_READY, NULL, e);
	if (r < 0)
		return r;
	r = sync_expect_end(connection, e);
	if (r == 0)
		state_dir_wait_for_lock(dir);
	else if (open_init(s, &pidfd, &ignored) == 0)
		(void)ends_in_time(pidfd); /* else the error says enough */
	return r;
}

int runtime_start_by_id(const char *state_root, const char *id, struct err *e)
{
	cleanup_container_state struct container_state s = { 0 };
	cleanup_fd int dir = -1, fifo = -1;
	enum runtime_status status;
	int r = container_state_read(state_root, id, &s, e);

	if (r < 0)
		return r;
	status = container_state_status(state_root, &s);
	if (status != RUNTIME_CREATED)
		return err_set(e, -EBUSY,
			       "cannot start a container that is not in the created state: it is %s",
			       runtime_status_name(status));
	r = state_dir_open(state_root, id, &dir, e);
	if (r < 0)
		return r;
	r = state_dir_open_fifo(dir, &fifo, e);
	if (r == 0)
		return leave_to_itself(dir, &fifo, e);
	if (r == -ENOENT)
		r = see_to_execve(&s, dir, e);
	return r == 0 ? run_poststart(&s, &s.poststart, e) : r;
}

/* --- kill ----------------------------------------------------------------------------------------------- */

static int open_cgroup(const struct container_state *s, struct cgroup *ret, struct err *e)
{
	struct cgroup_host host;
	int r;

	*ret = (struct cgroup){ .dir_fd = -1 };
	if (!s->cgroup_path)
		return 0;
	cgroup_host_find(&host);
	r = cgroup_open(&host, s->cgroup_path, ret, e);
	if (r == 0 && s->systemd_unit)
		r = cgroup_set_unit(ret, s->systemd_unit, e);
	return r == -ENOENT ? 0 : r;
}

int runtime_kill(const char *state_root, const char *id, int signal, bool all, struct err *e)
{
	cleanup_container_state struct container_state s = { 0 };
	cleanup_cgroup struct cgroup cgroup = { .dir_fd = -1 };
	cleanup_fd int pidfd = -1;
	int r = container_state_read(state_root, id, &s, e);

	if (r < 0)
		return r;
	if (all) {
		r = open_cgroup(&s, &cgroup, e);
		if (r == 0 && cgroup.path)
			return signal == SIGKILL ? cgroup_kill(&cgroup, e)
						 : cgroup_signal(&cgroup, signal, e);
		if (r < 0)
			return r;
	}
	if (container_state_status(state_root, &s) == RUNTIME_STOPPED)
		return err_set(e, -ESRCH, "container not running");
	r = open_init(&s, &pidfd, e);
	if (r < 0)
		return r;
	r = process_signal(pidfd, signal);
	if (r == -ESRCH)
		return err_set(e, r, "container not running");
	return r < 0 ? err_code(e, r, "cannot send signal %d to container '%s'", signal, id) : 0;
}

/* --- delete --------------------------------------------------------------------------------------------- */

static int kill_and_wait(const struct container_state *s, struct err *e)
{
	cleanup_fd int pidfd = -1;
	int r = open_init(s, &pidfd, e);

	if (r < 0)
		return 0; /* gone in the meantime */
	r = process_signal(pidfd, SIGKILL);
	if (r < 0 && r != -ESRCH)
		return err_code(e, r, "cannot kill container '%s'", s->id);
	return ends_in_time(pidfd)
		       ? 0
		       : err_set(e, -ETIMEDOUT, "container '%s' does not end after SIGKILL", s->id);
}

/* A directory whose creator died before it wrote the state, or whose state is damaged: what is left is looked for where it
 * lies by default. */
static int delete_without_state(const char *state_root, const char *id, bool force, struct err *e)
{
	cleanup_cgroup struct cgroup cgroup = { .dir_fd = -1 };
	cleanup_free char *path = NULL;
	struct container_state s = { 0 };
	int r;

	if (!force)
		return e->code;
	if (!state_id_valid(id))
		return err_set(e, -EINVAL, "invalid container ID format: '%.100s'", id);
	if (asprintf(&path, CGROUP_DEFAULT_PARENT "/%s", id) < 0) {
		path = NULL;
		return err_code(e, -ENOMEM, "container '%s'", id);
	}
	s.cgroup_path = path;
	r = open_cgroup(&s, &cgroup, e);
	if (r == 0)
		r = cgroup_destroy(&cgroup, e);
	return r == 0 ? state_dir_remove(state_root, id, e) : r;
}

/* Returns 1 if one failed. */
static int run_poststop(const struct container_state *s, struct err *e)
{
	cleanup_free char *text = NULL;
	int r;

	if (s->poststop.len == 0)
		return 0;
	r = state_text(s, RUNTIME_STOPPED, &text, e);
	if (r == 0)
		r = hooks_run_all(&s->poststop, "poststop", text, e);
	return r < 0 ? 1 : 0;
}

int runtime_delete_ended(const struct runtime_args *args, const struct runtime_container *c, struct err *e)
{
	struct container_state s = {
		.oci_version = args->spec->oci_version,
		.id = (char *)(uintptr_t)args->id,
		.bundle = (char *)(uintptr_t)args->bundle,
		.annotations = args->spec->annotations,
		.poststop = args->spec->hooks.poststop, /* borrowed, as all of it */
	};
	int r = cgroup_destroy(&c->cgroup, e);

	if (r == 0)
		r = state_dir_remove(args->state_root, args->id, e);
	return r == 0 ? run_poststop(&s, e) : r;
}

int runtime_delete(const char *state_root, const char *id, bool force, struct err *e)
{
	cleanup_container_state struct container_state s = { 0 };
	cleanup_cgroup struct cgroup cgroup = { .dir_fd = -1 };
	enum runtime_status status;
	int r = container_state_read(state_root, id, &s, e);

	if (r == -ENOENT || r == -EBADMSG)
		return delete_without_state(state_root, id, force, e);
	if (r < 0)
		return r;
	status = container_state_status(state_root, &s);
	if (status != RUNTIME_STOPPED && !force && status != RUNTIME_CREATED)
		return err_set(e, -EBUSY, "cannot delete container %s that is not stopped: %s", id,
			       runtime_status_name(status));
	if (status != RUNTIME_STOPPED)
		r = kill_and_wait(&s, e);
	if (r == 0)
		r = open_cgroup(&s, &cgroup, e);
	if (r == 0)
		r = cgroup_destroy(&cgroup,
				   e); /* with what outlived init: perhaps no PID namespace ends it */
	if (r == 0)
		r = state_dir_remove(state_root, id, e);
	return r == 0 ? run_poststop(&s, e) : r;
}
