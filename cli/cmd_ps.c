/* SPDX-License-Identifier: Apache-2.0 */
/* sampan ps */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "cli/table.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "store/container.h"

#define LIST_MAX_BYTES (256u << 20)
#define COMMAND_SHOWN  20 /* characters, quotes included; docker's width */
#define COMMAND_MAX    (1u << 20)

struct ps_options {
	bool all, quiet, no_trunc, latest, json;
	struct opt_i64 last;
};

#define OPT(m) offsetof(struct ps_options, m)
static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, OPT(all), NULL, "Also those that do not run" },
	{ "format", 0, OPTION_CALL, OPT(json), "json", "Print JSON", cli_set_format },
	{ "last", 'n', OPTION_I64, OPT(last), "int", "The newest of all containers" },
	{ "latest", 'l', OPTION_BOOL, OPT(latest), NULL, "The newest container" },
	{ "no-trunc", 0, OPTION_BOOL, OPT(no_trunc), NULL, "Whole IDs and commands" },
	{ "quiet", 'q', OPTION_BOOL, OPT(quiet), NULL, "IDs only" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan ps", .usage = "[OPTIONS]", .summary = "List containers", .options = OPTIONS
};

struct ps {
	const struct ps_options *options;
	const struct container_record *items;
	size_t len;
	time_t now;
};

static bool is_shown(const struct ps *ps, size_t index)
{
	const struct ps_options *o = ps->options;

	if (o->latest)
		return index == 0;
	if (o->last.set && o->last.value >= 0)
		return index < (size_t)o->last.value;
	return o->all || ps->items[index].status == CONTAINER_RUNNING;
}

/* "Up 2 minutes", "Exited (0) 3 hours ago", "Created" */
static void status_text(const struct container_record *c, time_t now, char out[2 * FORMAT_MAX])
{
	char age[FORMAT_MAX];

	if (c->status == CONTAINER_CREATED) {
		(void)snprintf(out, 2 * FORMAT_MAX, "Created");
		return;
	}
	format_ago(c->status == CONTAINER_RUNNING ? c->started : c->finished, now, age);
	if (c->status != CONTAINER_RUNNING) {
		(void)snprintf(out, 2 * FORMAT_MAX, "Exited (%lld) %s", (long long)c->exit_code, age);
		return;
	}
	if (strlen(age) > strlen(" ago") && strcmp(age, "N/A") != 0)
		age[strlen(age) - strlen(" ago")] = '\0';
	(void)snprintf(out, 2 * FORMAT_MAX, "Up %s", age);
}

/* The arguments in one quoted line, docker's way. Owned; NULL: out of memory. */
static char *command_text(const struct container_record *c, bool whole)
{
	cleanup_buf struct buf b = BUF_INIT(COMMAND_MAX);
	int r = buf_add_char(&b, '"');

	for (size_t i = 0; r == 0 && i < c->args.len; i++)
		r = buf_printf(&b, "%s%s", i ? " " : "", c->args.items[i]);
	if (r < 0 && r != -EFBIG)
		return NULL;
	if (!whole && b.len > COMMAND_SHOWN - 1) {
		b.len = COMMAND_SHOWN - 2;
		while (b.len > 1 && ((unsigned char)b.data[b.len] & 0xc0) == 0x80)
			b.len--; /* not inside a character */
		b.data[b.len] = '\0';
		if (buf_add_str(&b, "\xe2\x80\xa6") < 0)
			return NULL;
	}
	return buf_add_char(&b, '"') < 0 ? NULL : buf_take(&b);
}

static int add_row(struct table *t, const struct ps *ps, const struct container_record *c)
{
	char id[FORMAT_MAX], age[FORMAT_MAX], status[2 * FORMAT_MAX];
	bool whole = ps->options->no_trunc;
	cleanup_free char *command = command_text(c, whole);

	format_short_id(c->id, id);
	format_ago(c->created, ps->now, age);
	status_text(c, ps->now, status);
	if (!command)
		return -ENOMEM;
	return table_add_row(t, (const char *const[]){ whole ? c->id : id, c->image_name, command, age,
						       status, c->name });
}

static int print_table(const struct ps *ps)
{
	cleanup_table struct table t = { .columns = 6 };
	int r = table_add_row(&t, (const char *const[]){ "CONTAINER ID", "IMAGE", "COMMAND", "CREATED",
							 "STATUS", "NAMES" });

	for (size_t i = 0; r == 0 && i < ps->len; i++)
		if (is_shown(ps, i))
			r = add_row(&t, ps, &ps->items[i]);
	if (r < 0) {
		cli_error("out of memory");
		return CLI_EXIT_FAILED;
	}
	table_print(&t, stdout);
	return cli_end_output(0);
}

static int print_ids(const struct ps *ps)
{
	char id[FORMAT_MAX];

	for (size_t i = 0; i < ps->len; i++) {
		if (!is_shown(ps, i))
			continue;
		format_short_id(ps->items[i].id, id);
		(void)puts(ps->options->no_trunc ? ps->items[i].id : id);
	}
	return cli_end_output(0);
}

static void write_container(struct json_out *o, const struct ps *ps, const struct container_record *c)
{
	char age[FORMAT_MAX], status[2 * FORMAT_MAX];
	cleanup_free char *command = command_text(c, true);

	format_ago(c->created, ps->now, age);
	status_text(c, ps->now, status);
	json_out_object(o, NULL);
	json_out_string(o, "ID", c->id);
	json_out_string(o, "Names", c->name);
	json_out_string(o, "Image", c->image_name);
	json_out_string(o, "ImageID", c->image_id.text);
	json_out_string(o, "Command", command);
	json_out_string(o, "CreatedAt", c->created);
	json_out_string(o, "RunningFor", age);
	json_out_string(o, "State", container_status_name(c->status));
	json_out_string(o, "Status", status);
	json_out_i64(o, "Pid", c->status == CONTAINER_RUNNING ? c->pid : 0);
	json_out_i64(o, "ExitCode", c->exit_code);
	json_out_bool(o, "OOMKilled", c->oom_killed);
	json_out_end(o);
}

static int print_json(const struct ps *ps)
{
	cleanup_json_out struct json_out *o = json_out_new(true, LIST_MAX_BYTES);

	json_out_array(o, NULL);
	for (size_t i = 0; i < ps->len; i++)
		if (is_shown(ps, i))
			write_container(o, ps, &ps->items[i]);
	json_out_end(o);
	return cli_print_json(o);
}

int cmd_ps(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct container_record *items = NULL;
	struct ps_options options = { 0 };
	struct ps ps = { .options = &options, .now = time(NULL) };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0 || container_list(store, &items, &ps.len, &e) < 0)
		return cli_fail(&e);
	ps.items = items;
	if (options.json)
		code = print_json(&ps);
	else if (options.quiet)
		code = print_ids(&ps);
	else
		code = print_table(&ps);
	container_list_free(items, ps.len);
	return code;
}
