/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci_bundle.h"

#define AT(member) offsetof(struct oci_bundle_options, member)
static const struct option_def OPTIONS[] = {
	{ "bundle", 'b', OPTION_STRING, AT(bundle), "dir", "The bundle (default: the working directory)" },
	{ "console-socket", 0, OPTION_STRING, AT(console_socket), "path",
	  "AF_UNIX socket that gets the terminal's master" },
	{ "pid-file", 0, OPTION_STRING, AT(pid_file), "file", "Write the process ID to this file" },
	{ "no-pivot", 0, OPTION_BOOL, AT(no_pivot), NULL,
	  "Do without pivot_root (root file system in a ramdisk)" },
	{ "no-new-keyring", 0, OPTION_BOOL, AT(no_new_keyring), NULL, "Keep the caller's session keyring" },
	{ "preserve-fds", 0, OPTION_U64, AT(preserve_fds), "n",
	  "Pass on that many descriptors after stderr" },
	{ 0 },
};

static const struct command_def CREATE = {
	.name = "sampan-oci create",
	.usage = "[OPTIONS] CONTAINER-ID",
	.summary = "Create a container from a bundle; `start` starts it",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

int oci_create(int argc, char **argv, const struct oci_globals *g)
{
	cleanup_runtime_container struct runtime_container container = {
		.pidfd = -1, .console_fd = -1, .start_fd = -1, .cgroup = { .dir_fd = -1 }
	};
	cleanup_oci_bundle struct oci_bundle bundle = { 0 };
	struct oci_bundle_options o = { 0 };
	struct runtime_args args;
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &CREATE, argc, argv, &o, &count, &exit_code))
		return exit_code;
	if (oci_bundle_load(&o, &bundle, &e) < 0)
		return oci_fail(g, &e);
	args = oci_bundle_args(g, &o, &bundle, argv[1]);
	args.separate_start = true;
	return runtime_create(&args, &container, &e) < 0 ? oci_fail(g, &e) : 0;
}
