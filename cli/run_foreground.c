/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_foreground.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"

/* All that docker forwards: everything but what is about ourselves. */
static void forwarded_signals(sigset_t *ret)
{
	static const int OWN[] = { SIGCHLD, SIGPIPE, SIGURG, SIGTTIN, SIGTTOU, SIGSEGV,
				   SIGBUS,  SIGILL,  SIGFPE, SIGTRAP, SIGABRT, SIGSYS };

	(void)sigfillset(ret);
	for (size_t i = 0; i < ARRAY_LEN(OWN); i++)
		(void)sigdelset(ret, OWN[i]); /* fails only for numbers that are no signals */
}

static int close_stdin(struct err *e)
{
	cleanup_fd int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0)
		return err_errno(e, "cannot put '/dev/null' on stdin");
	return 0;
}

int run_foreground_begin(bool tty, bool interactive, struct run_foreground *ret, struct err *e)
{
	sigset_t set;

	*ret = (struct run_foreground){ .tty = tty, .interactive = interactive, .signal_fd = -1 };
	if (tty && interactive && !isatty(STDIN_FILENO))
		return err_set(e, -ENOTTY, "the input device is not a TTY");
	if (!interactive) {
		int r = close_stdin(e);

		if (r < 0)
			return r;
	}
	forwarded_signals(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(e, "cannot block signals");
	ret->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ret->signal_fd < 0)
		return err_errno(e, "cannot watch signals");
	return 0;
}

int run_foreground_keep_signals(struct run_foreground *f, struct err *e)
{
	sigset_t size, others;

	(void)sigemptyset(&size);
	(void)sigaddset(&size, SIGWINCH); /* fails only for numbers that are no signals */
	forwarded_signals(&others);
	(void)sigdelset(&others, SIGWINCH);
	if (signalfd(f->signal_fd, &size, SFD_CLOEXEC | SFD_NONBLOCK) < 0 ||
	    sigprocmask(SIG_UNBLOCK, &others, NULL) < 0)
		return err_errno(e, "cannot watch signals");
	return 0;
}

void run_foreground_end(struct run_foreground *f)
{
	run_tty_restore(&f->mode);
	if (f->signal_fd > 0)
		(void)close(f->signal_fd);
	f->signal_fd = -1;
}

int run_foreground_attach(struct run_foreground *f, int console_fd, struct err *e)
{
	int flags = fcntl(console_fd, F_GETFL);

	if (flags < 0 || fcntl(console_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_errno(e, "cannot make the container's terminal non-blocking");
	run_tty_resize(console_fd);
	return f->interactive ? run_tty_raw(&f->mode, e) : 0;
}

static void forward_signals(const struct run_foreground *f, int pidfd, int console_fd)
{
	struct signalfd_siginfo info;

	while (read(f->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int number = (int)info.ssi_signo;

		if (number == SIGWINCH && console_fd >= 0)
			run_tty_resize(console_fd); /* the kernel tells the container */
		else if (process_signal(pidfd, number) < 0)
			return; /* it has just ended: poll says so next */
	}
}

static int serve_terminal(struct run_proxy *p, short master_events, short in_events, struct err *e)
{
	if (master_events & POLLOUT)
		run_proxy_to_master(p);
	if (in_events)
		run_proxy_from_in(p);
	return master_events & (POLLIN | POLLHUP | POLLERR) ? run_proxy_from_master(p, e) : 0;
}

/* All of the container's processes are gone with its init: what they wrote is in the pty. */
static int drain(struct run_proxy *p, struct err *e)
{
	struct pollfd fd = { .fd = p->master, .events = POLLIN };
	int r = 0;

	while (r == 0 && !p->ended && poll(&fd, 1, 0) > 0)
		r = run_proxy_from_master(p, e);
	return r;
}

enum { WATCH_CHILD, WATCH_SIGNALS, WATCH_MASTER, WATCH_IN, WATCH_COUNT };

/* A negative descriptor is one that poll leaves out. */
static void watch(struct pollfd *fds, const struct run_foreground *f, int pidfd, const struct run_proxy *p)
{
	short master = 0, in = 0;

	if (p->master >= 0) {
		master = run_proxy_wants_master(p);
		in = run_proxy_wants_in(p);
	}

	fds[WATCH_CHILD] = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	fds[WATCH_SIGNALS] = (struct pollfd){ .fd = f->signal_fd, .events = POLLIN };
	fds[WATCH_MASTER] = (struct pollfd){ .fd = master ? p->master : -1, .events = master };
	fds[WATCH_IN] = (struct pollfd){ .fd = in ? p->in : -1, .events = in };
}

/* One turn. *ret_ended: the child has. */
static int serve(const struct run_foreground *f, int pidfd, struct run_proxy *p, bool *ret_ended,
		 struct err *e)
{
	struct pollfd fds[WATCH_COUNT];

	watch(fds, f, pidfd, p);
	if (poll(fds, WATCH_COUNT, -1) < 0)
		return errno == EINTR ? 0 : err_errno(e, "cannot wait for the container");
	*ret_ended = (fds[WATCH_CHILD].revents & POLLIN) != 0;
	if (fds[WATCH_SIGNALS].revents)
		forward_signals(f, pidfd, p->master);
	if (p->master < 0)
		return 0;
	return serve_terminal(p, fds[WATCH_MASTER].revents, fds[WATCH_IN].revents, e);
}

int run_foreground_wait(struct run_foreground *f, int pidfd, int console_fd, int *ret_status, struct err *e)
{
	struct run_proxy proxy = { .master = console_fd,
				   .in = f->interactive ? STDIN_FILENO : -1,
				   .out = STDOUT_FILENO,
				   .keys = f->keys };
	bool ended = false;
	int r = 0;

	while (r == 0 && !ended && !proxy.detached)
		r = serve(f, pidfd, &proxy, &ended, e);
	if (r == 0 && proxy.detached) {
		f->detached = true;
		run_tty_restore(&f->mode);
		return 0;
	}
	if (r == 0 && console_fd >= 0)
		r = drain(&proxy, e);
	if (r < 0)
		return r;
	r = process_wait(pidfd, ret_status);
	return r < 0 ? err_code(e, r, "cannot wait for the container") : 0;
}
