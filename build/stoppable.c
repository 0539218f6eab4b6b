/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stoppable.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

struct work {
	int (*function)(void *arg, struct err *e);
	void *arg, *result;
	size_t len;
	pid_t parent;
};

static _Noreturn void child(const struct work *w, int report_fd)
{
	struct err e = { 0 };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != w->parent)
		_exit(1);
	if (w->function(w->arg, &e) == 0)
		e = (struct err){ 0 };
	if (write_all(report_fd, &e, sizeof(e)) < 0 ||
	    (e.code == 0 && w->result && write_all(report_fd, w->result, w->len) < 0))
		_exit(1);
	_exit(0);
}

static int wait_for(int report_fd, int cancel_fd, struct err *e)
{
	struct pollfd fds[] = { { .fd = report_fd, .events = POLLIN },
				{ .fd = cancel_fd, .events = POLLIN } };

	while (poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot wait for a process");
	return fds[1].revents ? err_set(e, -EINTR, "interrupted") : 0;
}

static int hear(const struct work *w, int report_fd, struct err *e)
{
	struct err report;

	if (read_exactly(report_fd, &report, sizeof(report)) < 0)
		return err_set(e, -EPROTO, "the process that was at it has died");
	report.text[sizeof(report.text) - 1] = '\0';
	if (report.code < 0) {
		*e = report;
		return e->code;
	}
	if (w->result && read_exactly(report_fd, w->result, w->len) < 0)
		return err_set(e, -EPROTO, "the process that was at it has died");
	return 0;
}

int stoppable_run(int (*work)(void *arg, struct err *e), void *arg, void *result, size_t len, int cancel_fd,
		  struct err *e)
{
	const struct work w = {
		.function = work, .arg = arg, .result = result, .len = len, .parent = getpid()
	};
	cleanup_fd int report_fd = -1;
	int report[2], status, r;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	report_fd = report[0];
	pid = fork();
	if (pid == 0)
		child(&w, report[1]);
	if (pid < 0)
		(void)err_errno(e, "cannot start a process");
	(void)close(report[1]); /* the child's */
	if (pid < 0)
		return e->code;
	r = wait_for(report_fd, cancel_fd, e);
	if (r == 0)
		r = hear(&w, report_fd, e);
	if (r < 0)
		(void)kill(pid, SIGKILL); /* not reaped yet, so the number is its own */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r;
}

static int sync_file(void *arg, struct err *e)
{
	bool is_bad = fsync(*(const int *)arg) < 0 && errno != EINVAL && errno != EROFS;

	return is_bad ? err_errno(e, "cannot write to the disk") : 0;
}

int stoppable_sync(int fd, int cancel_fd, struct err *e)
{
	return stoppable_run(sync_file, &fd, NULL, 0, cancel_fd, e);
}
