/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "runtime/conceal.h"
#include "runtime/console.h"
#include "runtime/container_cgroup.h"
#include "runtime/hooks.h"
#include "runtime/init.h"
#include "runtime/init_hooks.h"
#include "runtime/listener.h"
#include "runtime/new_network.h"
#include "runtime/pid_file.h"
#include "runtime/runtime.h"
#include "runtime/state.h"
#include "runtime/state_dir.h"
#include "runtime/stdio.h"
#include "runtime/sync.h"

/* All that a creation holds. What came to be is undone by creation_undo unless creation_keep was reached. */
struct creation {
	const struct runtime_args *args;
	struct plan plan;
	struct privileges privileges;
	struct namespace_fds namespaces;
	struct idmap_trees idmapped;
	int root_tree_fd;
	struct cgroup_host host;
	struct cgroup cgroup;
	bool made_state_dir;
	bool told_to_start;
	bool may_be_left; /* by `start`, before execve has come about; init says so */
	uint32_t ignored_signals;
	bool attach_late; /* init is moved into the cgroup, as it could not be cloned into it */
	int state_dir, lock_fd, fifo_fd, listen_fd;
	int console_socket, console_fd;
	int listener_socket, pidfd_socket;
	int pid_file_dir;
	int sync_fd, init_sync_fd;
	struct strvec stdio; /* of stdio_names, as is the next one */
	unsigned int null_streams;
	pid_t pid;
	int pidfd;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void creation_done(struct creation *c)
{
	int *const fds[] = { &c->state_dir,      &c->lock_fd,         &c->fifo_fd,      &c->listen_fd,
			     &c->console_socket, &c->console_fd,      &c->pid_file_dir, &c->sync_fd,
			     &c->init_sync_fd,   &c->listener_socket, &c->pidfd_socket, &c->pidfd,
			     &c->root_tree_fd };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close_fd(fds[i]);
	namespaces_close(&c->namespaces);
	idmap_close(&c->idmapped);
	privileges_done(&c->privileges);
	strvec_done(&c->stdio);
	cgroup_done(&c->cgroup);
	plan_done(&c->plan);
}

static void creation_init(struct creation *c, const struct runtime_args *args)
{
	*c = (struct creation){
		.args = args,
		.cgroup = { .dir_fd = -1 },
		.state_dir = -1,
		.lock_fd = -1,
		.fifo_fd = -1,
		.listen_fd = -1,
		.console_socket = -1,
		.console_fd = -1,
		.listener_socket = -1,
		.pidfd_socket = -1,
		.pid_file_dir = -1,
		.sync_fd = -1,
		.init_sync_fd = -1,
		.pidfd = -1,
		.root_tree_fd = -1,
	};
	for (size_t i = 0; i < PLAN_NAMESPACES_MAX; i++)
		c->namespaces.fds[i] = -1;
}

/* Undoes a creation that failed. What fails here as well stays for `delete --force`; the first error is what counts. */
static void creation_undo(struct creation *c)
{
	struct err ignored;
	int status;

	if (c->pid > 0) {
		IGNORE_RESULT(process_signal(c->pidfd, SIGKILL));
		IGNORE_RESULT(process_wait(c->pidfd, &status));
	}
	IGNORE_RESULT(cgroup_destroy(&c->cgroup, &ignored));
	if (c->made_state_dir)
		IGNORE_RESULT(state_dir_remove(c->args->state_root, c->args->id, &ignored));
}

/* --- before the process --------------------------------------------------------------------------------- */

static int connect_callers(struct creation *c, struct err *e)
{
	const struct runtime_args *args = c->args;
	int r = 0;

	if (args->console_socket)
		r = caller_socket_connect(args->console_socket, "console socket", &c->console_socket, e);
	if (r == 0 && args->pidfd_socket)
		r = caller_socket_connect(args->pidfd_socket, "pidfd socket", &c->pidfd_socket, e);
	if (r == 0 && c->privileges.seccomp.notify)
		r = caller_socket_connect(args->spec->linux_.seccomp->listener_path, "seccomp agent",
					  &c->listener_socket, e);
	return r;
}

/* The kernel told us our IDs at our own beginning, and we do not change them but on the way to another user namespace. getauxval(3) */
static bool are_root(const struct plan *p)
{
	return !p->other_users && getauxval(AT_UID) == 0 && getauxval(AT_EUID) == 0 &&
	       getauxval(AT_GID) == 0 && getauxval(AT_EGID) == 0;
}

static int prepare(struct creation *c, struct err *e)
{
	const struct runtime_args *args = c->args;
	int r = plan_make(args, &c->plan, e);

	if (r == 0)
		r = privileges_prepare(args->spec->process, &args->spec->linux_, args->filter, &c->privileges,
				       e);
	c->privileges.are_root = are_root(&c->plan);
	if (r == 0)
		r = namespaces_open(&c->plan, &c->namespaces, e);
	if (r == 0)
		r = idmap_open(&c->plan, &args->spec->linux_, &c->idmapped, e);
	if (r == 0 && args->overlay && c->plan.other_users)
		r = idmap_open_overlay(args->overlay, &args->spec->linux_, &c->root_tree_fd, e);
	if (r == 0)
		r = connect_callers(c, e);
	if (r == 0)
		r = pid_file_open_dir(args->pid_file, &c->pid_file_dir, e);
	if (r < 0)
		return r;
	if (args->systemd_cgroup || cgroup_needed_controllers(args->spec->linux_.resources))
		return cgroup_host_detect(&c->host, e);
	cgroup_host_find(&c->host);
	return 0;
}

static int reserve(struct creation *c, struct err *e)
{
	const struct runtime_args *args = c->args;
	int r = state_dir_make(args->state_root, args->id, &c->state_dir, e);

	if (r < 0)
		return r;
	c->made_state_dir = true;
	r = state_dir_lock(c->state_dir, &c->lock_fd, e);
	if (r == 0 && args->separate_start)
		r = state_dir_make_fifo(c->state_dir, &c->fifo_fd, e);
	if (r == 0 && args->separate_start)
		r = state_dir_listen(c->state_dir, &c->listen_fd, e);
	if (r == 0)
		r = container_cgroup_make(&c->host, args, &c->cgroup, e);
	return r;
}

static int limit(struct creation *c, struct err *e)
{
	int r = container_cgroup_limit(&c->cgroup, c->args->spec->linux_.resources, e);

	/* A host without cgroup v2 has no filter: then no new device node may come to be. */
	if (!c->cgroup.path)
		privileges_drop_mknod(&c->privileges);
	return r;
}

/* --- the process ---------------------------------------------------------------------------------------- */

static void run_child(const struct creation *c)
{
	struct init_context context = {
		.args = c->args,
		.plan = &c->plan,
		.namespaces = &c->namespaces,
		.privileges = &c->privileges,
		.idmapped = &c->idmapped,
		.root_tree_fd = c->root_tree_fd,
		.host = &c->host,
		.cgroup_path = c->cgroup.path,
		.wait_for_creator = c->plan.user_namespace || c->attach_late,
		.sync_fd = c->init_sync_fd,
		.creator_fd = c->sync_fd,
		.fifo_fd = c->fifo_fd,
		.listen_fd = c->listen_fd,
		.lock_fd = c->lock_fd,
		.null_streams = c->null_streams,
	};

	init_run(&context);
}

/* A user may not clone out of his session's cgroup, but his systemd can have processes moved; and what keeps a new scope alive may
 * be all that a limit of processes allows to come to be in it. */
static pid_t clone_init(struct creation *c)
{
	bool late = c->attach_late || !c->cgroup.path;
	pid_t pid = process_clone(c->plan.clone_flags, late ? -1 : c->cgroup.dir_fd, &c->pidfd);

	if (late || (pid != -EACCES && pid != -EAGAIN) || !c->cgroup.unit)
		return pid;
	c->attach_late = true;
	return process_clone(c->plan.clone_flags, -1, &c->pidfd);
}

static _Noreturn void run_starter(struct creation *c, int sync_fd)
{
	cleanup_fd int old_pid_namespace = -1, old_time_namespace = -1;
	struct err e = { 0 };
	pid_t pid;
	int r = namespaces_join_users(&c->plan, &c->namespaces, &e);

	if (r == 0)
		r = namespaces_join_pid(&c->plan, &c->namespaces, &old_pid_namespace, &e);
	if (r == 0)
		r = namespaces_make_time(&c->plan, &c->args->spec->linux_, &old_time_namespace, &e);
	if (r < 0) {
		sync_send_error(sync_fd, &e);
		_exit(1);
	}
	c->plan.clone_flags |= CLONE_PARENT;
	pid = clone_init(c);
	if (pid == 0)
		run_child(c);
	r = pid < 0 ? err_code(&e, pid, "cannot start the container's init")
		    : sync_send_child(sync_fd, pid, c->pidfd, &e);
	if (r < 0)
		sync_send_error(sync_fd, &e);
	_exit(0);
}

/* Nobody comes back from a user namespace, and who is root of one not from a PID namespace: another process goes, and init becomes our child all
 * the same. */
static int start_apart(struct creation *c, struct err *e)
{
	cleanup_fd int ours = -1, theirs = -1, pidfd = -1;
	int fds[2], status, r = sync_pair(fds);
	pid_t pid;

	if (r < 0)
		return err_code(e, r, "cannot make a socket pair");
	ours = fds[0];
	theirs = fds[1];
	c->attach_late =
		c->cgroup.path != NULL; /* who goes has no right to it there, and could not tell us */
	pid = process_clone(0, -1, &pidfd);
	if (pid == 0)
		run_starter(c, theirs);
	(void)close(fd_take(&theirs));
	if (pid < 0)
		return err_code(e, pid, "cannot start the container's init");
	r = sync_expect_child(ours, &c->pid, &c->pidfd, e);
	IGNORE_RESULT(process_wait(pidfd, &status));
	return r;
}

static bool goes_apart(const struct plan *p)
{
	return plan_joins(p, CLONE_NEWUSER) || (plan_joins(p, CLONE_NEWPID) && process_in_user_namespace());
}

/* A user namespace that is joined may map anybody. */
static int conceal(const struct creation *c, struct err *e)
{
	const struct spec_linux *linux_ = &c->args->spec->linux_;
	size_t len = c->plan.user_namespace ? linux_->uid_mappings_len : 0;

	return conceal_needed(linux_->uid_mappings, len) ? conceal_binary(e) : 0;
}

/* The PID and time namespaces that are joined or made count for children only. */
static int start_init(struct creation *c, struct err *e)
{
	cleanup_fd int own_pid_namespace = -1, own_time_namespace = -1;
	pid_t pid;
	int r = namespaces_join_pid(&c->plan, &c->namespaces, &own_pid_namespace, e);

	if (r == 0)
		r = namespaces_make_time(&c->plan, &c->args->spec->linux_, &own_time_namespace, e);
	if (r < 0)
		return r;
	pid = clone_init(c);
	if (pid == 0)
		run_child(c);
	if (own_pid_namespace >= 0 && setns(own_pid_namespace, 0) < 0 && pid >= 0)
		r = err_errno(e, "cannot return to the own PID namespace");
	if (own_time_namespace >= 0 && setns(own_time_namespace, 0) < 0 && pid >= 0)
		r = err_errno(e, "cannot return to the own time namespace");
	if (pid < 0)
		return err_code(e, pid, "cannot start the container's init");
	c->pid = pid;
	return r;
}

static int spawn(struct creation *c, struct err *e)
{
	int fds[2], r = conceal(c, e);

	if (r == 0)
		r = stdio_names(&c->stdio, &c->null_streams, e);
	if (r < 0)
		return r;
	r = sync_pair(fds);
	if (r < 0)
		return err_code(e, r, "cannot make a socket pair");
	c->sync_fd = fds[0];
	c->init_sync_fd = fds[1];
	r = goes_apart(&c->plan) ? start_apart(c, e) : start_init(c, e);
	if (c->pid <= 0)
		return r;
	close_fd(&c->init_sync_fd);
	close_fd(&c->lock_fd);
	close_fd(&c->fifo_fd);
	close_fd(&c->listen_fd);
	return r;
}

/* --- beside the process --------------------------------------------------------------------------------- */

static int write_state(struct creation *c, struct err *e)
{
	const struct runtime_args *args = c->args;
	char created[TIMESTAMP_MAX];
	/* Borrows everything: it is written, never freed. */
	struct container_state s = {
		.oci_version = args->spec->oci_version,
		.id = (char *)(uintptr_t)args->id,
		.bundle = (char *)(uintptr_t)args->bundle,
		.rootfs = c->plan.rootfs,
		.stdio = c->stdio,
		.created = created,
		.pid = c->pid,
		.cgroup_path = c->cgroup.path,
		.systemd_unit = c->cgroup.unit,
		.untraced = !capability_sets_have(&c->privileges.capabilities, CAP_SYS_PTRACE),
		.annotations = args->spec->annotations,
		.poststart = args->spec->hooks.poststart,
		.poststop = args->spec->hooks.poststop,
	};
	int r = process_start_and_ignored(c->pid, &s.pid_start_ticks, &c->ignored_signals);

	if (r < 0)
		return err_code(e, r, "cannot look at the container's init");
	timestamp_now(created);
	return container_state_write_at(c->state_dir, &s, e);
}

static int run_creator_hooks(const struct creation *c, struct err *e)
{
	const struct spec_hooks *hooks = &c->args->spec->hooks;
	cleanup_free char *state = NULL;
	int r;

	if (!hooks->prestart.len && !hooks->create_runtime.len)
		return 0;
	r = sync_expect(c->sync_fd, SYNC_HOOKS, NULL, e);
	if (r == 0)
		r = hook_state_text(c->args, c->plan.rootfs, c->pid, RUNTIME_CREATING, &state, e);
	if (r == 0)
		r = hooks_run(&hooks->prestart, "prestart", state, e);
	if (r == 0)
		r = hooks_run(&hooks->create_runtime, "createRuntime", state, e);
	return r == 0 ? sync_send(c->sync_fd, SYNC_GO, e) : r;
}

static int take_console(struct creation *c, struct err *e)
{
	int r;

	if (!c->args->spec->process->terminal)
		return 0;
	r = sync_expect(c->sync_fd, SYNC_CONSOLE, &c->console_fd, e);
	if (r == 0 && c->console_socket >= 0) {
		r = console_pass(c->console_socket, c->console_fd, e);
		close_fd(&c->console_fd);
	}
	return r;
}

static int pass_listener(struct creation *c, struct err *e)
{
	const struct runtime_spec *spec = c->args->spec;
	cleanup_free char *state = NULL;
	cleanup_fd int listener = -1;
	int r;

	if (c->listener_socket < 0)
		return 0;
	r = sync_expect(c->sync_fd, SYNC_LISTENER, &listener, e);
	if (r == 0)
		r = hook_state_text(c->args, c->plan.rootfs, c->pid, RUNTIME_CREATING, &state, e);
	return r < 0 ? r
		     : listener_pass(c->listener_socket, listener, spec->linux_.seccomp, spec->oci_version,
				     c->pid, state, e);
}

/* Of the two ways to be started, one; and that init is ready for it. */
static int mark_created(const struct creation *c, struct err *e)
{
	const char *other = c->may_be_left ? STATE_SOCKET_FILE : STATE_FIFO_FILE;

	if (unlinkat(c->state_dir, other, 0) < 0 ||
	    mknodat(c->state_dir, STATE_CREATED_FILE, S_IFREG | 0600, 0) < 0)
		return err_errno(e, "cannot note that the container is created");
	return 0;
}

/* Tells the world of a container that is created, as far as it asked to be told. Whoever starts it in the same breath never has it created
 * for anybody to see. */
static int announce(const struct creation *c, struct err *e)
{
	int r = c->args->separate_start ? mark_created(c, e) : 0;

	if (r == 0 && c->pidfd_socket >= 0)
		r = pidfd_pass(c->pidfd_socket, c->pidfd, e);
	return r == 0 ? pid_file_write(c->args->pid_file, c->pid_file_dir, c->pid, e) : r;
}

/* Then init need not wait for us once it is ready. */
static bool has_nothing_to_say(const struct creation *c)
{
	return c->args->start_at_once && !c->args->pid_file && c->pidfd_socket < 0 &&
	       !c->args->spec->process->terminal;
}

/* Hooks run in the runtime's namespaces, after the container's end, too; and who knows where systemd listens. */
static bool may_leave_network(const struct creation *c)
{
	const struct spec_hooks *hooks = &c->args->spec->hooks;

	return c->args->may_leave_network && !c->args->systemd_cgroup && !hooks->prestart.len &&
	       !hooks->create_runtime.len && !hooks->poststart.len && !hooks->poststop.len;
}

/* What init does not do for itself, while it mounts. */
static int furnish(struct creation *c, struct err *e)
{
	int r = 0;

	if (c->attach_late)
		r = cgroup_attach(&c->cgroup, c->pid, e);
	if (r == 0 && c->plan.user_namespace)
		r = namespaces_write_maps(c->pid, &c->args->spec->linux_, e);
	if (r == 0 && (c->plan.user_namespace || c->attach_late))
		r = sync_send(c->sync_fd, SYNC_MAPPED, e);
	if (r == 0 && c->plan.network_beside)
		r = new_network_make(c->sync_fd, may_leave_network(c), e);
	/* Nothing but ours runs in the cgroup before it hears from us again. */
	if (r == 0)
		r = container_cgroup_filter(&c->cgroup, &c->plan, c->args->spec->linux_.resources, e);
	cgroup_settle(&c->cgroup);
	return r;
}

/* Accompanies init until it is ready. */
static int accompany(struct creation *c, struct err *e)
{
	int r = furnish(c, e);

	if (r == 0)
		r = write_state(c, e);
	if (r == 0)
		r = take_console(c, e);
	if (r == 0)
		r = run_creator_hooks(c, e);
	if (r == 0)
		r = pass_listener(c, e);
	c->told_to_start = r == 0 && has_nothing_to_say(c);
	if (c->told_to_start)
		r = sync_send_start(c->sync_fd, c->ignored_signals, e);
	if (r == 0)
		r = sync_expect_ready(c->sync_fd, &c->may_be_left, e);
	if (r == 0)
		r = announce(c, e);
	if (r == 0 && c->args->separate_start)
		r = sync_send_start(c->sync_fd, c->ignored_signals, e);
	return r;
}

/* Why init has ended without a word, where that can be told. The kernel counts in batches for each processor, so that a limit of a few
 * hundred KiB may be too low at one time and not at another. runc's words. */
static int explain_end(struct creation *c, struct err *e)
{
	struct cgroup_stats stats;
	struct err ignored;
	int status;

	if (e->code != -ECONNRESET || process_wait(c->pidfd, &status) < 0)
		return e->code;
	c->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	    cgroup_read_stats(&c->cgroup, &stats, &ignored) == 0 && stats.oom_kill_events > 0 &&
	    stats.oom_kill_events != UINT64_MAX)
		return err_set(e, -ENOMEM, "container init was OOM-killed (memory limit too low?)");
	return e->code;
}

static void hand_over(struct creation *c, struct runtime_container *ret)
{
	*ret = (struct runtime_container){
		.pid = c->pid,
		.pidfd = fd_take(&c->pidfd),
		.console_fd = fd_take(&c->console_fd),
		.start_fd = c->args->separate_start ? -1 : fd_take(&c->sync_fd),
		.told_to_start = c->told_to_start,
		.ignored_signals = c->ignored_signals,
		.cgroup = c->cgroup,
	};
	c->cgroup = (struct cgroup){ .dir_fd = -1 };
}

int runtime_create(const struct runtime_args *args, struct runtime_container *ret, struct err *e)
{
	struct creation c;
	int r;

	creation_init(&c, args);
	r = prepare(&c, e);
	if (r == 0)
		r = reserve(&c, e);
	if (r == 0)
		r = limit(&c, e);
	if (r == 0)
		r = spawn(&c, e);
	if (r == 0) {
		r = accompany(&c, e);
		if (r < 0)
			r = explain_end(&c, e);
	}
	if (r == 0)
		hand_over(&c, ret);
	else
		creation_undo(&c);
	creation_done(&c);
	return r;
}

void runtime_container_done(struct runtime_container *c)
{
	close_fd(&c->pidfd);
	close_fd(&c->console_fd);
	close_fd(&c->start_fd);
	cgroup_done(&c->cgroup);
	c->pid = 0;
}
