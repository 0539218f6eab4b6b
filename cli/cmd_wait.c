/* SPDX-License-Identifier: Apache-2.0 */
/* sampan wait */
#include <stdio.h>

#include "cli/find_container.h"

static const struct command_def COMMAND = {
	.name = "sampan wait",
	.usage = "CONTAINER [CONTAINER...]",
	.summary = "Wait until containers have ended, and print their exit codes",
	.min_args = 1,
	.max_args = -1,
};

static int wait_one(const struct store *s, const struct cli_globals *g, const char *what, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	int exit_code;
	int r = find_container(s, g, what, &c, e);

	if (r == 0)
		r = container_view_wait(s, g->state_dir, &c, -1, &exit_code, e);
	if (r == 0)
		(void)printf("%d\n", exit_code);
	return r;
}

int cmd_wait(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0)
		return cli_fail(&e);
	for (int i = 1; i <= n; i++)
		if (wait_one(store, g, argv[i], &e) < 0)
			code = cli_fail(&e);
	return cli_end_output(code);
}
