/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci.h"
#include "runtime/control.h"

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def PAUSE = {
	.name = "sampan-oci pause",
	.usage = "CONTAINER-ID",
	.summary = "Freeze all processes of a container",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

int oci_pause(int argc, char **argv, const struct oci_globals *g)
{
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &PAUSE, argc, argv, NULL, &count, &exit_code))
		return exit_code;
	return control_pause(g->root, argv[1], &e) < 0 ? oci_fail(g, &e) : 0;
}
