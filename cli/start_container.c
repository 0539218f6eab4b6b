/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/start_container.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/format.h"
#include "common/cleanup.h"
#include "common/process.h"
#include "engine/monitor.h"
#include "store/container_event.h"

/* On stderr, if that is how it ended. */
static void say_oom(const char *name, const struct attach_end *end)
{
	char limit[FORMAT_MAX] = "";
	size_t digits;

	if (!end->oom_killed || end->exit_code == 0)
		return;
	if (end->memory_max == UINT64_MAX) {
		cli_error("container %s was killed: out of memory", name);
		return;
	}
	format_size_binary(end->memory_max, limit);
	digits = strspn(limit, "0123456789.");
	cli_error("container %s was killed: out of memory (limit %.*s %s)", name, (int)digits, limit,
		  limit + digits);
}

static void open_page(const char *state_dir, const char *id, struct shared_page *ret)
{
	cleanup_fd int dir_fd = -1;
	struct err ignored; /* it has ended already: then its socket must tell */

	if (monitor_open_dir(state_dir, id, false, &dir_fd, &ignored) == 0)
		IGNORE_RESULT(status_page_open(dir_fd, ret, &ignored));
}

static int32_t shown(const struct start_attached *how)
{
	int32_t all = MONITOR_WANT_STDOUT | MONITOR_WANT_STDERR;

	return how->chosen ? how->streams & all : all;
}

static int32_t wants(const struct start_attached *how)
{
	return shown(how) | (how->interactive ? MONITOR_WANT_STDIN : 0);
}

static int begin(const struct start_attached *how, struct run_foreground *f, struct err *e)
{
	int r = run_foreground_begin(how->tty, how->interactive, f, e);

	return r == 0 && how->no_signals ? run_foreground_keep_signals(f, e) : r;
}

static int serve(const struct start_attached *how, const struct store *store, const char *state_dir,
		 const struct container_record *c, struct run_foreground *f, int fd, pid_t pid,
		 int *ret_exit_code, struct err *e)
{
	cleanup_shared_page struct shared_page page = { 0 };
	cleanup_fd int pidfd = how->no_signals ? -1 : process_pidfd_open(pid);
	struct attach a = { .fd = fd,
			    .pidfd = pidfd,
			    .tty = how->tty,
			    .in = how->interactive,
			    .no_output = !shown(how),
			    .state_dir = state_dir,
			    .record = c,
			    .store = how->clears_away ? store : NULL,
			    .page = &page };
	struct attach_end end = { 0 };
	int r = attach_keys_parse(how->detach_keys ? how->detach_keys : ATTACH_KEYS_DEFAULT, &a.keys, e);

	open_page(state_dir, c->id, &page);
	if (r == 0)
		r = attach_serve(&a, f, &end, e);
	if (r < 0)
		return r;
	*ret_exit_code = end.detached ? 0 : end.exit_code;
	if (!end.detached)
		say_oom(c->name, &end);
	return 0;
}

int start_attached(const struct start_attached *how, const struct container_start *start,
		   struct container_record *c, int *ret_exit_code, struct err *e)
{
	cleanup_run_foreground struct run_foreground f = { .signal_fd = -1 };
	struct container_start s = *start;
	cleanup_fd int ours = -1;
	cleanup_fd int theirs = -1;
	int pair[2];
	pid_t pid;
	int r = begin(how, &f, e);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, "cannot attach to the container");
	ours = pair[0];
	theirs = pair[1];
	s.client_fd = theirs;
	s.client_wants = wants(how) | MONITOR_WANT_PRIMARY | (how->clears_away ? MONITOR_WANT_CLEANUP : 0);
	r = container_start(&s, c, &pid, ret_exit_code, e);
	(void)close(fd_take(&theirs));
	return r < 0 ? r : serve(how, start->store, start->state_dir, c, &f, ours, pid, ret_exit_code, e);
}

int attach_running(const struct start_attached *how, const char *state_dir, struct container_record *c,
		   int *ret_exit_code, struct err *e)
{
	const struct monitor_message hello = { .type = MONITOR_ATTACH, .a = wants(how) };
	cleanup_run_foreground struct run_foreground f = { .signal_fd = -1 };
	cleanup_fd int dir_fd = -1;
	cleanup_fd int fd = -1;
	int r = begin(how, &f, e);

	if (r == 0)
		r = monitor_open_dir(state_dir, c->id, false, &dir_fd, e);
	if (r == -ENOENT)
		return err_set(e, r, "container %s has no monitor to attach to", c->id);
	if (r == 0)
		r = monitor_connect(dir_fd, &fd, e);
	if (r == 0 && (r = monitor_send(fd, &hello, NULL, -1, 0)) < 0)
		r = err_code(e, r, "cannot attach to the container");
	if (r == 0)
		container_event(state_dir, c, "attach", NULL);
	return r < 0 ? r : serve(how, NULL, state_dir, c, &f, fd, (pid_t)c->pid, ret_exit_code, e);
}
