/* SPDX-License-Identifier: Apache-2.0 */
/* sampan diff */
#include <stdio.h>

#include "cli/find_container.h"
#include "store/container_diff.h"

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def COMMAND = {
	.name = "sampan diff",
	.usage = "CONTAINER",
	.summary = "Show what a container has added (A), changed (C) and deleted (D) in its image's files",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

/* Names are the container's, and shall not drive a terminal. */
static void print(const struct container_change *c)
{
	(void)printf("%c ", c->kind);
	for (const char *p = c->path; *p; p++)
		(void)putchar((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
	(void)putchar('\n');
}

static int diff(const struct cli_globals *g, const char *what, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_store struct store *store = NULL;
	struct container_change *changes = NULL;
	size_t len = 0;
	int r = store_open(g->root, &store, e);

	if (r == 0)
		r = find_container(store, g, what, &c, e);
	if (r == 0)
		r = container_diff(store, &c, &changes, &len, e);
	for (size_t i = 0; i < len; i++)
		print(&changes[i]);
	container_changes_free(changes, len);
	return r;
}

int cmd_diff(int argc, char **argv, const struct cli_globals *g)
{
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	return diff(g, argv[1], &e) < 0 ? cli_fail(&e) : cli_end_output(0);
}
