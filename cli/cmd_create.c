/* SPDX-License-Identifier: Apache-2.0 */
/* sampan create */
#include <stdio.h>

#include "cli/create_container.h"

int cmd_create(int argc, char **argv, const struct cli_globals *g)
{
	const struct command_def command = {
		.name = "sampan create",
		.usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
		.summary = "Create a container from an image, to be started later",
		.options = create_flags_options(),
		.options_first = true,
		.min_args = 1,
		.max_args = -1,
	};
	cleanup_run_flags struct run_flags flags = { 0 };
	cleanup_creation struct creation c = CREATION(&flags, g);
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&command, argc, argv, &flags, &n, &code))
		return code;
	if (create_container(&c, argv[1], argv + 2, (size_t)n - 1, &e) < 0)
		return cli_fail(&e);
	(void)puts(c.record.id);
	return cli_end_output(0);
}
