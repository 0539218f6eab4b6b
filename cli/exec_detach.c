/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exec_detach.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "common/program_path.h"

#define WAITER "sampan-monitor"

static int drop_streams(struct err *e)
{
	cleanup_fd int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++)
		if (fd < 0 || dup2(fd, i) < 0)
			return err_errno(e, "cannot put '/dev/null' in place of the standard streams");
	return 0;
}

/* Whoever waits for the command. Its number takes the place of `pid` when it is known. */
struct waiter {
	char *program;
	struct strvec argv;
	char pid[16];
};

static void waiter_done(struct waiter *w)
{
	free(w->program);
	strvec_done(&w->argv);
}
#define cleanup_waiter __attribute__((cleanup(waiter_done)))

#define PID_ARG        2

/* Before the start, which hides where our program is. */
static int build(const struct exec_events *events, const struct cli_globals *g, struct waiter *ret,
		 struct err *e)
{
	struct strvec *argv = &ret->argv;
	int r = program_path(WAITER, &ret->program, e);

	if (r < 0)
		return r;
	r = strvec_add(argv, WAITER);
	if (r == 0)
		r = strvec_add(argv, "--await");
	if (r == 0)
		r = strvec_add(argv, "PID");
	if (r == 0)
		r = strvec_take(argv, program_path_self());
	if (r == 0)
		r = strvec_addf(argv, "--root=%s", g->root);
	if (r == 0)
		r = strvec_addf(argv, "--state-dir=%s", g->state_dir);
	if (r == 0)
		r = strvec_add(argv, "monitor-event");
	if (r == 0)
		r = strvec_add(argv, "--action=exec_die");
	if (r == 0)
		r = strvec_addf(argv, "--exec-id=%s", events->id);
	if (r == 0)
		r = strvec_add(argv, events->container->id);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static _Noreturn void become(struct waiter *w, pid_t pid)
{
	(void)snprintf(w->pid, sizeof(w->pid), "%d", (int)pid);
	w->argv.items[PID_ARG] = w->pid;
	/* Where it fails the event is lost, and nothing else; our directory shall not keep a file system from being unmounted. */
	if (setsid() >= 0 && chdir("/") == 0)
		(void)execv(w->program, w->argv.items);
	_exit(1);
}

/* The parent of the command: reports how it began, and becomes the one that waits. */
static _Noreturn void run_child(const struct runtime_exec_args *args, struct waiter *w, int report_fd)
{
	struct runtime_container c = RUNTIME_CONTAINER_EMPTY;
	struct err e = { 0 };
	int r = drop_streams(&e);

	if (r == 0)
		r = runtime_exec(args, &c, &e);
	e.code = r;
	if (write_all(report_fd, &e, sizeof(e)) < 0 || r < 0)
		_exit(1);
	(void)close(report_fd);
	become(w, c.pid);
}

int exec_detach(const struct runtime_exec_args *args, const struct exec_events *events,
		const struct cli_globals *g, struct err *e)
{
	cleanup_fd int report = -1, reporting = -1, pidfd = -1;
	cleanup_waiter struct waiter w = { 0 };
	struct err said;
	int fds[2], r = build(events, g, &w, e);
	pid_t pid;

	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	report = fds[0];
	reporting = fds[1];
	pid = process_clone(0, -1, &pidfd);
	if (pid == 0)
		run_child(args, &w, reporting);
	if (pid < 0)
		return err_code(e, pid, "cannot start a process");
	(void)close(fd_take(&reporting));
	r = read_exactly(report, &said, sizeof(said));
	if (r < 0)
		return err_code(e, r, "the process that starts the command has died");
	if (said.code < 0) {
		*e = said;
		e->text[sizeof(e->text) - 1] = '\0';
	}
	return said.code;
}
