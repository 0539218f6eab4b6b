/* SPDX-License-Identifier: Apache-2.0 */
/* sampan monitor-health: not for people; a container's monitor calls it (engine/monitor.h). */
#include "cli/cli.h"
#include "engine/health_probe.h"

static const struct command_def COMMAND = {
	.name = "sampan monitor-health",
	.usage = "ID",
	.summary = "Check the health of a container for its monitor",
	.min_args = 1,
	.max_args = 1,
};

/* The exit code is the answer: 0 is healthy. */
int cmd_monitor_health(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct err e = { 0 };
	bool passed = false;
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0 ||
	    health_probe(store, g->state_dir, argv[1], &passed, &e) < 0)
		return CLI_EXIT_FAILED;
	return passed ? 0 : CLI_EXIT_FAILED;
}
