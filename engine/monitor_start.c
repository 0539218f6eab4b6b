/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a monitor, and finding one. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "common/program_path.h"
#include "engine/launch.h"
#include "engine/log_config.h"
#include "engine/monitor.h"
#include "engine/monitor_program.h"
#include "engine/notify.h"
#include "engine/status_page.h"
#include "store/store.h"

#define PROGRAM         "sampan-monitor"
#define EXIT_SAMPAN     125
#define REPORT_TEXT_MAX 512
#define LAUNCHER_OPTION "--launcher="
#define LAUNCHER_MAX    (sizeof(LAUNCHER_OPTION) + 10)
#define HEARD_MS        2000
#define FDS_BEHIND      16 /* where descriptors are out of the way of MONITOR_FD_* */

int monitor_open_dir(const char *state_dir, const char *id, bool make, int *ret_fd, struct err *e)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/" MONITOR_DIR "/%s", state_dir, id) >= (int)sizeof(path))
		return err_set(e, -ENAMETOOLONG, "the state directory's name is too long");
	if (make)
		return dir_make_open(AT_FDCWD, path, 0700, ret_fd, e);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	*ret_fd = fd;
	return 0;
}

int monitor_open_all(const char *state_dir)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/" MONITOR_DIR, state_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void monitor_remove_dir(const char *state_dir, const char *id)
{
	struct err ignored; /* what stays is taken over by the next monitor of that container */
	cleanup_fd int fd = monitor_open_all(state_dir);

	if (fd >= 0)
		IGNORE_RESULT(tree_remove(fd, id, &ignored));
}

int monitor_connect(int dir_fd, int *ret_fd, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" MONITOR_SOCKET,
		       dir_fd);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_errno(e, "cannot reach the container's monitor");
	*ret_fd = fd_take(&fd);
	return 0;
}

/* It hangs up when it has obeyed, or is ending. */
static void wait_until_heard(int fd)
{
	int64_t end = monotonic_ms() + HEARD_MS;
	char any;

	if (shutdown(fd, SHUT_WR) < 0)
		return;
	for (int64_t left = HEARD_MS; left > 0; left = end - monotonic_ms()) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int n = poll(&p, 1, (int)left);

		if (n > 0 && recv(fd, &any, sizeof(any), MSG_DONTWAIT) <= 0 && errno != EINTR)
			return;
	}
}

void monitor_tell(const char *state_dir, const char *id, enum monitor_message_type type)
{
	const struct monitor_message message = { .type = type };

	monitor_tell_message(state_dir, id, &message);
}

void monitor_tell_message(const char *state_dir, const char *id, const struct monitor_message *message)
{
	cleanup_fd int dir_fd = -1;
	cleanup_fd int fd = -1;
	struct err ignored; /* there is none, or it is about to end */

	if (monitor_open_dir(state_dir, id, false, &dir_fd, &ignored) == 0 &&
	    monitor_connect(dir_fd, &fd, &ignored) == 0)
		if (monitor_send(fd, message, NULL, -1, 0) == 0)
			wait_until_heard(fd);
}

/* --- the program --- */

static int add_health(const struct health_rules *h, struct strvec *out)
{
	int r = strvec_addf(out, "--health-interval=%lld", (long long)h->interval_ns);

	if (r == 0)
		r = strvec_addf(out, "--health-timeout=%lld", (long long)h->timeout_ns);
	if (r == 0)
		r = strvec_addf(out, "--health-start-period=%lld", (long long)h->start_period_ns);
	if (r == 0)
		r = strvec_addf(out, "--health-start-interval=%lld", (long long)h->start_interval_ns);
	if (r == 0)
		r = strvec_addf(out, "--health-retries=%u", h->retries);
	return r == 0 ? strvec_addf(out, "--health-on-failure=%s", health_action_name(h->action)) : r;
}

static int add_log(const struct monitor_start *s, struct strvec *out)
{
	const struct life *l = s->life;
	int r = strvec_addf(out, "--name=%s", s->name);

	if (r == 0 && s->image_name)
		r = strvec_addf(out, "--image=%s", s->image_name);
	if (r == 0 && l->log_driver)
		r = strvec_addf(out, "--log-driver=%s", l->log_driver);
	for (size_t i = 0; r == 0 && i < l->log_options.len; i++)
		r = strvec_addf(out, "--log-opt=%s", l->log_options.items[i]);
	if (r == 0 && l->log_tag)
		r = strvec_addf(out, "--log-tag=%s", l->log_tag);
	for (size_t i = 0; r == 0 && i < l->log_attributes.len; i++)
		r = strvec_addf(out, "--log-attribute=%s", l->log_attributes.items[i]);
	return r;
}

static int add_life(const struct life *l, struct strvec *out)
{
	const char *kind = restart_kind_name(l->restart.kind);
	int r = l->restart.max > 0 ? strvec_addf(out, "--restart=%s:%u", kind, l->restart.max)
				   : strvec_addf(out, "--restart=%s", kind);

	if (r == 0)
		r = strvec_addf(out, "--stop-signal=%d", l->stop_signal);
	if (r == 0)
		r = strvec_addf(out, "--stop-timeout=%d", l->stop_timeout);
	if (r == 0)
		r = strvec_addf(out, "--sdnotify=%s", notify_mode_name(l->sdnotify));
	if (r == 0 && l->tty)
		r = strvec_add(out, "--tty");
	if (r == 0 && l->interactive)
		r = strvec_add(out, "--interactive");
	return r == 0 && l->health.test.len > 0 ? add_health(&l->health.rules, out) : r;
}

/* How its helpers are called. */
static int add_sampan(const struct monitor_start *s, struct strvec *out)
{
	cleanup_free char *self = program_path_self();
	int r = strvec_add(out, "--");

	if (r == 0)
		r = self ? strvec_add(out, self) : -ENOENT;
	if (r == 0)
		r = strvec_addf(out, "--root=%s", s->root);
	return r == 0 ? strvec_addf(out, "--state-dir=%s", s->state_dir) : r;
}

/* The command line, of which one word is filled in when there is a launcher. */
struct monitor_args {
	struct strvec words;
	char *launcher; /* of `words`; LAUNCHER_MAX bytes */
};

static void monitor_args_done(struct monitor_args *args)
{
	strvec_done(&args->words);
}
#define cleanup_monitor_args __attribute__((cleanup(monitor_args_done)))

static int build_args(const struct monitor_start *s, const char *program, struct monitor_args *ret)
{
	struct strvec *out = &ret->words;
	int r = strvec_add(out, program);

	if (r == 0)
		r = strvec_addf(out, "%*s", (int)LAUNCHER_MAX - 1, "");
	if (r == 0)
		ret->launcher = out->items[out->len - 1];

	if (r == 0)
		r = strvec_addf(out, "--id=%s", s->id);
	if (r == 0)
		r = add_life(s->life, out);
	if (r == 0 && s->client_fd >= 0)
		r = strvec_addf(out, "--client=%d", s->client_wants);
	if (r == 0)
		r = add_log(s, out);
	if (r == 0 && s->auto_remove)
		r = strvec_add(out, "--rm");
	return r == 0 ? add_sampan(s, out) : r;
}

/* --- the first start's helper ---------------------------------------------------------------------------- */

#define STARTER_FD (MONITOR_FD_HELPER + 1)

static int become_helper(const struct monitor_stdio *stdio, int socket_fd, int report_fd)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)umask(022);
	if (chdir("/") < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	for (int i = 0; i < 3; i++)
		if (dup2(stdio->fd[i], i) < 0)
			return -errno;
	/* The store, the container's lock and its directory were open before these two, whose numbers are higher therefore. */
	if (dup3(socket_fd, MONITOR_FD_HELPER, O_CLOEXEC) < 0 || dup3(report_fd, STARTER_FD, O_CLOEXEC) < 0)
		return -errno;
	return process_close_from(STARTER_FD + 1);
}

/* A copy of this process: all is loaded that a start takes. Later starts are those of programs that the monitor runs. */
static _Noreturn void be_launcher(const struct monitor_start *s, const struct monitor_stdio *stdio,
				  int socket_fd, int report_fd)
{
	cleanup_store struct store *store = NULL;
	struct err e = { 0 };
	int r = become_helper(stdio, socket_fd, report_fd);

	if (r == 0)
		r = store_open(s->root, &store, &e);
	if (r == 0)
		r = container_launch(store, s->state_dir, s->id, MONITOR_FD_HELPER, STARTER_FD, &e);
	_exit(r < 0); /* the error has gone to the monitor */
}

static bool is_passthrough(const struct monitor_start *s)
{
	return s->life->log_driver && strcmp(s->life->log_driver, log_driver_name(LOG_PASSTHROUGH)) == 0;
}

/* What the monitor takes over of it. All -1 or owned. */
struct launcher {
	pid_t pid;
	int socket_fd;
	struct monitor_streams streams;
};

static int start_launcher(const struct monitor_start *s, int report_fd, struct launcher *ret)
{
	struct monitor_stdio stdio;
	int pair[2];
	int r = monitor_streams_open(&ret->streams, s->life->tty, s->life->interactive, is_passthrough(s),
				     &stdio);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ret->pid = fork();
	if (ret->pid == 0)
		be_launcher(s, &stdio, pair[1], report_fd);
	if (ret->pid < 0)
		return -errno;
	monitor_stdio_close(&stdio);
	(void)close(pair[1]);
	ret->socket_fd = pair[0];
	return 0;
}

/* --- the monitor ------------------------------------------------------------------------------------------- */

/* Puts the descriptors where the monitor looks for them, and everything else away. */
static int arrange(const struct monitor_start *s, int report_fd, int run_dir_fd, const struct launcher *l)
{
	int fds[] = { report_fd,
		      s->lock_fd,
		      s->dir_fd,
		      run_dir_fd,
		      s->client_fd,
		      l->socket_fd,
		      l->streams.out[STREAM_OUT],
		      l->streams.out[STREAM_ERR],
		      l->streams.in };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	_Static_assert(ARRAY_LEN(fds) == MONITOR_FD_END - MONITOR_FD_REPORT, "one for each MONITOR_FD_");
	if (null_fd < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0 && (fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FDS_BEHIND)) < 0)
			return -errno;
	for (int i = 0; i < 3 && !is_passthrough(s); i++) /* passthrough: ours are the container's */
		if (dup2(null_fd, i) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		int number = MONITOR_FD_REPORT + (int)i;

		if (fds[i] >= 0 ? dup2(fds[i], number) < 0 : close(number) < 0 && errno != EBADF)
			return -errno;
	}
	return process_close_from(MONITOR_FD_END);
}

/* A service manager takes messages of the main process only, as a rule (NotifyAccess=main): which that is it has to know before the monitor has
 * anything to say. So its first word is its pid, and it waits until that has been told. */
static bool is_announced(const struct monitor_start *s)
{
	return s->life->sdnotify != NOTIFY_IGNORE && notify_address();
}

static bool announce_self(int report_fd)
{
	struct monitor_message message = { .type = MONITOR_HERE, .a = getpid() };

	return monitor_send(report_fd, &message, NULL, -1, 0) == 0 &&
	       monitor_receive(report_fd, &message, NULL, 0, 0, NULL) > 0;
}

static void announce_monitor(int report_fd)
{
	struct monitor_message message;

	if (monitor_receive(report_fd, &message, NULL, 0, 0, NULL) <= 0 || message.type != MONITOR_HERE)
		return; /* it has ended, which read_report tells */
	notify_main_pid(message.a);
	IGNORE_RESULT(monitor_send(report_fd, &message, NULL, -1, 0)); /* as above */
}

/* The child that becomes the monitor. What it starts before it does is the monitor's child, as it will be told by SIGCHLD and --launcher, and what
 * that makes becomes so. */
static _Noreturn void become_monitor(const struct monitor_start *s, const struct monitor_args *args,
				     int report_fd, int run_dir_fd)
{
	static struct launcher l; /* large, and mostly never touched */
	sigset_t child;

	l.socket_fd = -1;
	if (s->life->sdnotify == NOTIFY_IGNORE)
		(void)unsetenv(NOTIFY_ENV); /* fails for odd names only */
	else if (is_announced(s) && !announce_self(report_fd))
		_exit(0);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD); /* it may end before the monitor listens */
	if (setsid() < 0 || sigprocmask(SIG_BLOCK, &child, NULL) < 0 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || start_launcher(s, report_fd, &l) < 0)
		_exit(0);
	(void)snprintf(args->launcher, LAUNCHER_MAX, LAUNCHER_OPTION "%d", (int)l.pid);
	if (arrange(s, report_fd, run_dir_fd, &l) == 0)
		(void)execv(args->words.items[0], args->words.items);
	_exit(0);
}

/* Without our word the monitor begins nothing, and says so. */
static int give_word(const struct monitor_start *s, int fd, struct err *e)
{
	const struct monitor_message go = { .type = MONITOR_GO };
	int r = s->make_durable ? s->make_durable(s->durable_arg, e) : 0;

	if (r == 0)
		IGNORE_RESULT(
			monitor_send(fd, &go, NULL, -1, 0)); /* it may have ended, which read_report tells */
	else
		(void)shutdown(fd, SHUT_WR); /* fails where it has ended */
	return r;
}

static int read_report(int fd, pid_t *ret_pid, int *ret_exit_code, struct err *e)
{
	struct monitor_message message;
	char text[REPORT_TEXT_MAX];
	int r = monitor_receive(fd, &message, text, sizeof(text), 0, NULL);

	*ret_exit_code = EXIT_SAMPAN;
	if (r <= 0)
		return err_set(e, r < 0 ? r : -EPROTO,
			       "the container's monitor ended before the container began");
	if (message.type == MONITOR_STARTED) {
		*ret_pid = message.a;
		return 0;
	}
	*ret_exit_code = message.a;
	return err_set(e, -ECHILD, "%.*s", (int)message.data_len, text);
}

/* Until it becomes another program it is in our memory, on our stack, and we wait (vfork(2)): the launcher gets a copy of all that, and a second one would be
 * thrown away at once. It changes nothing that we look at afterwards. Where it has something to say first, which we have to hear, it is a copy. */
static pid_t fork_monitor(const struct monitor_start *s, const struct monitor_args *args, int report_fd,
			  int run_dir_fd)
{
	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork) */
	pid_t pid = is_announced(s) ? fork() : vfork();

	if (pid == 0)
		become_monitor(s, args, report_fd, run_dir_fd); /* NOLINT(clang-analyzer-unix.Vfork) */
	return pid;
}

/* It is our child while we live. Who starts many, or lives long, has its zombie after its end: all of our commands end. */
static int spawn(const struct monitor_start *s, const struct monitor_args *args, int run_dir_fd,
		 int *ret_report_fd, struct err *e)
{
	cleanup_fd int theirs = -1;
	cleanup_fd int ours = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, "cannot start the container's monitor");
	ours = pair[0];
	theirs = pair[1];
	pid = fork_monitor(s, args, theirs, run_dir_fd);
	if (pid < 0)
		return err_errno(e, "cannot start the container's monitor");
	(void)close(fd_take(&theirs));
	if (is_announced(s))
		announce_monitor(ours);
	*ret_report_fd = fd_take(&ours);
	return 0;
}

int monitor_run(const struct monitor_start *s, pid_t *ret_pid, int *ret_exit_code, struct err *e)
{
	cleanup_free char *program = NULL;
	cleanup_monitor_args struct monitor_args args = { 0 };
	cleanup_fd int run_dir_fd = -1;
	cleanup_fd int report_fd = -1;
	struct err why = { 0 };
	int refused, r = program_path(PROGRAM, &program, e);

	*ret_exit_code = EXIT_SAMPAN;
	if (r == 0)
		r = monitor_open_dir(s->state_dir, s->id, true, &run_dir_fd, e);
	if (r < 0)
		return r;
	r = build_args(s, program, &args);
	if (r < 0)
		return err_code(e, r, "cannot start the container's monitor");
	r = spawn(s, &args, run_dir_fd, &report_fd, e);
	if (r < 0)
		return r;
	refused = give_word(s, report_fd, &why);
	r = read_report(report_fd, ret_pid, ret_exit_code, e);
	if (refused < 0)
		*e = why;
	return refused < 0 ? refused : r;
}
