/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/find_container.h"

#include <stdio.h>
#include <string.h>

static void recover(const struct store *s, const struct cli_globals *g, struct container_record *c)
{
	struct err e = { 0 };
	int r;

	if (!c->abandoned)
		return;
	r = container_view_recover(s, g->state_dir, c, &e);
	if (r == -EBUSY || r == -ENOENT || r == -EALREADY)
		return; /* somebody else is about it, or was */
	if (r < 0)
		cli_error("warning: container %s: its monitor was killed, and it cannot be cleared away: %s",
			  c->name, e.text);
	else
		cli_error("warning: container %s: its monitor was killed; what was left of it has been "
			  "cleared away",
			  c->name);
}

int find_container(const struct store *s, const struct cli_globals *g, const char *what,
		   struct container_record *ret, struct err *e)
{
	int r = container_view_find(s, g->state_dir, what, ret, e);

	if (r == 0)
		recover(s, g, ret);
	return r;
}

int list_containers(const struct store *s, const struct cli_globals *g, struct container_record **ret_items,
		    size_t *ret_len, struct err *e)
{
	int r = container_view_list(s, g->state_dir, ret_items, ret_len, e);

	for (size_t i = 0; r == 0 && i < *ret_len; i++)
		recover(s, g, &(*ret_items)[i]);
	return r;
}

int find_running_container(const struct store *s, const struct cli_globals *g, const char *what, bool paused,
			   struct container_record *ret, struct err *e)
{
	int r = find_container(s, g, what, ret, e);

	if (r < 0)
		return r;
	if (ret->status == CONTAINER_RESTARTING)
		return err_set(e, -EBUSY, "container %s is restarting, wait until the container is running",
			       ret->id);
	if (ret->status == CONTAINER_PAUSED && !paused)
		return err_set(e, -EBUSY, "container %s is paused, unpause the container first", what);
	if (!container_is_up(ret))
		return err_set(e, -EBUSY, "container %s is not running", ret->id);
	return 0;
}

int container_ended_since(const struct container_record *c, int r, struct err *e)
{
	return r == -ENOENT ? err_set(e, -EBUSY, "container %s is not running", c->id) : r;
}

int for_each_container(const struct cli_globals *g, char **what, int len,
		       int (*visit)(const struct store *s, const struct cli_globals *g, const char *what,
				    const void *options, struct err *e),
		       const void *options)
{
	cleanup_store struct store *store = NULL;
	struct err e = { 0 };
	int code = 0;

	if (store_open(g->root, &store, &e) < 0)
		return cli_fail(&e);
	for (int i = 0; i < len; i++) {
		if (visit(store, g, what[i], options, &e) < 0)
			code = cli_fail(&e);
		else
			(void)puts(what[i]);
	}
	return cli_end_output(code);
}
