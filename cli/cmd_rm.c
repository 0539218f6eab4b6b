/* SPDX-License-Identifier: Apache-2.0 */
/* sampan rm */
#include "cli/find_container.h"
#include "cli/remove_container.h"

#define OPT(m) offsetof(struct remove_options, m)
static const struct option_def OPTIONS[] = {
	{ "force", 'f', OPTION_BOOL, OPT(force), NULL, "Also a running one: it gets SIGKILL" },
	{ "volumes", 'v', OPTION_BOOL, OPT(volumes), NULL,
	  "Also the anonymous volumes that were made for it" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan rm",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Remove containers",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int remove_one(const struct store *store, const struct cli_globals *g, const char *what,
		      const void *options, struct err *e)
{
	return remove_container(store, g, what, options, e);
}

int cmd_rm(int argc, char **argv, const struct cli_globals *g)
{
	struct remove_options options = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	return for_each_container(g, argv + 1, n, remove_one, &options);
}
