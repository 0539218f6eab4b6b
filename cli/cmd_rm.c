/* SPDX-License-Identifier: Apache-2.0 */
/* sampan rm */
#include <stdio.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "runtime/runtime.h"
#include "store/container.h"

struct rm_options {
	bool force, volumes;
};

#define OPT(m) offsetof(struct rm_options, m)
static const struct option_def OPTIONS[] = {
	{ "force", 'f', OPTION_BOOL, OPT(force), NULL, "Also a running one: it gets SIGKILL" },
	{ "volumes", 'v', OPTION_BOOL, OPT(volumes), NULL,
	  "Anonymous volumes always go with their container" },
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

static int remove_one(const struct store *store, const char *what, bool force, const struct cli_globals *g,
		      struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	int r = container_find(store, what, &c, e);

	if (r == -ENOENT && force)
		return 0;
	if (r < 0)
		return r;
	if (c.status == CONTAINER_RUNNING && !force)
		return err_set(e, -EBUSY, "container %s is running: stop it before removing or use -f", what);
	/* By force in any case: a run that was killed itself leaves the runtime's state of a dead container behind. */
	r = runtime_delete(g->state_dir, c.id, true, e);
	if (r >= 0 || r == -ENOENT) /* its own `run` cleans up as soon as it is dead, and may be faster */
		r = container_remove(store, c.id, e);
	return r == -ENOENT ? 0 : r;
}

int cmd_rm(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct rm_options options = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0)
		return cli_fail(&e);
	for (int i = 1; i <= n; i++) {
		if (remove_one(store, argv[i], options.force, g, &e) < 0)
			code = cli_fail(&e);
		else
			(void)puts(argv[i]);
	}
	return cli_end_output(code);
}
