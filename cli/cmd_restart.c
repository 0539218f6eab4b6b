/* SPDX-License-Identifier: Apache-2.0 */
/* sampan restart */
#include "cli/find_container.h"
#include "cli/stop_options.h"
#include "store/container_event.h"

static const struct option_def OPTIONS[] = { STOP_OPTIONS, { 0 } };
static const struct command_def COMMAND = {
	.name = "sampan restart",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Stop containers, and start them again",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int restart_one(const struct store *s, const struct cli_globals *g, const char *what,
		       const void *options, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_container_record struct container_record ended = { 0 };
	const struct container_start start = CONTAINER_START(s, g->state_dir);
	int exit_code;
	pid_t pid;
	int r = find_container(s, g, what, &c, e);

	if (r == 0 && container_is_up(&c) && c.auto_remove)
		return err_set(e, -EBUSY,
			       "container %s is removed when it ends (--rm): it cannot be restarted", c.name);
	if (r == 0)
		r = stop_by_options(options, s, g->state_dir, &c, e);
	if (r == 0)
		r = find_container(s, g, c.id, &ended, e);
	if (r < 0)
		return r;
	r = container_start(&start, &ended, &pid, &exit_code, e);
	if (r == -EBUSY && !e->code)
		return 0; /* somebody else was faster */
	if (r == 0)
		container_event(g->state_dir, &ended, "restart", NULL);
	return r;
}

int cmd_restart(int argc, char **argv, const struct cli_globals *g)
{
	struct stop_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	if (stop_options_check(&o, &e) < 0)
		return cli_fail(&e);
	return for_each_container(g, argv + 1, n, restart_one, &o);
}
