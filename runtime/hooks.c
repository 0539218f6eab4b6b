/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/names.h"
#include "common/process.h"
#include "common/timestamp.h"

#define HOOK_OUTPUT_BYTES 256 /* of stderr, kept for the message */

/* The state as a file that can be read from its start: a pipe could block either side. */
static int state_fd(const char *state, struct err *e)
{
	cleanup_fd int fd = memfd_create("state", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot pass the state to a hook");
	r = write_all(fd, state, strlen(state));
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_code(e, r < 0 ? r : -errno, "cannot pass the state to a hook");
	return fd_take(&fd);
}

static void exec_hook(const struct spec_hook *hook, int stdin_fd, int stderr_fd)
{
	static char *const NO_ENV[] = { NULL };
	char *argv[] = { hook->path, NULL };
	sigset_t none;

	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || dup2(stdin_fd, 0) < 0 || dup2(stderr_fd, 2) < 0)
		_exit(126);
	(void)execve(hook->path, hook->args.len ? hook->args.items : argv,
		     hook->env.len ? hook->env.items : NO_ENV);
	(void)dprintf(2, "%s", errno_text(errno));
	_exit(127);
}

/* What a hook writes to stderr: its beginning is kept. */
struct output {
	int fd;
	size_t len;
	char text[HOOK_OUTPUT_BYTES];
};

/* Reads what there is. False at the end. */
static bool collect(struct output *o)
{
	char chunk[512];
	ssize_t n = read(o->fd, chunk, sizeof(chunk));
	size_t room = sizeof(o->text) - 1 - o->len;

	if (n <= 0)
		return false;
	if ((size_t)n < room)
		room = (size_t)n;
	memcpy(o->text + o->len, chunk, room);
	o->len += room;
	return true;
}

/* Waits for the end of the hook while it collects what it writes. deadline_ms < 0: none. -ETIMEDOUT. */
static int watch(int pidfd, int64_t deadline_ms, struct output *o)
{
	struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN }, { .fd = o->fd, .events = POLLIN } };

	while (!(fds[0].revents & POLLIN)) {
		int64_t left = deadline_ms < 0 ? -1 : deadline_ms - monotonic_ms();

		if (deadline_ms >= 0 && left <= 0)
			return -ETIMEDOUT;
		if (poll(fds, 2, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents && !collect(o))
			fds[1].fd = -1;
	}
	o->text[strcspn(o->text, "\n")] = '\0';
	return 0;
}

static int judge(int status, const char *output, struct err *e)
{
	const char *colon = output[0] ? ": " : "";

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return err_set(e, -ECANCELED, "exit status %d%s%s", WEXITSTATUS(status), colon, output);
	return err_set(e, -ECANCELED, "killed by signal %d%s%s", WTERMSIG(status), colon, output);
}

static int run_one(const struct spec_hook *hook, const char *state, struct err *e)
{
	cleanup_fd int in = state_fd(state, e), pidfd = -1, out = -1, out_writer = -1;
	struct output output = { .len = 0 };
	int pipe_fds[2], status, r;
	pid_t pid;

	if (in < 0)
		return in;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	out = pipe_fds[0];
	out_writer = pipe_fds[1];
	pid = process_clone(0, -1, &pidfd);
	if (pid == 0)
		exec_hook(hook, in, out_writer);
	if (pid < 0)
		return err_code(e, pid, "cannot start it");
	(void)close(fd_take(&out_writer));
	output.fd = out;
	r = watch(pidfd, hook->timeout_s.set ? monotonic_ms() + hook->timeout_s.value * 1000 : -1, &output);
	if (r < 0)
		IGNORE_RESULT(process_signal(pidfd, SIGKILL)); /* it may have ended just now */
	if (process_wait(pidfd, &status) < 0)
		return err_errno(e, "cannot wait for it");
	if (r == -ETIMEDOUT)
		return err_set(e, r, "timed out after %lld s", (long long)hook->timeout_s.value);
	return r < 0 ? err_code(e, r, "cannot wait for it") : judge(status, output.text, e);
}

int hooks_run(const struct spec_hook_list *hooks, const char *kind, const char *state, struct err *e)
{
	for (size_t i = 0; i < hooks->len; i++) {
		int r = run_one(&hooks->items[i], state, e);

		if (r < 0)
			return err_wrap(e, "%s hook %zu '%s'", kind, i, hooks->items[i].path);
	}
	return 0;
}

int hooks_run_all(const struct spec_hook_list *hooks, const char *kind, const char *state, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < hooks->len; i++) {
		struct err problem;
		int r = run_one(&hooks->items[i], state, &problem);

		if (r == 0 || first < 0)
			continue;
		first = err_wrap(&problem, "%s hook %zu '%s'", kind, i, hooks->items[i].path);
		*e = problem;
	}
	return first;
}
