/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/container_start.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "engine/life.h"
#include "engine/monitor.h"
#include "runtime/runtime.h"
#include "store/container_event.h"

#define KILL_WAIT_MS 10000 /* for a container that got SIGKILL to be cleared away */
#define SETTLE_MS    10000 /* for a monitor to end that has nothing more to do */

/* From here on a power cut finds it as one that was running. */
static int record_start(const struct store *s, int dir_fd, struct container_record *c, struct err *e)
{
	int r = life_set_stopped(dir_fd, false, e);

	if (r < 0)
		return r;
	c->status = CONTAINER_RUNNING;
	c->pid = 0;
	c->pid_start_ticks = 0;
	c->restarts = 0;
	c->oom_killed = false;
	free(c->error);
	c->error = NULL;
	return container_save(s, c, !c->auto_remove, e);
}

static bool runs(const struct store *s, const char *id)
{
	cleanup_container_record struct container_record c = { 0 };
	struct err ignored;

	return container_find(s, id, &c, &ignored) == 0 && c.status == CONTAINER_RUNNING;
}

/* Whoever starts a container records that it runs before it lets go of the lock; a monitor that is about to end has recorded that it does
 * not. */
int container_lock_settled(const struct store *s, const char *id, int *ret_fd, struct err *e)
{
	int64_t end = monotonic_ms() + SETTLE_MS;

	for (;;) {
		int r = container_lock(s, id, false, ret_fd, e);

		if (r != -EBUSY)
			return r;
		if (monotonic_ms() > end || runs(s, id))
			return -EBUSY;
		(void)usleep(1000);
	}
}

int container_start(const struct container_start *s, struct container_record *c, pid_t *ret_pid,
		    int *ret_exit_code, struct err *e)
{
	cleanup_life struct life life = { 0 };
	cleanup_fd int lock_fd = -1;
	cleanup_fd int dir_fd = -1;
	struct monitor_start how = { .root = store_root_path(s->store),
				     .state_dir = s->state_dir,
				     .id = c->id,
				     .name = c->name,
				     .image_name = c->image_name,
				     .life = &life,
				     .auto_remove = c->auto_remove,
				     .client_fd = s->client_fd,
				     .client_wants = s->client_wants,
				     .make_durable = s->make_durable,
				     .durable_arg = s->durable_arg };
	int r = 0;

	if (s->lock_fd)
		lock_fd = fd_take(s->lock_fd);
	else
		r = container_is_up(c) ? -EBUSY : container_lock_settled(s->store, c->id, &lock_fd, e);
	if (r == 0)
		r = container_open_dir(s->store, c->id, &dir_fd, e);
	if (r == 0)
		r = life_read(dir_fd, &life, e);
	if (r == 0 && !s->lock_fd)
		r = record_start(s->store, dir_fd, c, e);
	if (r < 0)
		return r;
	how.lock_fd = lock_fd;
	how.dir_fd = dir_fd;
	return monitor_run(&how, ret_pid, ret_exit_code, e);
}

/* --- the end --- */

static int send_signal(const struct container_record *c, int number, struct err *e)
{
	cleanup_fd int fd = c->pid > 0 ? process_pidfd_open((pid_t)c->pid) : -ESRCH;
	uint64_t ticks;
	int r;

	if (fd == -ESRCH ||
	    (fd >= 0 && (process_start_time((pid_t)c->pid, &ticks) < 0 || ticks != c->pid_start_ticks)))
		return 0; /* it is gone, and its monitor is about to say so */
	r = fd < 0 ? fd : process_signal(fd, number);
	return r < 0 && r != -ESRCH ? err_code(e, r, "cannot signal the container") : 0;
}

static int mark_stopped(const struct store *s, const char *state_dir, const char *id, struct err *e)
{
	cleanup_fd int dir_fd = -1;
	int r = container_open_dir(s, id, &dir_fd, e);

	if (r == 0)
		r = life_set_stopped(dir_fd, true, e);
	if (r == 0) /* one that waits for its next start hears of it */
		monitor_tell(state_dir, id, MONITOR_CHECK);
	return r;
}

static int read_life(const struct store *s, const char *id, struct life *ret, struct err *e)
{
	cleanup_fd int dir_fd = -1;
	int r = container_open_dir(s, id, &dir_fd, e);

	return r < 0 ? r : life_read(dir_fd, ret, e);
}

static void tell_signal(const char *state_dir, const struct container_record *c, int number)
{
	char text[16];
	const char *more[] = { "signal", text, NULL };

	(void)snprintf(text, sizeof(text), "%d", number);
	container_event(state_dir, c, "kill", more);
}

/* A frozen process does not act on any signal but this. */
static int kill_all(const char *state_dir, const struct container_record *c, struct err *e)
{
	int r = runtime_kill(state_dir, c->id, SIGKILL, true, e);

	if (r ==
	    -ESRCH) /* it has ended, by the signal before this one perhaps, and is about to be cleared away */
		return 0;
	return r == -ENOENT ? send_signal(c, SIGKILL, e) : r;
}

static bool is_starting(const struct container_record *c)
{
	return c->starting;
}

static bool is_between(const struct container_record *c)
{
	return c->starting || c->status == CONTAINER_RESTARTING;
}

/* Whoever stops a container that is about to be started means the one that will run. One that waits for its next start ends as soon as it has
 * been marked as stopped; if it was not waiting any more, it runs now. */
static int find_settled(const struct store *s, const char *state_dir, const char *id,
			bool (*is_moving)(const struct container_record *c), struct container_record *ret,
			struct err *e)
{
	int64_t end = monotonic_ms() + SETTLE_MS;

	for (;;) {
		int r = container_view_find(s, state_dir, id, ret, e);

		if (r < 0 || !is_moving(ret) || monotonic_ms() > end)
			return r;
		container_record_done(ret);
		(void)usleep(1000);
	}
}

/* Marks it as stopped. *ret is what is to be signalled, if it is up; empty: it has been removed by now. */
static int mark_and_find(const struct store *s, const char *state_dir, const struct container_record *c,
			 struct container_record *ret, struct err *e)
{
	int r = 0;

	if (c->starting) {
		r = find_settled(s, state_dir, c->id, is_between, ret, e);
		container_record_done(ret);
	}
	if (r == 0)
		r = mark_stopped(s, state_dir, c->id, e);
	if (r < 0)
		return r;
	r = find_settled(s, state_dir, c->id, is_between, ret, e);
	if (r == -ENOENT)
		*ret = (struct container_record){ .status = CONTAINER_EXITED };
	return r == -ENOENT ? 0 : r;
}

int container_tell_restart(const struct store *s, const char *state_dir, const struct container_record *was,
			   const struct restart_policy *policy, struct err *e)
{
	const struct monitor_message message = { .type = MONITOR_RESTART,
						 .a = policy->kind,
						 .u = policy->max };
	cleanup_container_record struct container_record now = { 0 };
	int r = find_settled(s, state_dir, was->id, is_starting, &now,
			     e); /* its monitor may have been told the old one */

	if (r == 0)
		monitor_tell_message(state_dir, now.id, &message);
	return r == -ENOENT ? 0 : r;
}

/* The signal, and SIGKILL when its time is over. */
static int end(const struct store *s, const char *state_dir, const struct container_record *c, int signal,
	       int32_t timeout_s, struct err *e)
{
	int64_t timeout_ms = timeout_s < 0 || timeout_s > INT32_MAX / 1000 ? -1 : (int64_t)timeout_s * 1000;
	int exit_code, r;

	tell_signal(state_dir, c, signal);
	r = send_signal(c, signal, e);
	if (r == 0 && timeout_ms != 0)
		r = container_view_wait(s, state_dir, c, (int)timeout_ms, &exit_code, e);
	if (timeout_ms != 0 && r != -ETIMEDOUT)
		return r;
	if (signal != SIGKILL)
		tell_signal(state_dir, c, SIGKILL);
	r = kill_all(state_dir, c, e);
	return r == 0 ? container_view_wait(s, state_dir, c, KILL_WAIT_MS, &exit_code, e) : r;
}

int container_stop(const struct store *s, const char *state_dir, const struct container_record *was,
		   int signal, int32_t timeout_s, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_life struct life life = { 0 };
	int r = read_life(s, was->id, &life, e);

	if (r == 0)
		r = mark_and_find(s, state_dir, was, &c, e);
	if (r < 0 || !container_is_up(&c))
		return r;
	if (timeout_s == CONTAINER_STOP_DEFAULT)
		timeout_s = life.stop_timeout;
	return end(s, state_dir, &c, signal > 0 ? signal : life.stop_signal, timeout_s, e);
}

int container_signal(const struct store *s, const char *state_dir, const struct container_record *was,
		     int signal, struct err *e)
{
	cleanup_container_record struct container_record now = { 0 };
	const struct container_record *c = was;
	cleanup_life struct life life = { 0 };
	int r;

	if (!container_is_up(was))
		return err_set(e, -EBUSY, "container %s is not running", was->id);
	r = read_life(s, was->id, &life, e);
	if (r == 0 && (signal == SIGKILL || signal == life.stop_signal)) {
		r = mark_and_find(s, state_dir, was, &now, e);
		c = &now;
	}
	if (r < 0 || !container_is_up(c))
		return r;
	tell_signal(state_dir, c, signal);
	return signal == SIGKILL ? kill_all(state_dir, c, e) : send_signal(c, signal, e);
}
