/* SPDX-License-Identifier: Apache-2.0 */
/* sampan run */
#include "cli/cli.h"
#include "cli/run_container.h"
#include "cli/run_flags.h"

int cmd_run(int argc, char **argv, const struct cli_globals *g)
{
	const struct command_def command = {
		.name = "sampan run",
		.usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
		.summary = "Create a container from an image and run it",
		.options = run_flags_options(),
		.options_first = true,
		.min_args = 1,
		.max_args = -1,
	};
	cleanup_run_flags struct run_flags flags = { .sig_proxy = true };
	int n = 0, code = 0;

	if (!cli_options(&command, argc, argv, &flags, &n, &code))
		return code;
	return run_container(&flags, argv[1], argv + 2, (size_t)n - 1, g);
}
