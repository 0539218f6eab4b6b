/* SPDX-License-Identifier: Apache-2.0 */
/* sampan monitor-cleanup: not for people; a container's monitor calls it (engine/monitor.h). */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "cli/cli.h"
#include "engine/launch.h"
#include "engine/monitor.h"

struct cleanup_options {
	bool died, final, network, remove;
	struct opt_i64 exit_code, restarts, started, finished;
	const char *error;
};

#define OPT(m) offsetof(struct cleanup_options, m)
static const struct option_def OPTIONS[] = {
	{ "died", 0, OPTION_BOOL, OPT(died), NULL, "It has ended just now" },
	{ "error", 0, OPTION_STRING, OPT(error), "string", "Why it did not start" },
	{ "exit-code", 0, OPTION_I64, OPT(exit_code), "int", "Of its last end" },
	{ "final", 0, OPTION_BOOL, OPT(final), NULL, "It will not be started again" },
	{ "finished", 0, OPTION_I64, OPT(finished), "ns", "When, since the epoch" },
	{ "network", 0, OPTION_BOOL, OPT(network), NULL, "Its network namespace is standard input" },
	{ "remove", 0, OPTION_BOOL, OPT(remove), NULL, "Remove the container" },
	{ "restarts", 0, OPTION_I64, OPT(restarts), "int", "How often it was started again" },
	{ "started", 0, OPTION_I64, OPT(started), "ns", "When, since the epoch" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan monitor-cleanup",
	.usage = "[OPTIONS] ID",
	.summary = "Clear away after a container for its monitor",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

int cmd_monitor_cleanup(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct cleanup_options o = { 0 };
	struct container_end end;
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	end = (struct container_end){
		.final = o.final,
		.remove = o.remove,
		.died = o.died,
		.exit_code = (int)o.exit_code.value,
		.restarts = (uint32_t)o.restarts.value,
		.started_ns = o.started.value,
		.finished_ns = o.finished.value,
		.error = o.error,
		.netns_fd = o.network ? STDIN_FILENO : -1,
	};
	/* `run --rm` may have ended: systemd ends what is left of its service, but lets it come to an end. */
	(void)signal(SIGTERM, SIG_IGN);
	(void)fcntl(MONITOR_FD_HELPER, F_SETFD,
		    FD_CLOEXEC); /* fails only without a monitor, and so does what follows */
	if (store_open(g->root, &store, &e) < 0 ||
	    container_clean_up(store, g->state_dir, argv[1], &end, MONITOR_FD_HELPER, &e) < 0)
		return cli_fail(&e);
	return 0;
}
