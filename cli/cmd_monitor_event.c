/* SPDX-License-Identifier: Apache-2.0 */
/* sampan monitor-event: not for people; a container's monitor calls it (engine/monitor.h), and who waits for a detached exec (cli/exec_detach.h). */
#include "cli/cli.h"
#include "store/container_event.h"

struct event_options {
	const char *action, *exec_id;
};

static const struct option_def OPTIONS[] = {
	{ "action", 0, OPTION_STRING, offsetof(struct event_options, action), "string", "What has happened" },
	{ "exec-id", 0, OPTION_STRING, offsetof(struct event_options, exec_id), "string",
	  "To which of its commands; its exit code follows the ID" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan monitor-event",
	.usage = "[OPTIONS] ID [EXIT_CODE]",
	.summary = "Tell of what has happened to a container for its monitor",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 2,
};

int cmd_monitor_event(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct event_options o = { .action = "" };
	const char *more[] = { "execID", NULL, "exitCode", NULL, NULL };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0)
		return CLI_EXIT_FAILED;
	more[1] = o.exec_id;
	more[3] = n > 1 ? argv[2] : "";
	container_event_by_id(store, g->state_dir, argv[1], o.action, o.exec_id ? more : NULL);
	return 0;
}
