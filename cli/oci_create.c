/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci_bundle.h"

static const struct option_def OPTIONS[] = {
	OCI_BUNDLE_OPTIONS,
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
	cleanup_runtime_container struct runtime_container container = RUNTIME_CONTAINER_EMPTY;
	cleanup_oci_bundle struct oci_bundle bundle = { 0 };
	struct oci_bundle_options o = { 0 };
	struct runtime_args args;
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &CREATE, argc, argv, &o, &count, &exit_code))
		return exit_code;
	if (oci_bundle_load(g, &o, &bundle, &e) < 0)
		return oci_fail(g, &e);
	args = oci_bundle_args(g, &o, &bundle, argv[1]);
	args.separate_start = true;
	oci_warn_capabilities(g, bundle.config.spec.process);
	return runtime_create(&args, &container, &e) < 0 ? oci_fail(g, &e) : 0;
}
