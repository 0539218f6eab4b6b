/* SPDX-License-Identifier: Apache-2.0 */
/* sampan kill */
#include <signal.h>

#include "cli/find_container.h"
#include "cli/signal_name.h"
#include "engine/container_start.h"

struct kill_options {
	const char *signal;
};

static const struct option_def OPTIONS[] = {
	{ "signal", 's', OPTION_STRING, offsetof(struct kill_options, signal), "signal",
	  "The signal (default KILL)" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan kill",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Send a signal to containers",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int kill_one(const struct store *s, const struct cli_globals *g, const char *what, const void *options,
		    struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	const int *number = options;
	int r = find_container(s, g, what, &c, e);

	if (r == 0)
		r = container_signal(s, g->state_dir, &c, *number, e);
	return r == -EBUSY ? err_wrap(e, "cannot kill container: %s", what) : r;
}

int cmd_kill(int argc, char **argv, const struct cli_globals *g)
{
	struct kill_options o = { .signal = "KILL" };
	struct err e = { 0 };
	int n = 0, code = 0, number = SIGKILL;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	if (signal_number(o.signal, &number, &e) < 0)
		return cli_fail(&e);
	return for_each_container(g, argv + 1, n, kill_one, &number);
}
