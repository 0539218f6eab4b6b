/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/reaper.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/process.h"

static _Noreturn void reap_until(pid_t child)
{
	int status;

	for (;;) {
		siginfo_t info;
		sigset_t all;
		pid_t pid;

		(void)sigfillset(&all);
		if (sigwaitinfo(&all, &info) < 0)
			continue;
		if (info.si_signo != SIGCHLD) {
			(void)kill(child, info.si_signo); /* gone already: its end is on the way to us */
			continue;
		}
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == child)
				_exit(process_exit_code(status));
	}
}

/* The child leads the foreground group, so that Ctrl-C is for it alone: we would forward a second one. */
static void take_terminal(void)
{
	sigset_t ttou, old;

	if (setpgid(0, 0) < 0 || !isatty(0))
		return;
	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &old);
	(void)tcsetpgrp(0, getpid()); /* not our terminal: then there is none to lead */
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

int reaper_fork(unsigned int first_fd, struct err *e)
{
	sigset_t all, old;
	pid_t child;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &old) < 0)
		return err_errno(e, "cannot block signals");
	child = fork();
	if (child < 0)
		return err_errno(e, "cannot fork from the container's init");
	if (child == 0) {
		take_terminal();
		return sigprocmask(SIG_SETMASK, &old, NULL) < 0 ? err_errno(e, "cannot unblock signals") : 0;
	}
	(void)prctl(PR_SET_NAME, "sampan-init");     /* only a name */
	IGNORE_RESULT(process_close_from(first_fd)); /* what stays open does no harm but to its other end */
	reap_until(child);
}
