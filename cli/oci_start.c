/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci.h"
#include "runtime/runtime.h"

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def START = {
	.name = "sampan-oci start",
	.usage = "CONTAINER-ID",
	.summary = "Start the process of a created container",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

int oci_start(int argc, char **argv, const struct oci_globals *g)
{
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &START, argc, argv, NULL, &count, &exit_code))
		return exit_code;
	return runtime_start_by_id(g->root, argv[1], &e) < 0 ? oci_fail(g, &e) : 0;
}
