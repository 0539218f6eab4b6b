/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/oci_bundle.h"
#include "cli/run_foreground.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/process.h"
#include "runtime/exec.h"
#include "runtime/state.h"

#define PROCESS_MAX_BYTES (1u << 20)
#define EXEC_FAILED       255 /* runc's: 1 could be the program's own */

struct exec_options {
	const char *console_socket, *cwd, *user, *process, *pidfd_socket, *pid_file, *process_label,
		*apparmor, *cgroup;
	struct strvec env, caps, groups;
	bool tty, detach, no_new_privs, ignore_paused, no_subreaper;
	struct opt_u64 preserve_fds;
};

#define AT(member) offsetof(struct exec_options, member)
static const struct option_def OPTIONS[] = {
	{ "console-socket", 0, OPTION_STRING, AT(console_socket), "path",
	  "AF_UNIX socket that gets the terminal's master" },
	{ "cwd", 0, OPTION_STRING, AT(cwd), "dir", "Working directory" },
	{ "env", 'e', OPTION_LIST, AT(env), "NAME=VALUE", "Set environment variables" },
	{ "tty", 't', OPTION_BOOL, AT(tty), NULL, "Allocate a terminal" },
	{ "user", 'u', OPTION_STRING, AT(user), "uid[:gid]", "User and group" },
	{ "additional-gids", 'g', OPTION_LIST, AT(groups), "gid", "Additional groups" },
	{ "process", 'p', OPTION_STRING, AT(process), "file", "Take all of this from a process.json" },
	{ "detach", 'd', OPTION_BOOL, AT(detach), NULL, "Return once the process runs" },
	{ "pidfd-socket", 0, OPTION_STRING, AT(pidfd_socket), "path",
	  "AF_UNIX socket that gets the process's pidfd" },
	{ "pid-file", 0, OPTION_STRING, AT(pid_file), "file", "Write the process ID to this file" },
	{ "process-label", 0, OPTION_STRING, AT(process_label), "label", "SELinux label" },
	{ "apparmor", 0, OPTION_STRING, AT(apparmor), "profile", "AppArmor profile" },
	{ "no-new-privs", 0, OPTION_BOOL, AT(no_new_privs), NULL, "Set no_new_privs" },
	{ "cap", 'c', OPTION_LIST, AT(caps), "name", "Add capabilities" },
	{ "preserve-fds", 0, OPTION_U64, AT(preserve_fds), "n",
	  "Pass on that many descriptors after stderr" },
	{ "cgroup", 0, OPTION_STRING, AT(cgroup), "path", "Start in a cgroup below the container's" },
	{ "ignore-paused", 0, OPTION_BOOL, AT(ignore_paused), NULL, "Do it in a paused container, too" },
	{ "no-subreaper", 0, OPTION_BOOL, AT(no_subreaper), NULL, "Do not adopt the process's orphans" },
	{ 0 },
};

static const struct command_def EXEC = {
	.name = "sampan-oci exec",
	.usage = "[OPTIONS] CONTAINER-ID COMMAND [ARG...]",
	.summary = "Run a further process in a container",
	.options = OPTIONS,
	.options_first = true,
	.min_args = 1,
	.max_args = -1,
};

/* --- the process ------------------------------------------------------------------------------------------ */

static int replace(char **member, const char *text, struct err *e)
{
	char *copy = strdup(text);

	if (!copy)
		return err_code(e, -ENOMEM, "cannot prepare the process");
	free(*member);
	*member = copy;
	return 0;
}

static int set_user(const char *text, struct spec_user *user, struct err *e)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *uid_text = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
	uint64_t uid, gid = user->gid;

	if (!uid_text)
		return err_code(e, -ENOMEM, "cannot prepare the process");
	if (parse_u64(uid_text, 0, UINT32_MAX - 1, &uid) < 0 ||
	    (colon && parse_u64(colon + 1, 0, UINT32_MAX - 1, &gid) < 0))
		return err_set(e, -EINVAL, "bad user '%s': expected uid[:gid]", text);
	user->uid = (uint32_t)uid;
	user->gid = (uint32_t)gid;
	return 0;
}

static int add_groups(const struct strvec *groups, struct spec_user *user, struct err *e)
{
	uint32_t *gids;

	if (groups->len == 0)
		return 0;
	gids = realloc(user->additional_gids, (user->additional_gids_len + groups->len) * sizeof(*gids));
	if (!gids)
		return err_code(e, -ENOMEM, "cannot prepare the process");
	user->additional_gids = gids;
	for (size_t i = 0; i < groups->len; i++) {
		uint64_t gid;

		if (parse_u64(groups->items[i], 0, UINT32_MAX - 1, &gid) < 0)
			return err_set(e, -EINVAL, "bad group '%s'", groups->items[i]);
		gids[user->additional_gids_len++] = (uint32_t)gid;
	}
	return 0;
}

/* As runc has it: into all sets but the inheritable one; ambient only where there is one to inherit from. */
static int add_capabilities(const struct strvec *names, struct spec_process *process, struct err *e)
{
	struct spec_capabilities *c = process->capabilities;
	int r = 0;

	if (names->len == 0)
		return 0;
	if (!c)
		c = process->capabilities = calloc(1, sizeof(*c));
	if (!c)
		return err_code(e, -ENOMEM, "cannot prepare the process");
	for (size_t i = 0; i < names->len && r == 0; i++) {
		r = strvec_add(&c->bounding, names->items[i]);
		if (r == 0)
			r = strvec_add(&c->effective, names->items[i]);
		if (r == 0)
			r = strvec_add(&c->permitted, names->items[i]);
	}
	return r < 0 ? err_code(e, r, "cannot prepare the process") : 0;
}

static int set_command(const struct exec_options *o, char **command, struct spec_process *process,
		       struct err *e)
{
	int r = 0;

	strvec_done(&process->args);
	for (; *command && r == 0; command++)
		r = strvec_add(&process->args, *command);
	for (size_t i = 0; i < o->env.len && r == 0; i++)
		r = strvec_set_env(&process->env, o->env.items[i]);
	return r < 0 ? err_code(e, r, "cannot prepare the process") : 0;
}

/* The container's own process, changed by the options. */
static int adapt(const struct exec_options *o, char **command, struct spec_process *process, struct err *e)
{
	int r = set_command(o, command, process, e);

	process->terminal = o->tty;
	if (o->no_new_privs)
		process->no_new_privileges = true;
	if (r == 0 && o->cwd)
		r = replace(&process->cwd, o->cwd, e);
	if (r == 0 && o->apparmor)
		r = replace(&process->apparmor_profile, o->apparmor, e);
	if (r == 0 && o->process_label)
		r = replace(&process->selinux_label, o->process_label, e);
	if (r == 0 && o->user)
		r = set_user(o->user, &process->user, e);
	if (r == 0)
		r = add_groups(&o->groups, &process->user, e);
	return r == 0 ? add_capabilities(&o->caps, process, e) : r;
}

static int load_process(const char *path, struct spec_process *process, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PROCESS_MAX_BYTES);
	int r = file_read(AT_FDCWD, path, &text, e);

	if (r < 0)
		return r;
	spec_process_done(process);
	*process = (struct spec_process){ 0 };
	r = spec_process_decode(text.data ? text.data : "", text.len, process, e);
	return r < 0 ? err_wrap(e, "'%s'", path) : 0;
}

/* --- running it ------------------------------------------------------------------------------------------- */

static int attach(const struct runtime_exec_args *args, int *ret_exit, struct err *e)
{
	cleanup_runtime_container struct runtime_container c = RUNTIME_CONTAINER_EMPTY;
	cleanup_run_foreground struct run_foreground f = { .signal_fd = -1 };
	int status, r = run_foreground_begin(args->process->terminal && !args->console_socket, true, &f, e);

	if (r == 0)
		r = runtime_exec(args, &c, e);
	if (r == 0 && c.console_fd >= 0)
		r = run_foreground_attach(&f, c.console_fd, e);
	if (r == 0)
		r = run_foreground_wait(&f, c.pidfd, c.console_fd, &status, e);
	if (r == 0)
		*ret_exit = process_exit_code(status);
	return r;
}

static int execute(const struct oci_globals *g, const struct exec_options *o, const struct oci_bundle *bundle,
		   const char *id, int *ret_exit, struct err *e)
{
	struct runtime_exec_args args = {
		.state_root = g->root,
		.id = id,
		.process = bundle->config.spec.process,
		.linux_ = &bundle->config.spec.linux_,
		.filter = bundle->config.filter.insns ? &bundle->config.filter : NULL,
		.console_socket = o->console_socket,
		.pidfd_socket = o->pidfd_socket,
		.pid_file = o->pid_file,
		.cgroup = o->cgroup,
		.preserve_fds = (int)o->preserve_fds.value,
		.ignore_paused = o->ignore_paused,
	};
	cleanup_runtime_container struct runtime_container c = RUNTIME_CONTAINER_EMPTY;

	if (o->detach && args.process->terminal && !args.console_socket)
		return err_set(e, -EINVAL, "a terminal and --detach need a --console-socket");
	if (!o->no_subreaper && !o->detach && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_errno(e, "cannot become the process's reaper");
	return o->detach ? runtime_exec(&args, &c, e) : attach(&args, ret_exit, e);
}

/* The bundle says what the container's own process is like, and its filter. */
static int load_bundle(const struct oci_globals *g, const char *id, struct oci_bundle *ret, struct err *e)
{
	cleanup_container_state struct container_state state = { 0 };
	struct oci_bundle_options options = { 0 };
	int r = container_state_read(g->root, id, &state, e);

	if (r < 0)
		return r;
	options.bundle = state.bundle;
	r = oci_bundle_load(g, &options, ret, e);
	if (r == 0 && !ret->config.spec.process)
		r = err_set(e, -EINVAL, "config.json: process: missing");
	return r;
}

static int run(const struct oci_globals *g, const struct exec_options *o, int count, char **argv,
	       int *ret_exit, struct err *e)
{
	cleanup_oci_bundle struct oci_bundle bundle = { 0 };
	int r = load_bundle(g, argv[1], &bundle, e);

	if (r < 0)
		return r;
	if (!o->process && count < 2)
		return err_set(e, -EINVAL, "'sampan-oci exec' takes a command, or --process");
	if (o->process)
		oci_settle_program(g, argv[1]);
	r = o->process ? load_process(o->process, bundle.config.spec.process, e)
		       : adapt(o, argv + 2, bundle.config.spec.process, e);
	return r == 0 ? execute(g, o, &bundle, argv[1], ret_exit, e) : r;
}

int oci_exec(int argc, char **argv, const struct oci_globals *g)
{
	struct exec_options o = { 0 };
	int count = 0, exit_code = 0, r = 0;
	struct err e;

	if (oci_options(g, &EXEC, argc, argv, &o, &count, &exit_code)) {
		r = run(g, &o, count, argv, &exit_code, &e);
		if (r < 0) {
			(void)oci_fail(g, &e);
			exit_code = EXEC_FAILED;
		}
	}
	strvec_done(&o.env);
	strvec_done(&o.caps);
	strvec_done(&o.groups);
	return exit_code;
}
