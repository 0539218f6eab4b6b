/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_container.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/create_container.h"
#include "cli/find_container.h"
#include "cli/start_container.h"
#include "common/cleanup.h"
#include "engine/launch_events.h"
#include "engine/monitor.h"

static int run_detached(const struct container_start *start, struct creation *c, int *ret_exit_code,
			struct err *e)
{
	pid_t pid;
	int r = container_start(start, &c->record, &pid, ret_exit_code, e);

	if (r < 0)
		return r;
	(void)puts(c->record.id);
	*ret_exit_code = cli_end_output(0);
	return 0;
}

/* Others are a helper's, who may need longer than somebody waits for it (docs/adr/0016), or whose output is nobody's. */
static bool is_cleared_quickly(const struct creation *c)
{
	return c->record.auto_remove && c->record.anonymous_volumes.len == 0 &&
	       c->network.mode != NETWORK_BRIDGE && c->spec.hooks.poststop.len == 0;
}

static int run_attached(const struct container_start *start, struct creation *c, int *ret_exit_code,
			struct err *e)
{
	const struct start_attached how = { .detach_keys = c->flags->detach_keys,
					    .tty = c->flags->tty,
					    .interactive = c->flags->interactive,
					    .no_signals = !c->flags->sig_proxy,
					    .clears_away = is_cleared_quickly(c),
					    .chosen = c->flags->attach != 0,
					    .streams = c->flags->attach };

	if (how.chosen && !(how.streams & (MONITOR_WANT_STDOUT | MONITOR_WANT_STDERR))) {
		(void)puts(c->record.id); /* docker's: there is nothing else to be seen of it */
		(void)fflush(stdout);     /* looked at in the end */
	}
	return start_attached(&how, start, &c->record, ret_exit_code, e);
}

/* Without any of its streams there is nothing to stay for. */
static bool is_detached(const struct run_flags *f)
{
	return f->detach || (f->attach == MONITOR_WANT_STDIN && !f->interactive);
}

/* What no monitor has seen to: it never came to one, or it was killed. */
static int settle(struct creation *c, const struct err *why, int exit_code, struct err *e)
{
	cleanup_container_record struct container_record now = { 0 };
	cleanup_fd int lock_fd = -1;
	int r = find_container(c->store, c->globals, c->record.id, &now, e);

	if (r < 0 || container_is_up(&now) || now.error)
		return r;
	r = container_lock_settled(c->store, now.id, &lock_fd, e);
	if (r < 0)
		return r == -EBUSY ? 0 : r;
	if (now.auto_remove)
		return launch_remove(c->store, c->globals->state_dir, &now, true, e);
	now.status = CONTAINER_EXITED;
	now.exit_code = exit_code;
	now.error = strdup(why->text);
	return container_save(c->store, &now, true, e);
}

static void fail(struct creation *c, const struct err *why, int exit_code)
{
	struct err shown = *why, e = { 0 };
	int r;

	if (c->lock_fd >= 0)
		(void)close(fd_take(&c->lock_fd));
	r = settle(c, why, exit_code, &e);
	(void)err_wrap(&shown, "error starting container %s", c->record.name);
	IGNORE_RESULT(cli_fail(&shown));
	if (r < 0 && r != -ENOENT)
		cli_error("warning: container %s: %s", c->record.name, e.text);
}

/* Before anything is made. */
static int check_streams(const struct run_flags *f, struct err *e)
{
	if (f->detach && f->attach)
		return err_set(e, -EINVAL, "conflicting options: cannot specify both --attach and --detach");
	if (f->tty && f->interactive && !f->detach && !isatty(STDIN_FILENO))
		return err_set(e, -ENOTTY, "the input device is not a TTY");
	return 0;
}

int run_container(const struct run_flags *f, const char *image, char **args, size_t args_len,
		  const struct cli_globals *g)
{
	cleanup_creation struct creation c = CREATION(f, g);
	struct container_start start;
	struct err e = { 0 };
	int exit_code = CLI_EXIT_SAMPAN;
	int r;

	c.starts = true;
	r = check_streams(f, &e);
	if (r == 0)
		r = create_container(&c, image, args, args_len, &e);
	if (r < 0) {
		IGNORE_RESULT(cli_fail(&e));
		return exit_code;
	}
	start = CONTAINER_START(c.store, g->state_dir);
	start.lock_fd = &c.lock_fd;
	start.make_durable = creation_sync;
	start.durable_arg = &c;
	r = is_detached(f) ? run_detached(&start, &c, &exit_code, &e)
			   : run_attached(&start, &c, &exit_code, &e);
	if (r < 0)
		fail(&c, &e, exit_code);
	creation_debug(&c, "done");
	return exit_code;
}
