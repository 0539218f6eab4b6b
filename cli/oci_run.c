/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/prctl.h>

#include "cli/oci_bundle.h"
#include "cli/run_foreground.h"
#include "common/process.h"

static const struct option_def OPTIONS[] = {
	OCI_BUNDLE_OPTIONS,
	{ "detach", 'd', OPTION_BOOL, OCI_BUNDLE_OPTION(detach), NULL, "Return once the container runs" },
	{ "keep", 0, OPTION_BOOL, OCI_BUNDLE_OPTION(keep), NULL, "Do not delete the container when it ends" },
	{ "no-subreaper", 0, OPTION_BOOL, OCI_BUNDLE_OPTION(no_subreaper), NULL,
	  "Do not adopt the container's orphans" },
	{ 0 },
};

static const struct command_def RUN = {
	.name = "sampan-oci run",
	.usage = "[OPTIONS] CONTAINER-ID",
	.summary = "Create a container from a bundle and start it",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

/* The container's end, as seen from here: its exit code in *ret_exit. */
static int serve(const struct runtime_args *args, struct run_foreground *f, struct runtime_container *c,
		 int *ret_exit, struct err *e)
{
	int status, r = 0;

	if (c->console_fd >= 0)
		r = run_foreground_attach(f, c->console_fd, e);
	if (r == 0)
		r = runtime_start(args, c, e);
	if (r == 0)
		r = run_foreground_wait(f, c->pidfd, c->console_fd, &status, e);
	if (r == 0)
		*ret_exit = process_exit_code(status);
	return r;
}

/* 1: as runtime_delete. */
static int run_attached(const struct runtime_args *args, bool keep, int *ret_exit, struct err *e)
{
	cleanup_runtime_container struct runtime_container c = RUNTIME_CONTAINER_EMPTY;
	cleanup_run_foreground struct run_foreground f = { .signal_fd = -1 };
	struct err ignored;
	int r;

	r = run_foreground_begin(args->spec->process && args->spec->process->terminal, true, &f, e);
	if (r == 0)
		r = runtime_create(args, &c, e);
	if (r < 0)
		return r;
	r = serve(args, &f, &c, ret_exit, e);
	if (r < 0)
		IGNORE_RESULT(runtime_delete(args->state_root, args->id, true, &ignored));
	else if (!keep)
		r = runtime_delete_ended(args, &c, e);
	/* We end as well: the kernel closes them all at once. */
	f.signal_fd = c.pidfd = c.cgroup.dir_fd = -1;
	return r;
}

static int run_detached(const struct runtime_args *args, struct err *e)
{
	cleanup_runtime_container struct runtime_container c = RUNTIME_CONTAINER_EMPTY;
	struct err ignored;
	int r;

	/* Its master would be closed with us. */
	if (args->spec->process && args->spec->process->terminal && !args->console_socket)
		return err_set(e, -EINVAL,
			       "process.terminal is set: with --detach a console socket is needed to pass "
			       "the terminal on");
	r = runtime_create(args, &c, e);
	if (r < 0)
		return r;
	r = runtime_start(args, &c, e);
	if (r < 0)
		IGNORE_RESULT(runtime_delete(args->state_root, args->id, true, &ignored));
	return r;
}

int oci_run(int argc, char **argv, const struct oci_globals *g)
{
	cleanup_oci_bundle struct oci_bundle bundle = { 0 };
	struct oci_bundle_options o = { 0 };
	struct runtime_args args;
	int exit_code, count, r;
	struct err e;

	if (!oci_options(g, &RUN, argc, argv, &o, &count, &exit_code))
		return exit_code;
	if (oci_bundle_load(g, &o, &bundle, &e) < 0)
		return oci_fail(g, &e);
	args = oci_bundle_args(g, &o, &bundle, argv[1]);
	args.foreground = !o.detach;
	args.start_at_once = true;
	exit_code = 0;
	oci_warn_capabilities(g, bundle.config.spec.process);
	if (!o.detach && !o.no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		r = err_errno(&e, "cannot become the container's reaper");
	else
		r = o.detach ? run_detached(&args, &e) : run_attached(&args, o.keep, &exit_code, &e);
	if (r > 0)
		oci_warn(g, &e);
	return r < 0 ? oci_fail(g, &e) : exit_code;
}
