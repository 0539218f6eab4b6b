/* SPDX-License-Identifier: Apache-2.0 */
/* sampan start */
#include <stdio.h>

#include "cli/find_container.h"
#include "cli/start_container.h"
#include "common/cleanup.h"
#include "engine/life.h"
#include "store/container_event.h"

struct start_options {
	bool attach, interactive;
	const char *detach_keys;
};

#define OPT(m) offsetof(struct start_options, m)
static const struct option_def OPTIONS[] = {
	{ "attach", 'a', OPTION_BOOL, OPT(attach), NULL, "Show its output, and forward our signals" },
	{ "detach-keys", 0, OPTION_STRING, OPT(detach_keys), "keys",
	  "What leaves it running and ends this command (default " ATTACH_KEYS_DEFAULT ")" },
	{ "interactive", 'i', OPTION_BOOL, OPT(interactive), NULL, "Give it our stdin" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan start",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Start containers that have been created, or have ended",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

/* -EBUSY means that it runs, which is what was asked for. */
static int start_one(const struct store *s, const struct cli_globals *g, const char *what,
		     const void *options, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	const struct container_start start = CONTAINER_START(s, g->state_dir);
	int exit_code;
	pid_t pid;
	int r = find_container(s, g, what, &c, e);

	(void)options;
	if (r < 0)
		return r;
	if (c.status == CONTAINER_PAUSED)
		return err_set(e, -EBUSY, "cannot start a paused container, try unpause instead");
	r = container_start(&start, &c, &pid, &exit_code, e);
	if (r == -EBUSY && !e->code)
		return 0;
	return r < 0 ? err_wrap(e, "error starting container %s", c.name) : 0;
}

static int attach(const struct store *s, const struct cli_globals *g, const char *what,
		  const struct start_options *o, int *ret_exit_code, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_life struct life life = { 0 };
	struct start_attached how = { .detach_keys = o->detach_keys };
	const struct container_start start = CONTAINER_START(s, g->state_dir);
	cleanup_fd int dir_fd = -1;
	int r = find_container(s, g, what, &c, e);

	if (r == 0)
		r = container_open_dir(s, c.id, &dir_fd, e);
	if (r == 0)
		r = life_read(dir_fd, &life, e);
	if (r < 0)
		return r;
	how.tty = life.tty;
	how.interactive = o->interactive && life.interactive;
	if (container_is_up(&c))
		return attach_running(&how, g->state_dir, &c, ret_exit_code, e);
	container_event(g->state_dir, &c, "attach", NULL);
	r = start_attached(&how, &start, &c, ret_exit_code, e);
	return r < 0 ? err_wrap(e, "error starting container %s", c.name) : 0;
}

int cmd_start(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct start_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	if (!o.attach && !o.interactive)
		return for_each_container(g, argv + 1, n, start_one, NULL);
	if (n > 1) {
		cli_error("you cannot start and attach multiple containers at once");
		return CLI_EXIT_FAILED;
	}
	code = CLI_EXIT_FAILED;
	if (store_open(g->root, &store, &e) < 0 || attach(store, g, argv[1], &o, &code, &e) < 0)
		IGNORE_RESULT(cli_fail(&e));
	return code;
}
