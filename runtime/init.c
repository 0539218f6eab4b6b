/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/init.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/rootfd.h"
#include "runtime/console.h"
#include "runtime/devices.h"
#include "runtime/init_hooks.h"
#include "runtime/mounts.h"
#include "runtime/new_network.h"
#include "runtime/program.h"
#include "runtime/rootfs.h"
#include "runtime/stdio.h"
#include "runtime/sync.h"
#include "runtime/sys_mount.h"
#include "runtime/sysctl.h"

#define EXIT_UNHEARD 255 /* what it was is on standard error; runc's */

/* --- namespaces ---------------------------------------------------------------------------------------- */

static int hide(const struct init_context *c, struct err *e)
{
	int r = privileges_set_oom_score(c->privileges, e);

	return r < 0 ? r : program_hide(e);
}

static int become_root(struct err *e)
{
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_errno(e, "cannot become root of the user namespace");
	return 0;
}

/* In a new user namespace nobody is mapped until the creator has written the maps; then we become its root. */
static int enter_user_namespace(const struct init_context *c, struct err *e)
{
	int r = c->wait_for_creator ? sync_expect(c->sync_fd, SYNC_MAPPED, NULL, e) : 0;

	if (r < 0 || !c->plan->user_namespace)
		return r;
	r = hide(c, e);
	return r < 0 ? r : become_root(e);
}

static int set_names(const struct runtime_spec *spec, struct err *e)
{
	if (spec->hostname && *spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return err_errno(e, "cannot set the host name '%s'", spec->hostname);
	if (spec->domainname && *spec->domainname &&
	    setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
		return err_errno(e, "cannot set the domain name '%s'", spec->domainname);
	return 0;
}

static int enter_namespaces(const struct init_context *c, struct err *e)
{
	int r = enter_user_namespace(c, e);

	if (r == 0 && (c->plan->clone_flags & CLONE_NEWNET))
		r = new_network_loopback_up(e);
	if (r == 0)
		r = namespaces_join(c->plan, c->namespaces, e);
	if (r == 0 && c->plan->other_users && !c->plan->user_namespace)
		r = become_root(e); /* nobody of ours is mapped there, perhaps */
	if (r < 0)
		return r;
	if (setsid() < 0)
		return err_errno(e, "cannot start a session");
	/* Only now, inside the cgroup that clone3 put us into, does a new namespace have it as its root. */
	if (c->plan->unshare_cgroup && unshare(CLONE_NEWCGROUP) < 0)
		return err_errno(e, "cannot make a cgroup namespace");
	r = c->args->no_new_keyring ? 0 : program_join_keyring(c->args->id, e);
	return r < 0 ? r : set_names(c->args->spec, e);
}

/* --- file system --------------------------------------------------------------------------------------- */

/* sysfs shows the devices of the network namespace it was mounted in, and others connect there. */
static bool wants_network(const struct plan_mount *m)
{
	static const char *const LOCAL[] = { "proc", "tmpfs", "devpts", "mqueue" };

	for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++)
		if (strcmp(m->fs_type, LOCAL[i]) == 0)
			return false;
	return m->kind == PLAN_MOUNT_FS;
}

static int enter_network(const struct init_context *c, bool *has_network, struct err *e)
{
	int r = *has_network ? 0 : new_network_enter(c->sync_fd, e);

	*has_network = true;
	return r;
}

static int do_mounts(const struct init_context *c, int root_fd, struct err *e)
{
	struct mount_context context = {
		.root_fd = root_fd,
		.host = c->host,
		.cgroup_path = c->cgroup_path,
		.own_cgroup_namespace = c->plan->unshare_cgroup || plan_joins(c->plan, CLONE_NEWCGROUP),
		.fresh_fd = -1,
	};
	bool has_network = !c->plan->network_beside;
	int r = 0;

	for (size_t i = 0; i < c->plan->mounts_len && r == 0; i++) {
		if (wants_network(&c->plan->mounts[i]))
			r = enter_network(c, &has_network, e);
		context.idmapped =
			c->idmapped->len > 0 && c->idmapped->fds[i] >= 0 ? &c->idmapped->fds[i] : NULL;
		if (r == 0)
			r = mounts_apply(&c->plan->mounts[i], &context, e);
	}
	fd_leave(&context.fresh_fd);
	if (r == 0)
		r = enter_network(c, &has_network, e);
	if (r == 0 && c->plan->setup_dev)
		r = devices_create(root_fd, &c->args->spec->linux_, c->plan->other_users, e);
	return r;
}

static int setup_console(const struct init_context *c, int root_fd, struct err *e)
{
	const struct spec_process *process = c->args->spec->process;
	cleanup_console struct console console = { -1, -1 };
	int r;

	if (!process->terminal)
		return 0;
	r = console_open(root_fd, process->console_width.value, process->console_height.value, &console, e);
	if (r == 0 && c->plan->setup_dev)
		r = console_bind(&console, root_fd, e);
	if (r == 0)
		r = console_make_stdio(&console, e);
	return r == 0 ? sync_send_fd(c->sync_fd, SYNC_CONSOLE, console.master, e) : r;
}

static int make_cwd(int root_fd, const char *cwd, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = strcmp(cwd, "/") == 0 ? 0 : rootfd_mkdir_p(root_fd, cwd, 0755, &fd, e);

	/* A read-only rootfs, or a cwd that only its user can reach: chdir will say what it thinks of it. */
	return r == -EROFS || r == -EACCES ? 0 : r;
}

static int protect(const struct init_context *c, int root_fd, int null_fd, struct err *e)
{
	const struct spec_linux *linux_ = &c->args->spec->linux_;
	int r = rootfs_protect(root_fd, c->plan, &linux_->readonly_paths, &linux_->masked_paths, null_fd, e);

	if (r == 0 && c->args->spec->root_readonly) {
		r = mount_make_readonly(root_fd);
		if (r < 0)
			return err_code(e, r, "cannot make the rootfs read-only");
	}
	return r;
}

static int setup_rootfs(const struct init_context *c, int *ret_null_fd, struct err *e)
{
	leave_fd int root_fd = c->root_tree_fd;
	int r = root_fd >= 0 ? rootfs_attach(c->plan, root_fd, e)
			     : rootfs_mount(c->plan, c->args->overlay, &root_fd, e);

	if (r == 0)
		r = do_mounts(c, root_fd, e);
	if (r == 0)
		r = setup_console(c, root_fd, e);
	if (r == 0)
		r = sysctl_apply(&c->args->spec->linux_.sysctl, e);
	if (r == 0)
		r = init_hooks_before_pivot(c, e);
	if (r == 0)
		r = make_cwd(root_fd, c->args->spec->process->cwd, e);
	if (r == 0 && c->null_streams && !c->args->spec->process->terminal)
		*ret_null_fd = stdio_open_null(root_fd);
	if (r == 0)
		r = protect(c, root_fd, *ret_null_fd, e);
	return r == 0 ? rootfs_enter(root_fd, c->plan, c->args->no_pivot, e) : r;
}

/* --- the process --------------------------------------------------------------------------------------- */

/* Whether a `start` may go before execve has come about. Hooks run after it, or have something to say. */
static bool may_be_left(const struct init_context *c, const struct program *program)
{
	const struct spec_hooks *hooks = &c->args->spec->hooks;

	return program->is_expected && hooks->start_container.len == 0 && hooks->poststart.len == 0;
}

/* As long as nobody starts us, who may trace us in the container could take the descriptors that we have from our creator: directories of
 * the host's. */
static int forget_host(const struct init_context *c, const struct program *program, struct err *e)
{
	int start_fd = may_be_left(c, program) ? c->fifo_fd : c->listen_fd;
	int keep[] = { c->sync_fd, start_fd, c->lock_fd, program->label_fd };
	int r = c->listen_fd < 0 ? 0 : process_close_others(3 + program->preserve_fds, keep, ARRAY_LEN(keep));

	return r < 0 ? err_code(e, r, "cannot close the creator's descriptors") : 0;
}

static int prepare(const struct init_context *c, struct program *program, struct err *e)
{
	int r = privileges_open_label(c->privileges, &program->label_fd, e);

	/* Of who is hidden, /proc/PID is root's: a user who creates a user namespace could not write the ID maps. */
	if (r == 0 && !c->plan->user_namespace)
		r = hide(c, e);
	if (r < 0)
		return r;
	(void)umask(0); /* nodes and directories get the modes that are asked for */
	r = enter_namespaces(c, e);
	if (r == 0)
		r = setup_rootfs(c, &program->null_fd, e);
	if (r == 0)
		r = privileges_apply_early(c->privileges, e);
	if (r == 0)
		r = program_prepare(program, c->sync_fd, e);
	if (r == 0)
		r = forget_host(c, program, e);
	return r == 0 ? sync_send_ready(c->sync_fd, may_be_left(c, program), e) : r;
}

/* Of one that waits for execve: *ret_fd is where it hears of errors. */
static int accept_start(int listen_fd, int *ret_fd, struct err *e)
{
	struct err unheard;
	int fd;

	do
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return err_errno(e, "cannot wait for the start");
	*ret_fd = fd;
	/* Else our end would look like the program's beginning. A `start` that has been killed meanwhile has still been heard. */
	IGNORE_RESULT(sync_send(fd, SYNC_READY, &unheard));
	return 0;
}

static int await_fifo(int fifo_fd, struct err *e)
{
	struct pollfd p = { .fd = fifo_fd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, -1);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_errno(e, "cannot wait for the start") : 0;
}

/* Waits for the creator, or for `start`; *sync_fd is where errors go after it, -1: nobody waits for them. */
static int wait_for_start(const struct init_context *c, struct program *program, int *sync_fd, struct err *e)
{
	int r = sync_expect_start(*sync_fd, &program->ignored_signals, e);

	if (r < 0 || c->listen_fd < 0)
		return r;
	(void)close(fd_take(sync_fd)); /* the creator takes that for the end of its part */
	return may_be_left(c, program) ? await_fifo(c->fifo_fd, e) : accept_start(c->listen_fd, sync_fd, e);
}

_Noreturn void init_run(const struct init_context *c)
{
	struct program program = {
		.process = c->args->spec->process,
		.privileges = c->privileges,
		.preserve_fds = (unsigned int)c->args->preserve_fds,
		.init_process = c->args->init_process,
		.at_root = true,
		.starts_at_once = c->listen_fd < 0,
		.label_fd = -1,
		.null_streams = c->null_streams,
		.null_fd = -1,
	};
	struct err e = { 0 };
	int r, sync_fd = c->sync_fd;

	(void)close(c->creator_fd);
	r = prepare(c, &program, &e);
	if (r == 0)
		r = wait_for_start(c, &program, &sync_fd, &e);
	if (r == 0)
		r = init_hooks_before_exec(c, &e);
	if (r == 0)
		(void)program_exec(&program, &e); /* returns only to say why not */
	if (sync_fd >= 0)
		sync_send_error(sync_fd, &e);
	else
		(void)dprintf(STDERR_FILENO, "sampan-oci: %s\n", e.text); /* as runc: nobody else listens */
	_exit(sync_fd >= 0 ? 1 : EXIT_UNHEARD);
}
