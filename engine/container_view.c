/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/container_view.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "engine/launch_events.h"
#include "engine/launch_mounts.h"
#include "engine/monitor.h"
#include "engine/network_up.h"
#include "runtime/runtime.h"
#include "store/volume.h"

#define EXIT_LOST        137 /* as if by SIGKILL */
#define ABANDONED        "its monitor was killed"
#define NS_PER_S         1000000000

#define MONITOR_END_MS   10000
#define MONITOR_PAUSE_MS 1000

static enum container_status status_of(enum status_state s)
{
	static const enum container_status STATES[STATUS_STATES] = {
		[STATUS_CREATED] = CONTAINER_CREATED, [STATUS_RUNNING] = CONTAINER_RUNNING,
		[STATUS_PAUSED] = CONTAINER_PAUSED,   [STATUS_RESTARTING] = CONTAINER_RESTARTING,
		[STATUS_EXITED] = CONTAINER_EXITED,
	};

	return STATES[s];
}

/* Keeps what was there where memory is out: a time that is not shown. */
static void set_time(char **member, int64_t ns)
{
	const struct timespec t = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
	char text[TIMESTAMP_MAX], *copy;

	if (ns <= 0)
		return;
	timestamp_format(&t, text);
	copy = strdup(text);
	if (!copy)
		return;
	free(*member);
	*member = copy;
}

static void apply(struct container_record *c, const struct status *s)
{
	c->status = status_of(s->state);
	c->pid = s->pid;
	c->pid_start_ticks = s->pid_start_ticks;
	c->exit_code = s->exit_code;
	c->oom_killed = s->oom_killed;
	c->restarts = s->restarts;
	c->health = (int)s->health;
	c->health_failures = s->health_failures;
	set_time(&c->started, s->started_ns);
	set_time(&c->finished, s->finished_ns);
}

static void abandon(struct container_record *c)
{
	c->abandoned = true;
	c->status = CONTAINER_EXITED;
	c->exit_code = EXIT_LOST;
	c->pid = 0;
	c->pid_start_ticks = 0;
	free(c->error);
	c->error = strdup(ABANDONED); /* NULL where memory is out: then nobody is told why */
}

static int open_page(const char *state_dir, const char *id, struct shared_page *ret)
{
	cleanup_fd int dir_fd = -1;
	struct err ignored;
	int r = monitor_open_dir(state_dir, id, false, &dir_fd, &ignored);

	return r < 0 ? r : status_page_open(dir_fd, ret, &ignored);
}

/* What the page of its monitor says; NULL: there is none, or it cannot be read. */
static void look(const struct status *status, bool alive, struct container_record *c)
{
	if (!status) {
		/* Between the record and the page of one that is started; or its end is not on record yet. */
		c->starting = c->status == CONTAINER_RUNNING && c->pid == 0;
		if (c->starting)
			c->status = CONTAINER_CREATED;
	} else if (alive) {
		apply(c, status);
		c->starting = c->status == CONTAINER_CREATED;
	} else if (status->state != STATUS_EXITED) {
		abandon(c);
	}
}

void container_view_look(const char *state_dir, struct container_record *c)
{
	cleanup_shared_page struct shared_page page = { 0 };
	struct shared_page_owner monitor;
	struct status status;
	struct err ignored;
	bool known = open_page(state_dir, c->id, &page) == 0 &&
		     status_page_read(&page, &status, NULL, &monitor, &ignored) == 0;
	bool alive = known && shared_page_owner_alive(&monitor);

	if (known && !alive) /* its last word may have come after we have read */
		known = status_page_read(&page, &status, NULL, &monitor, &ignored) == 0;
	look(known ? &status : NULL, alive, c);
}

/* `c` with its lock asked for: what that says is all that a life sign of the monitor could say. */
static void look_closely(int monitors_fd, struct container_record *c)
{
	bool locked = c->status == CONTAINER_RUNNING && c->pid == 0, held;
	struct shared_page_owner monitor;
	struct status status;
	struct err ignored;
	bool known = status_page_peek(monitors_fd, c->id, &status, &monitor, &held, &ignored) == 0;
	bool alive = locked || (known && shared_page_owner_alive(&monitor));

	if (known && !alive) /* as above; it takes its page away after that */
		known = status_page_peek(monitors_fd, c->id, &status, &monitor, &held, &ignored) == 0;
	look(known ? &status : NULL, alive, c);
}

/* One system call more is some hundred more where there are hundreds of containers: of whom the page's lock shows that somebody looks after it, nothing
 * else is asked. Else it ends, was abandoned, or has a monitor of an older build: the record is read again, as that end may be in it now, and
 * the lock is asked for. -ENOENT: it was removed meanwhile. */
static int look_in_list(const struct store *s, int monitors_fd, struct container_record *c)
{
	struct container_record now = { 0 };
	struct shared_page_owner monitor;
	struct status status;
	struct err ignored;
	bool held;
	int r = status_page_peek(monitors_fd, c->id, &status, &monitor, &held, &ignored);

	if (r == 0 && held) {
		look(&status, true, c);
		return 0;
	}
	if (c->status != CONTAINER_RUNNING) {
		if (r != -ENOENT)
			look_closely(monitors_fd, c);
		return 0;
	}
	r = container_find(s, c->id, &now, &ignored);
	if (r < 0)
		return r;
	container_record_done(c);
	*c = now;
	look_closely(monitors_fd, c);
	return 0;
}

int container_view_find(const struct store *s, const char *state_dir, const char *what,
			struct container_record *ret, struct err *e)
{
	int r = container_find(s, what, ret, e);

	if (r == 0)
		container_view_look(state_dir, ret);
	return r;
}

int container_view_list(const struct store *s, const char *state_dir, struct container_record **ret_items,
			size_t *ret_len, struct err *e)
{
	cleanup_fd int monitors_fd = monitor_open_all(state_dir);
	struct container_record *items;
	size_t len, kept = 0;
	int r = container_list_unchecked(s, &items, &len, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		if (look_in_list(s, monitors_fd, &items[i]) == -ENOENT)
			container_record_done(&items[i]);
		else
			items[kept++] = items[i];
	}
	*ret_items = items;
	*ret_len = kept;
	return 0;
}

bool container_is_up(const struct container_record *c)
{
	return c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED ||
	       c->status == CONTAINER_RESTARTING;
}

/* With the lock: a monitor that has ended in the meantime has recorded the end, and there is nothing to be done. */
static int check_abandoned(const struct store *s, struct container_record *c, struct err *e)
{
	struct container_record now = { 0 };
	int r = container_find(s, c->id, &now, e);

	if (r < 0)
		return r;
	if (now.status == CONTAINER_RUNNING) {
		container_record_done(&now);
		return 0;
	}
	container_record_done(c);
	*c = now;
	return -EALREADY;
}

int container_view_recover(const struct store *s, const char *state_dir, struct container_record *c,
			   struct err *e)
{
	cleanup_fd int lock_fd = -1;
	char now[TIMESTAMP_MAX];
	int r = container_lock(s, c->id, false, &lock_fd, e);

	if (r == 0)
		r = check_abandoned(s, c, e);
	if (r < 0)
		return r;
	r = runtime_delete(state_dir, c->id, true, e);
	if (r < 0 && r != -ENOENT)
		return r;
	r = network_down(state_dir, c->id, -1, e);
	if (r < 0)
		return r;
	monitor_remove_dir(state_dir, c->id);
	launch_undo(s, c->id, c);
	launch_events_end(state_dir, c, &(struct launch_end){ .exit_code = EXIT_LOST });
	if (c->auto_remove)
		return launch_remove(s, state_dir, c, true, e);
	timestamp_now(now);
	free(c->finished);
	c->finished = strdup(now);
	return container_save(s, c, true, e);
}

/* --- waiting --- */

static bool is_over(const struct status *s, void *arg)
{
	(void)arg;
	return s->state == STATUS_EXITED;
}

/* One that has no page was started by an older program, in the foreground: its process must do. */
static int wait_for_process(const struct container_record *c, int timeout_ms, struct err *e)
{
	cleanup_fd int fd = process_pidfd_open((pid_t)c->pid);
	struct pollfd watched = { .fd = fd, .events = POLLIN };
	uint64_t ticks;
	int r;

	if (fd < 0 || process_start_time((pid_t)c->pid, &ticks) < 0 || ticks != c->pid_start_ticks)
		return 0; /* it is gone */
	r = poll(&watched, 1, timeout_ms);
	if (r < 0)
		return err_errno(e, "cannot wait for the container");
	return r == 0 ? err_set(e, -ETIMEDOUT, "the container has not ended in time") : 0;
}

static int exit_code_on_record(const struct store *s, const char *id, int *ret, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	int r = container_find(s, id, &c, e);

	if (r == 0)
		*ret = (int)c.exit_code;
	return r == -ENOENT ? 0 : r; /* removed with its end: what the caller knows must do */
}

/* It has said its last word, and lets go of the container in a moment. */
static void wait_for_monitor(const struct shared_page_owner *monitor)
{
	cleanup_fd int fd = process_pidfd_open(monitor->pid);
	struct pollfd watched = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && shared_page_owner_alive(monitor))
		(void)poll(&watched, 1, MONITOR_END_MS); /* it does not matter why it takes longer */
}

int container_view_wait(const struct store *s, const char *state_dir, const struct container_record *c,
			int timeout_ms, int *ret_exit_code, struct err *e)
{
	cleanup_shared_page struct shared_page page = { 0 };
	struct shared_page_owner monitor = { 0 };
	struct status status;
	struct err ignored;
	int r;

	*ret_exit_code = (int)c->exit_code;
	if (open_page(state_dir, c->id, &page) == 0) {
		r = status_page_wait(&page, is_over, NULL, timeout_ms, &status, e);
		if (r == -EOWNERDEAD) {
			*ret_exit_code = EXIT_LOST;
			return 0;
		}
		if (r < 0)
			return r;
		*ret_exit_code = status.exit_code;
		if (status_page_read(&page, &status, NULL, &monitor, &ignored) == 0)
			wait_for_monitor(&monitor);
		return 0;
	}
	if (container_is_up(c) && c->pid > 0) {
		r = wait_for_process(c, timeout_ms, e);
		if (r < 0)
			return r;
	}
	return exit_code_on_record(s, c->id, ret_exit_code, e);
}

/* --- pauses --- */

static bool is_paused_as(const struct status *s, void *arg)
{
	return (s->state == STATUS_PAUSED) == *(const bool *)arg;
}

void container_view_tell_paused(const char *state_dir, const char *id, bool paused)
{
	cleanup_shared_page struct shared_page page = { 0 };
	struct status status;
	struct err ignored; /* it is paused, or not, whoever knows of it */

	monitor_tell(state_dir, id, paused ? MONITOR_PAUSED : MONITOR_RESUMED);
	if (open_page(state_dir, id, &page) == 0)
		IGNORE_RESULT(
			status_page_wait(&page, is_paused_as, &paused, MONITOR_PAUSE_MS, &status, &ignored));
}
