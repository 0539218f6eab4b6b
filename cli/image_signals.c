/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/cli.h"

int image_watch_signals(int *ret_fd, struct err *e)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set); /* these three cannot fail */
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(e, "cannot block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_errno(e, "cannot watch for signals");
	*ret_fd = fd;
	return 0;
}

/* As of a program that the signal has ended. */
static int exit_of_signal(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return CLI_EXIT_FAILED;
	return 128 + (int)info.ssi_signo;
}

int image_end(const struct image_globals *g, int r, const struct err *e, int fd)
{
	if (r == 0)
		return cli_end_output(0);
	(void)image_fail(g, e); /* its code is that of most failures */
	return r == -EINTR ? exit_of_signal(fd) : CLI_EXIT_FAILED;
}
