/* SPDX-License-Identifier: Apache-2.0 */
/* sampan monitor-launch: not for people; a container's monitor calls it (engine/monitor.h). */
#include <fcntl.h>

#include "cli/cli.h"
#include "engine/launch.h"
#include "engine/monitor.h"

static const struct command_def COMMAND = {
	.name = "sampan monitor-launch",
	.usage = "ID",
	.summary = "Start a container for its monitor",
	.min_args = 1,
	.max_args = 1,
};

/* Our standard streams are the container's: nothing is said there. */
int cmd_monitor_launch(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	(void)fcntl(MONITOR_FD_HELPER, F_SETFD,
		    FD_CLOEXEC); /* fails only without a monitor, and so does what follows */
	if (store_open(g->root, &store, &e) < 0 ||
	    container_launch(store, g->state_dir, argv[1], MONITOR_FD_HELPER, -1, &e) < 0)
		return CLI_EXIT_FAILED;
	return 0;
}
