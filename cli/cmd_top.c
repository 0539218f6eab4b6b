/* SPDX-License-Identifier: Apache-2.0 */
/* sampan top */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/find_container.h"
#include "cli/ps_output.h"
#include "cli/table.h"
#include "common/cleanup.h"
#include "runtime/control.h"
#include "store/container_event.h"

#define COLUMN_WIDTH 20 /* docker's */
#define BLANKS       " \t"

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def COMMAND = {
	.name = "sampan top",
	.usage = "CONTAINER [ps OPTIONS]",
	.summary = "Show the processes of a container",
	.options = OPTIONS,
	.options_first = true,
	.min_args = 1,
	.max_args = -1,
};

static size_t count_words(const char *line)
{
	size_t n = 0;

	for (line += strspn(line, BLANKS); *line; line += strspn(line, BLANKS)) {
		n++;
		line += strcspn(line, BLANKS);
	}
	return n;
}

/* One word a cell; what is left at the last column is its text. */
static int add_line(struct table *t, char *line)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->columns; i++) {
		char *word = line + strspn(line, BLANKS);

		line = word + strcspn(word, BLANKS);
		if (i + 1 < t->columns && *line)
			*line++ = '\0';
		r = table_add(t, word);
	}
	return r;
}

static int print(const struct strvec *lines, struct err *e)
{
	cleanup_table struct table t = { .columns = count_words(lines->items[0]), .min_width = COLUMN_WIDTH };
	int r = 0;

	for (size_t i = 0; r == 0 && i < lines->len; i++)
		r = add_line(&t, lines->items[i]);
	if (r < 0)
		return err_code(e, r, "cannot print");
	table_print(&t, stdout);
	return 0;
}

static int top(const struct cli_globals *g, const char *what, char *const *options, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_store struct store *store = NULL;
	cleanup_strvec struct strvec lines = { 0 };
	cleanup_free pid_t *pids = NULL;
	size_t len = 0;
	int r = store_open(g->root, &store, e);

	if (r == 0)
		r = find_running_container(store, g, what, true, &c, e);
	if (r == 0)
		r = container_ended_since(&c, control_processes(g->state_dir, c.id, &pids, &len, e), e);
	if (r < 0)
		return r;
	ps_sort_pids(pids, len);
	r = ps_output(options, pids, len, &lines, e);
	if (r < 0)
		return r;
	container_event(g->state_dir, &c, "top", NULL);
	return print(&lines, e);
}

int cmd_top(int argc, char **argv, const struct cli_globals *g)
{
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	return top(g, argv[1], argv + 2, &e) < 0 ? cli_fail(&e) : cli_end_output(0);
}
