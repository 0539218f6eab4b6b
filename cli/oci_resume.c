/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci.h"
#include "runtime/control.h"

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def RESUME = {
	.name = "sampan-oci resume",
	.usage = "CONTAINER-ID",
	.summary = "Let the processes of a paused container go on",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

int oci_resume(int argc, char **argv, const struct oci_globals *g)
{
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &RESUME, argc, argv, NULL, &count, &exit_code))
		return exit_code;
	return control_resume(g->root, argv[1], &e) < 0 ? oci_fail(g, &e) : 0;
}
