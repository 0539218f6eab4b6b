/* SPDX-License-Identifier: Apache-2.0 */
/* sampan rename */
#include <stdio.h>
#include <string.h>

#include "cli/find_container.h"
#include "common/cleanup.h"
#include "store/container_event.h"

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def COMMAND = {
	.name = "sampan rename",
	.usage = "CONTAINER NEW_NAME",
	.summary = "Give a container another name",
	.options = OPTIONS,
	.min_args = 2,
	.max_args = 2,
};

static void tell(const struct store *s, const struct cli_globals *g, const struct container_record *was)
{
	cleanup_free char *old = NULL;

	if (asprintf(&old, "/%s", was->name) < 0) /* docker's slash */
		old = NULL;
	container_event_by_id(s, g->state_dir, was->id, "rename",
			      (const char *const[]){ "oldName", old, NULL });
}

static int rename_container(const struct cli_globals *g, const char *what, const char *name, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_store struct store *store = NULL;
	int r;

	if (!*what || !*name)
		return err_set(e, -EINVAL, "neither old nor new names may be empty");
	r = store_open(g->root, &store, e);
	if (r == 0)
		r = find_container(store, g, what, &c, e);
	if (r < 0)
		return r;
	if (c.name && strcmp(c.name, name) == 0)
		return err_set(e, -EINVAL, "renaming a container with the same name as its current name");
	r = container_rename(store, c.id, name, e);
	if (r == 0)
		tell(store, g, &c);
	return r;
}

int cmd_rename(int argc, char **argv, const struct cli_globals *g)
{
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	return rename_container(g, argv[1], argv[2], &e) < 0 ? cli_fail(&e) : 0;
}
