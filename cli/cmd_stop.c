/* SPDX-License-Identifier: Apache-2.0 */
/* sampan stop */
#include "cli/find_container.h"
#include "cli/stop_options.h"

static const struct option_def OPTIONS[] = {
	{ "ignore", 'i', OPTION_BOOL, STOP_OPTION(ignore), NULL, "One that is not there is no error" },
	STOP_OPTIONS,
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan stop",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Stop containers: a signal, and SIGKILL after a while",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int stop_one(const struct store *s, const struct cli_globals *g, const char *what, const void *options,
		    struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	const struct stop_options *o = options;
	int r = find_container(s, g, what, &c, e);

	if (r == -ENOENT && o->ignore)
		return 0;
	return r < 0 ? r : stop_by_options(o, s, g->state_dir, &c, e);
}

int cmd_stop(int argc, char **argv, const struct cli_globals *g)
{
	struct stop_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	if (stop_options_check(&o, &e) < 0)
		return cli_fail(&e);
	return for_each_container(g, argv + 1, n, stop_one, &o);
}
