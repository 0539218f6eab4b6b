/* SPDX-License-Identifier: Apache-2.0 */
/* sampan boot */
#include <stdio.h>

#include "cli/find_container.h"
#include "common/cleanup.h"
#include "engine/container_start.h"
#include "engine/life.h"

static const struct command_def COMMAND = {
	.name = "sampan boot",
	.usage = "",
	.summary = "Start the containers whose restart policy asks for it, as after a reboot",
};

/* What a power cut left of those that should have gone with their end is gone after it. */
static int start_one(const struct store *s, const struct cli_globals *g, struct container_record *c,
		     bool *ret_started, struct err *e)
{
	const struct container_start start = CONTAINER_START(s, g->state_dir);
	cleanup_life struct life life = { 0 };
	cleanup_fd int dir_fd = -1;
	int exit_code;
	pid_t pid;
	int r = container_open_dir(s, c->id, &dir_fd, e);

	if (r == 0)
		r = life_read(dir_fd, &life, e);
	if (r < 0 || container_is_up(c) ||
	    !restart_at_boot(&life.restart, c->lost, life_is_stopped(dir_fd), (int)c->exit_code))
		return r;
	r = container_start(&start, c, &pid, &exit_code, e);
	*ret_started = r == 0;
	return r == -EBUSY && !e->code ? 0 : r;
}

static int remove_leftover(const struct store *s, const struct container_record *c, struct err *e)
{
	cleanup_fd int lock_fd = -1;
	int r = container_lock(s, c->id, false, &lock_fd, e);

	if (r == 0)
		r = container_remove(s, c->id, e);
	return r == -EBUSY || r == -ENOENT ? 0 : r;
}

int cmd_boot(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct container_record *items = NULL;
	struct err e = { 0 };
	size_t len = 0;
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0 || list_containers(store, g, &items, &len, &e) < 0)
		return cli_fail(&e);
	for (size_t i = len; i > 0; i--) { /* oldest first: what others need was there before them */
		struct container_record *c = &items[i - 1];
		bool started = false;
		int r;

		e = (struct err){ 0 };
		if (c->auto_remove && c->lost)
			r = remove_leftover(store, c, &e);
		else
			r = start_one(store, g, c, &started, &e);
		if (r < 0) {
			(void)err_wrap(&e, "container %s", c->name);
			code = cli_fail(&e);
		} else if (started) {
			(void)puts(c->name);
		}
	}
	container_list_free(items, len);
	return cli_end_output(code);
}
