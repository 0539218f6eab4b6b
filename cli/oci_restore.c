/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/prctl.h>

#include "cli/oci_bundle.h"
#include "cli/oci_criu.h"
#include "cli/run_foreground.h"
#include "common/process.h"
#include "runtime/restore.h"

struct restore_options {
	struct oci_criu_options criu;
	struct oci_bundle_options bundle;
	const char *lsm_profile, *lsm_mount_context;
};

#define AT(member) offsetof(struct restore_options, member)
static const struct option_def OPTIONS[] = {
	OCI_CRIU_OPTIONS(AT(criu)),
	{ "bundle", 'b', OPTION_STRING, AT(bundle.bundle), "dir",
	  "The bundle (default: the working directory)" },
	{ "console-socket", 0, OPTION_STRING, AT(bundle.console_socket), "path",
	  "AF_UNIX socket that gets the terminal's master" },
	{ "pid-file", 0, OPTION_STRING, AT(bundle.pid_file), "file", "Write the process ID to this file" },
	{ "detach", 'd', OPTION_BOOL, AT(bundle.detach), NULL, "Return once the container runs" },
	{ "no-subreaper", 0, OPTION_BOOL, AT(bundle.no_subreaper), NULL,
	  "Do not adopt the container's orphans" },
	{ "no-pivot", 0, OPTION_BOOL, AT(bundle.no_pivot), NULL, "Refused: CRIU always uses pivot_root" },
	{ "lsm-profile", 0, OPTION_STRING, AT(lsm_profile), "TYPE:NAME",
	  "AppArmor profile or SELinux label instead of the dumped one" },
	{ "lsm-mount-context", 0, OPTION_STRING, AT(lsm_mount_context), "label",
	  "SELinux label of mounts instead of the dumped one" },
	{ 0 },
};

static const struct command_def RESTORE = {
	.name = "sampan-oci restore",
	.usage = "[OPTIONS] CONTAINER-ID",
	.summary = "Let a container go on that `checkpoint` wrote to disk",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

static int attached(const struct runtime_restore_args *args, int *ret_exit, struct err *e)
{
	cleanup_runtime_container struct runtime_container c = RUNTIME_CONTAINER_EMPTY;
	cleanup_run_foreground struct run_foreground f = { .signal_fd = -1 };
	const struct runtime_args *container = args->container;
	const struct spec_process *process = container->spec->process;
	struct err ignored;
	int status, r;

	r = run_foreground_begin(process && process->terminal && !container->console_socket, true, &f, e);
	if (r == 0)
		r = runtime_restore(args, &c, e);
	if (r < 0)
		return r;
	if (c.console_fd >= 0)
		r = run_foreground_attach(&f, c.console_fd, e);
	if (r == 0)
		r = run_foreground_wait(&f, c.pidfd, c.console_fd, &status, e);
	if (r == 0)
		*ret_exit = process_exit_code(status);
	else
		IGNORE_RESULT(runtime_delete(container->state_root, container->id, true, &ignored));
	return r == 0 ? runtime_delete(container->state_root, container->id, true, e) : r;
}

static int check(const struct restore_options *o, const struct oci_bundle *bundle, struct err *e)
{
	const struct spec_process *process = bundle->config.spec.process;

	if (o->bundle.no_pivot)
		return err_set(e, -EOPNOTSUPP, "--no-pivot is not supported: CRIU always uses pivot_root");
	if (o->bundle.detach && process && process->terminal && !o->bundle.console_socket)
		return err_set(e, -EINVAL, "a terminal and --detach need a --console-socket");
	return 0;
}

static int restore(const struct oci_globals *g, const struct restore_options *o, const char *id,
		   int *ret_exit, struct err *e)
{
	cleanup_runtime_container struct runtime_container c = RUNTIME_CONTAINER_EMPTY;
	struct runtime_restore_args args = { .lsm_profile = o->lsm_profile,
					     .lsm_mount_context = o->lsm_mount_context };
	cleanup_oci_bundle struct oci_bundle bundle = { 0 };
	struct runtime_args container;
	int r = oci_criu_read(g, &o->criu, &args.criu, e);

	if (r == 0)
		r = oci_bundle_load(g, &o->bundle, &bundle, e);
	if (r == 0)
		r = check(o, &bundle, e);
	if (r < 0)
		return r;
	container = oci_bundle_args(g, &o->bundle, &bundle, id);
	args.container = &container;
	if (o->bundle.detach)
		return runtime_restore(&args, &c, e);
	if (!o->bundle.no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_errno(e, "cannot become the container's reaper");
	return attached(&args, ret_exit, e);
}

int oci_restore(int argc, char **argv, const struct oci_globals *g)
{
	struct restore_options o = { 0 };
	int exit_code = 0, count;
	struct err e;

	if (oci_options(g, &RESTORE, argc, argv, &o, &count, &exit_code) &&
	    restore(g, &o, argv[1], &exit_code, &e) < 0)
		exit_code = oci_fail(g, &e);
	strvec_done(&o.criu.empty_ns);
	return exit_code;
}
