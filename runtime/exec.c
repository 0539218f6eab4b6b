/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/exec.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "runtime/conceal.h"
#include "runtime/console.h"
#include "runtime/init_hooks.h"
#include "runtime/listener.h"
#include "runtime/pid_file.h"
#include "runtime/program.h"
#include "runtime/stdio.h"
#include "runtime/state.h"
#include "runtime/sync.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* All but the user namespace. The PID namespace is that of the children of who joins it. */
#define JOINED                                                                                       \
	(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | \
	 CLONE_NEWTIME)

struct execution {
	const struct runtime_exec_args *args;
	struct privileges privileges;
	struct container_state state;
	struct cgroup cgroup;
	bool user_namespace; /* the container has one of its own */
	bool attach_late;    /* the process is moved into the cgroup, as it could not be cloned into it */
	int init_pidfd;
	int pid_file_dir;
	int console_socket, console_fd;
	int listener_socket, pidfd_socket;
	int sync_fd, child_sync_fd;
	int helper_pidfd; /* enters the container, and starts the process there */
	pid_t pid;
	int pidfd;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void execution_done(struct execution *x)
{
	int *const fds[] = { &x->init_pidfd,      &x->pid_file_dir, &x->console_socket, &x->console_fd,
			     &x->listener_socket, &x->pidfd_socket, &x->sync_fd,        &x->child_sync_fd,
			     &x->helper_pidfd,    &x->pidfd };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close_fd(fds[i]);
	privileges_done(&x->privileges);
	container_state_done(&x->state);
	cgroup_done(&x->cgroup);
}

/* --- before the process --------------------------------------------------------------------------------- */

static int check_status(const struct execution *x, struct err *e)
{
	enum runtime_status status = container_state_status(x->args->state_root, &x->state);

	if (status == RUNTIME_STOPPED || status == RUNTIME_CREATING)
		return err_set(e, -EBUSY, "cannot exec in a %s container", runtime_status_name(status));
	if (status == RUNTIME_PAUSED && !x->args->ignore_paused)
		return err_set(e, -EBUSY,
			       "cannot exec in a paused container (use --ignore-paused to override)");
	return 0;
}

static int open_init(struct execution *x, struct err *e)
{
	char path[64];
	struct stat ours, theirs;
	uint64_t ticks;

	x->init_pidfd = process_pidfd_open(x->state.pid);
	/* The descriptor first: what is found out of the number afterwards is of the process that it holds. */
	if (x->init_pidfd < 0 || process_start_time(x->state.pid, &ticks) < 0 ||
	    ticks != x->state.pid_start_ticks)
		return err_set(e, -EBUSY, "cannot exec in a stopped container");
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)x->state.pid);
	if (stat(path, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0)
		return err_errno(e, "cannot look at the container's user namespace");
	x->user_namespace = ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev;
	return 0;
}

static int open_sub_cgroup(struct execution *x, struct err *e)
{
	struct cgroup_host host;
	cleanup_free char *path = NULL;
	int r;

	if (!x->state.cgroup_path)
		return 0;
	if (asprintf(&path, "%s%s%s", x->state.cgroup_path, x->args->cgroup ? "/" : "",
		     x->args->cgroup ? x->args->cgroup : "") < 0) {
		path = NULL;
		return err_code(e, -ENOMEM, "cgroup");
	}
	cgroup_host_find(&host);
	r = cgroup_open(&host, path, &x->cgroup, e);
	return r == 0 && x->state.systemd_unit ? cgroup_set_unit(&x->cgroup, x->state.systemd_unit, e) : r;
}

/* The path of cgroup v2 in /proc/PID/cgroup, cut out of `text` in place, or NULL. Only at the beginning of a line: the name of a cgroup
 * may hold "0::" as well. cgroups(7) */
static char *cgroup_line(char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
		if (strncmp(line, "0::/", 4) == 0)
			return line + strlen("0::");
	return NULL;
}

static bool is_below(const char *path, const char *top)
{
	size_t len = top ? strlen(top) : 0;

	return len && strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Where init is now: it may have moved to a cgroup below the container's own, which then takes no more processes. */
static int open_cgroup_of_init(struct execution *x, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(16384);
	struct cgroup_host host;
	char path[64], *line;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)x->state.pid);
	r = file_read(AT_FDCWD, path, &text, e);
	if (r < 0)
		return r;
	line = text.len ? cgroup_line(text.data) : NULL;
	if (!line || !is_below(line, x->state.cgroup_path))
		return err_set(e, -ENOENT, "the container's init is not in the container's cgroup");
	cgroup_done(&x->cgroup);
	cgroup_host_find(&host);
	return cgroup_open(&host, line, &x->cgroup, e);
}

static int connect_callers(struct execution *x, struct err *e)
{
	const struct runtime_exec_args *args = x->args;
	int r = 0;

	if (args->console_socket)
		r = caller_socket_connect(args->console_socket, "console socket", &x->console_socket, e);
	if (r == 0 && args->pidfd_socket)
		r = caller_socket_connect(args->pidfd_socket, "pidfd socket", &x->pidfd_socket, e);
	if (r == 0 && x->privileges.seccomp.notify)
		r = caller_socket_connect(args->linux_->seccomp->listener_path, "seccomp agent",
					  &x->listener_socket, e);
	return r;
}

static int prepare(struct execution *x, struct err *e)
{
	const struct runtime_exec_args *args = x->args;
	int r = container_state_read(args->state_root, args->id, &x->state, e);

	if (r == 0)
		r = check_status(x, e);
	if (r == 0)
		r = open_init(x, e);
	if (r == 0)
		r = privileges_prepare(args->process, args->linux_, args->filter, &x->privileges, e);
	if (r == 0)
		r = connect_callers(x, e);
	if (r == 0)
		r = pid_file_open_dir(args->pid_file, &x->pid_file_dir, e);
	return r == 0 ? open_sub_cgroup(x, e) : r;
}

/* --- the process ---------------------------------------------------------------------------------------- */

/* Those of the namespaces in `flags` that are not ours already: to join one again takes privileges over it, too. */
static int not_ours(const struct execution *x, int flags)
{
	static const struct {
		const char *name;
		int flag;
	} KINDS[] = {
		{ "pid", CLONE_NEWPID },   { "mnt", CLONE_NEWNS },  { "net", CLONE_NEWNET },
		{ "ipc", CLONE_NEWIPC },   { "uts", CLONE_NEWUTS }, { "cgroup", CLONE_NEWCGROUP },
		{ "time", CLONE_NEWTIME },
	};

	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		char path[64], own[64];
		struct stat ours, theirs;

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)x->state.pid, KINDS[i].name);
		(void)snprintf(own, sizeof(own), "/proc/self/ns/%s", KINDS[i].name);
		if (stat(path, &theirs) == 0 && stat(own, &ours) == 0 && ours.st_ino == theirs.st_ino &&
		    ours.st_dev == theirs.st_dev)
			flags &= ~KINDS[i].flag;
	}
	return flags;
}

static int enter(const struct execution *x, struct err *e)
{
	int flags = JOINED | (x->user_namespace ? CLONE_NEWUSER : 0);

	/* One call for all: pid_namespaces(7), setns(2) with a pidfd, Linux 5.8. */
	if (setns(x->init_pidfd, flags) < 0 &&
	    (errno != EINVAL || setns(x->init_pidfd, flags & ~CLONE_NEWTIME) < 0) &&
	    (errno != EPERM || setns(x->init_pidfd, not_ours(x, flags)) < 0))
		return err_errno(e, "cannot enter the container's namespaces");
	if (x->user_namespace && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		return err_errno(e, "cannot become root of the user namespace");
	return x->args->no_new_keyring ? 0 : program_join_keyring(x->args->id, e);
}

static int setup_console(const struct execution *x, struct err *e)
{
	const struct spec_process *process = x->args->process;
	cleanup_console struct console console = { -1, -1 };
	cleanup_fd int root = -1;
	int r;

	if (!process->terminal)
		return 0;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_errno(e, "cannot open the container's root");
	r = console_open(root, process->console_width.value, process->console_height.value, &console, e);
	if (r == 0)
		r = console_make_stdio(&console, e);
	return r == 0 ? sync_send_fd(x->child_sync_fd, SYNC_CONSOLE, console.master, e) : r;
}

/* The process itself, in the container. */
static _Noreturn void run_program(const struct execution *x, int label_fd)
{
	struct program program = {
		.process = x->args->process,
		.privileges = &x->privileges,
		.preserve_fds = (unsigned int)x->args->preserve_fds,
		.label_fd = label_fd,
		.null_fd = -1,
	};
	struct err e = { 0 };
	int r = sync_expect(x->child_sync_fd, SYNC_MAPPED, NULL, &e);

	if (r == 0 && setsid() < 0)
		r = err_errno(&e, "cannot start a session");
	if (r == 0)
		r = setup_console(x, &e);
	program.null_streams = stdio_null_streams();
	if (program.null_streams)
		program.null_fd = stdio_open_null(AT_FDCWD);
	if (r == 0)
		r = program_prepare(&program, x->child_sync_fd, &e);
	if (r == 0)
		r = sync_send(x->child_sync_fd, SYNC_READY, &e);
	if (r == 0)
		r = sync_expect_start(x->child_sync_fd, &program.ignored_signals, &e);
	if (r == 0)
		(void)program_exec(&program, &e); /* returns only to say why not */
	sync_send_error(x->child_sync_fd, &e);
	_exit(1);
}

/* Who may trace could read it out of our memory, though the program gets another. */
static void forget_environment(void)
{
	for (char **variable = environ; variable && *variable; variable++)
		explicit_bzero(*variable, strlen(*variable));
}

static int enter_hidden(const struct execution *x, int *ret_label_fd, struct err *e)
{
	int r = privileges_set_oom_score(&x->privileges, e);

	if (r == 0)
		r = program_hide(e);
	if (r == 0)
		r = privileges_open_label(&x->privileges, ret_label_fd, e);
	if (r == 0)
		r = privileges_apply_early(&x->privileges, e);
	return r == 0 ? enter(x, e) : r;
}

/* Into the PID namespace from the start: that takes one process less than run_helper. */
static _Noreturn void run_direct(const struct execution *x)
{
	struct err e = { 0 };
	int label_fd = -1;

	(void)close(x->sync_fd);
	if (enter_hidden(x, &label_fd, &e) == 0)
		run_program(x, label_fd);
	sync_send_error(x->child_sync_fd, &e);
	_exit(1);
}

/* Nobody in the container sees a process of ours before its root, its working directory and its descriptors are those of the container: with
 * CAP_SYS_PTRACE they could be taken from it. Hence the PID namespace comes last, and that takes a process of its own. */
static _Noreturn void run_helper(const struct execution *x)
{
	int label_fd = -1, pidfd = -1, r;
	struct err e = { 0 };
	pid_t pid = 0;

	(void)close(x->sync_fd);
	r = enter_hidden(x, &label_fd, &e);
	if (r == 0) {
		int keep[] = { x->child_sync_fd, label_fd };

		forget_environment();
		r = process_close_others(3 + (unsigned int)x->args->preserve_fds, keep, ARRAY_LEN(keep));
		if (r == 0)
			r = pid = process_clone(CLONE_PARENT, -1, &pidfd);
		if (r < 0)
			(void)err_code(&e, r, "cannot start a process in the container");
	}
	if (r == 0)
		run_program(x, label_fd);
	if (r > 0)
		r = sync_send_child(x->child_sync_fd, pid, pidfd, &e);
	if (r < 0)
		sync_send_error(x->child_sync_fd, &e);
	_exit(r < 0);
}

static pid_t clone_helper(struct execution *x, struct err *e)
{
	pid_t pid = process_clone(0, x->cgroup.path ? x->cgroup.dir_fd : -1, &x->helper_pidfd);

	if (pid == -EBUSY && !x->args->cgroup) {
		int r = open_cgroup_of_init(x, e);

		if (r < 0)
			return r;
		pid = process_clone(0, x->cgroup.dir_fd, &x->helper_pidfd);
	}
	/* A user may not clone out of his session's cgroup, but his systemd can have processes moved. */
	x->attach_late = pid == -EACCES && x->cgroup.unit;
	if (x->attach_late)
		pid = process_clone(0, -1, &x->helper_pidfd);
	return pid < 0 ? err_code(e, pid, "cannot start a process in the container") : pid;
}

/* The process of clone_helper itself, where it can be. */
static int spawn_direct(struct execution *x, struct err *e)
{
	cleanup_fd int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (own < 0)
		return err_errno(e, "cannot open the own PID namespace");
	if (setns(x->init_pidfd, CLONE_NEWPID) < 0)
		return err_errno(e, "cannot enter the container's PID namespace");
	pid = clone_helper(x, e);
	if (pid == 0)
		run_direct(x);
	if (setns(own, CLONE_NEWPID) < 0 && pid >= 0)
		return err_errno(e, "cannot return to the own PID namespace");
	if (pid < 0)
		return pid;
	x->pid = pid;
	x->pidfd = fd_take(&x->helper_pidfd);
	close_fd(&x->child_sync_fd);
	return 0;
}

static int make_sync_pair(struct execution *x, struct err *e)
{
	int fds[2], r = sync_pair(fds);

	if (r < 0)
		return err_code(e, r, "cannot make a socket pair");
	close_fd(&x->sync_fd);
	x->sync_fd = fds[0];
	x->child_sync_fd = fds[1];
	return 0;
}

static int spawn_by_helper(struct execution *x, struct err *e)
{
	int status, r = make_sync_pair(x, e);
	pid_t helper;

	if (r < 0)
		return r;
	helper = clone_helper(x, e);
	if (helper < 0)
		return helper;
	if (helper == 0)
		run_helper(x);
	close_fd(&x->child_sync_fd);
	r = sync_expect_child(x->sync_fd, &x->pid, &x->pidfd, e);
	if (r < 0)
		IGNORE_RESULT(process_signal(x->helper_pidfd, SIGKILL)); /* it has ended, most often */
	IGNORE_RESULT(process_wait(x->helper_pidfd, &status));
	return r;
}

/* The helper takes a place under the limit of processes, too. Where there is none left for both, and nobody in the container may look into an undumpable
 * process, the process goes there alone. */
static int spawn(struct execution *x, struct err *e)
{
	int r = conceal_needed(NULL, 0) ? conceal_binary(e) : 0;

	if (r == 0)
		r = scheduling_apply_initial(&x->privileges.scheduling, e);
	if (r < 0)
		return r;
	r = spawn_by_helper(x, e);
	if (r != -EAGAIN || x->user_namespace || !x->state.untraced)
		return r;
	close_fd(&x->helper_pidfd);
	r = make_sync_pair(x, e);
	return r < 0 ? r : spawn_direct(x, e);
}

static int pass_listener(struct execution *x, struct err *e)
{
	const struct container_state *s = &x->state;
	const struct runtime_spec view = { .oci_version = s->oci_version, .annotations = s->annotations };
	const struct runtime_args args = { .id = s->id, .bundle = s->bundle, .spec = &view };
	cleanup_free char *state = NULL;
	cleanup_fd int listener = -1;
	int r;

	if (x->listener_socket < 0)
		return 0;
	r = sync_expect(x->sync_fd, SYNC_LISTENER, &listener, e);
	if (r == 0)
		r = hook_state_text(&args, s->rootfs ? s->rootfs : "", s->pid, RUNTIME_RUNNING, &state, e);
	return r < 0 ? r
		     : listener_pass(x->listener_socket, listener, x->args->linux_->seccomp, s->oci_version,
				     x->pid, state, e);
}

/* The program inherits from us what it ignores. */
static int go(const struct execution *x, struct err *e)
{
	uint32_t ignored;
	uint64_t ticks;
	int r = process_start_and_ignored(getpid(), &ticks, &ignored);

	return r < 0 ? err_code(e, r, "cannot look at the process") : sync_send_start(x->sync_fd, ignored, e);
}

/* Accompanies the process until it has called execve. */
static int accompany(struct execution *x, struct err *e)
{
	int r = x->attach_late ? cgroup_attach(&x->cgroup, x->pid, e) : 0;

	if (r == 0)
		r = sync_send(x->sync_fd, SYNC_MAPPED, e);
	if (r == 0 && x->args->process->terminal) {
		r = sync_expect(x->sync_fd, SYNC_CONSOLE, &x->console_fd, e);
		if (r == 0 && x->console_socket >= 0) {
			r = console_pass(x->console_socket, x->console_fd, e);
			close_fd(&x->console_fd);
		}
	}
	if (r == 0)
		r = pass_listener(x, e);
	if (r == 0)
		r = sync_expect(x->sync_fd, SYNC_READY, NULL, e);
	if (r == 0 && x->pidfd_socket >= 0)
		r = pidfd_pass(x->pidfd_socket, x->pidfd, e);
	if (r == 0)
		r = pid_file_write(x->args->pid_file, x->pid_file_dir, x->pid, e);
	if (r == 0)
		r = go(x, e);
	return r == 0 ? sync_expect_end(x->sync_fd, e) : r;
}

static int check_process(const struct runtime_exec_args *args, struct err *e)
{
	const struct spec_process *process = args->process;

	if (process->args.len == 0)
		return err_set(e, -EINVAL, "process.args: must not be empty");
	if (!process->cwd || process->cwd[0] != '/')
		return err_set(e, -EINVAL, "process.cwd: must be an absolute path");
	return 0;
}

int runtime_exec(const struct runtime_exec_args *args, struct runtime_container *ret, struct err *e)
{
	struct execution x = { .args = args,
			       .cgroup = { .dir_fd = -1 },
			       .init_pidfd = -1,
			       .pid_file_dir = -1,
			       .console_socket = -1,
			       .console_fd = -1,
			       .listener_socket = -1,
			       .pidfd_socket = -1,
			       .sync_fd = -1,
			       .child_sync_fd = -1,
			       .helper_pidfd = -1,
			       .pidfd = -1 };
	int status, r = check_process(args, e);

	if (r == 0)
		r = prepare(&x, e);
	if (r == 0)
		r = spawn(&x, e);
	if (r == 0)
		r = accompany(&x, e);
	if (r == 0) {
		*ret = (struct runtime_container){ .pid = x.pid,
						   .pidfd = fd_take(&x.pidfd),
						   .console_fd = fd_take(&x.console_fd),
						   .start_fd = -1,
						   .cgroup = { .dir_fd = -1 } };
	} else if (x.pid > 0) {
		IGNORE_RESULT(process_signal(x.pidfd, SIGKILL)); /* it may have ended by itself */
		IGNORE_RESULT(process_wait(x.pidfd, &status));
	}
	execution_done(&x);
	return r;
}
