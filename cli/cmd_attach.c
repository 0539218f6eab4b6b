/* SPDX-License-Identifier: Apache-2.0 */
/* sampan attach */
#include "cli/find_container.h"
#include "cli/start_container.h"
#include "common/cleanup.h"
#include "engine/life.h"

struct attach_options {
	bool no_stdin, signals;
	const char *detach_keys;
};

#define OPT(m) offsetof(struct attach_options, m)
static const struct option_def OPTIONS[] = {
	{ "detach-keys", 0, OPTION_STRING, OPT(detach_keys), "keys",
	  "What leaves it running and ends this command (default " ATTACH_KEYS_DEFAULT ")" },
	{ "no-stdin", 0, OPTION_BOOL, OPT(no_stdin), NULL, "Do not give it our stdin" },
	{ "sig-proxy", 0, OPTION_BOOL, OPT(signals), NULL, "Forward our signals (default true)" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan attach",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Connect our streams to a container that runs",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

static int attach(const struct store *s, const struct cli_globals *g, const char *what,
		  const struct attach_options *o, int *ret_exit_code, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_life struct life life = { 0 };
	struct start_attached how = { .detach_keys = o->detach_keys, .no_signals = !o->signals };
	cleanup_fd int dir_fd = -1;
	int r = find_container(s, g, what, &c, e);

	if (r == 0)
		r = container_open_dir(s, c.id, &dir_fd, e);
	if (r == 0)
		r = life_read(dir_fd, &life, e);
	if (r < 0)
		return r;
	if (!container_is_up(&c))
		return err_set(e, -EBUSY, "you cannot attach to a stopped container, start it first");
	if (c.status == CONTAINER_PAUSED)
		return err_set(e, -EBUSY, "you cannot attach to a paused container, unpause it first");
	if (c.status == CONTAINER_RESTARTING)
		return err_set(e, -EBUSY,
			       "you cannot attach to a restarting container, wait until it is running");
	how.tty = life.tty;
	how.interactive = life.interactive && !o->no_stdin;
	return attach_running(&how, g->state_dir, &c, ret_exit_code, e);
}

int cmd_attach(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct attach_options o = { .signals = true };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	code = CLI_EXIT_FAILED;
	if (store_open(g->root, &store, &e) < 0 || attach(store, g, argv[1], &o, &code, &e) < 0)
		IGNORE_RESULT(cli_fail(&e));
	return code;
}
