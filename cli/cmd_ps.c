/* SPDX-License-Identifier: Apache-2.0 */
/* sampan ps */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/container_filter.h"
#include "cli/container_row.h"
#include "cli/find_container.h"
#include "cli/rows.h"
#include "common/cleanup.h"
#include "engine/network_state.h"

#define LIST_MAX_BYTES (256u << 20)

struct ps_options {
	bool all, quiet, no_trunc, latest, size;
	const char *format;
	struct opt_i64 last;
	struct strvec filters;
};

#define OPT(m) offsetof(struct ps_options, m)
static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, OPT(all), NULL, "Also those that do not run" },
	{ "filter", 'f', OPTION_LIST, OPT(filters), "filter",
	  "name=, id=, label=KEY[=VALUE], status=, exited=, ancestor=, before=, since=, volume=, network=, "
	  "publish=, "
	  "expose=, health=" },
	{ "format", 0, OPTION_STRING, OPT(format), "string",
	  "table, json, or a template: {{.ID}} {{.Names}} {{.Label \"x\"}}" },
	{ "last", 'n', OPTION_I64, OPT(last), "int", "The newest of all containers" },
	{ "latest", 'l', OPTION_BOOL, OPT(latest), NULL, "The newest container" },
	{ "no-trunc", 0, OPTION_BOOL, OPT(no_trunc), NULL, "Whole IDs and commands" },
	{ "quiet", 'q', OPTION_BOOL, OPT(quiet), NULL, "IDs only" },
	{ "size", 's', OPTION_BOOL, OPT(size), NULL,
	  "Also what they have written, and that with their images" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan ps", .usage = "[OPTIONS]", .summary = "List containers", .options = OPTIONS
};

struct ps {
	const struct ps_options *options;
	const struct container_record *items;
	size_t len, shown; /* of `last` those that are */
	struct container_filter filter;
	struct container_rows rows;
};

/* Newest first, each once. */
static bool is_shown(struct ps *ps, size_t index)
{
	const struct ps_options *o = ps->options;
	const struct container_record *c = &ps->items[index];
	bool counted = o->latest || (o->last.set && o->last.value >= 0);
	size_t most = o->latest ? 1 : counted ? (size_t)o->last.value : ps->len;

	if (ps->shown >= most ||
	    (!counted && !o->all && !container_filter_wants_all(&o->filters) && !container_is_up(c)))
		return false;
	if (o->filters.len > 0 && !container_filter_match(&ps->filter, c))
		return false;
	ps->shown++;
	return true;
}

static int print_ids(struct ps *ps)
{
	char id[FORMAT_MAX];

	for (size_t i = 0; i < ps->len; i++) {
		if (!is_shown(ps, i))
			continue;
		format_short_id(ps->items[i].id, id);
		(void)puts(ps->options->no_trunc ? ps->items[i].id : id);
	}
	return 0;
}

static int for_each_shown(struct ps *ps,
			  int (*visit)(const struct container_record *c, const struct container_row *row,
				       void *arg, struct err *e),
			  void *arg, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ps->len; i++) {
		cleanup_container_row struct container_row row = { 0 };

		if (!is_shown(ps, i))
			continue;
		r = container_row_make(&ps->rows, &ps->items[i], &row, e);
		if (r == 0)
			r = visit(&ps->items[i], &row, arg, e);
	}
	return r;
}

/* --- rows --- */

static int add_row(const struct container_record *c, const struct container_row *row, void *rows,
		   struct err *e)
{
	(void)c;
	return rows_add(rows, row->fields, e);
}

static int print_rows(struct ps *ps, const char *format, struct err *e)
{
	static const char
		COLUMNS[] = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}"
			    "\t{{.Names}}",
		WITH_SIZE[] = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}"
			      "\t{{.Names}}\t{{.Size}}";
	const struct container_rows nothing = { .store = ps->rows.store, .owners_fd = -1 };
	const struct container_record none = { 0 };
	cleanup_container_row struct container_row sample = { 0 };
	cleanup_rows struct rows rows = { 0 };
	int r = container_row_make(&nothing, &none, &sample, e);

	if (r == 0)
		r = rows_begin(&rows, format, ps->options->size ? WITH_SIZE : COLUMNS, sample.fields, e);
	if (r == 0)
		r = for_each_shown(ps, add_row, &rows, e);
	if (r == 0)
		rows_end(&rows);
	return r;
}

/* --- JSON --- */

static int write_container(const struct container_record *c, const struct container_row *row, void *out,
			   struct err *e)
{
	struct json_out *o = out;

	(void)e; /* of the writer, in the end */
	json_out_object(o, NULL);
	json_out_string(o, "ID", c->id);
	json_out_string(o, "Names", c->name);
	json_out_string(o, "Image", c->image_name);
	json_out_string(o, "ImageID", c->image_id.text);
	json_out_string(o, "Command", row->command);
	json_out_string(o, "CreatedAt", c->created);
	json_out_string(o, "RunningFor", row->running_for);
	json_out_string(o, "State", container_status_name(c->status));
	json_out_string(o, "Status", row->status);
	json_out_string(o, "Ports", row->ports);
	json_out_map(o, "Labels", &c->labels);
	json_out_string(o, "Mounts", row->mounts);
	json_out_string(o, "Networks", row->networks);
	json_out_u64(o, "LocalVolumes", c->volumes.len);
	json_out_i64(o, "Pid", container_is_up(c) ? c->pid : 0);
	json_out_i64(o, "ExitCode", c->exit_code);
	json_out_bool(o, "OOMKilled", c->oom_killed);
	if (row->size[0])
		json_out_string(o, "Size", row->size);
	json_out_end(o);
	return 0;
}

static int print_json(struct ps *ps, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(true, LIST_MAX_BYTES);
	int r;

	ps->rows.no_trunc = true;
	json_out_array(o, NULL);
	r = for_each_shown(ps, write_container, o, e);
	json_out_end(o);
	return r < 0 ? r : cli_print_json(o);
}

/* --- the command --- */

static bool mentions(const char *format, const char *field)
{
	return format && (strstr(format, field) || strstr(format, "json"));
}

/* 0, or an exit code; negative: *e. */
static int print(struct ps *ps, struct err *e)
{
	const char *format = ps->options->format;

	if (ps->options->quiet)
		return print_ids(ps);
	ps->rows.with_size = ps->options->size || (format && strstr(format, ".Size"));
	ps->rows.with_networks = mentions(format, ".Networks");
	ps->rows.with_details = format != NULL;
	if (format && strcmp(format, "json") == 0)
		return print_json(ps, e);
	return print_rows(ps, format, e);
}

static int run(const struct ps_options *o, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	cleanup_fd int owners_fd = network_state_open_owners(g->state_dir);
	struct container_record *items = NULL;
	struct ps ps = { .options = o };
	struct err e = { 0 };
	int r = store_open(g->root, &store, &e);

	if (r == 0)
		r = list_containers(store, g, &items, &ps.len, &e);
	if (r == 0)
		r = container_filter_make(&o->filters, store, g->state_dir, items, ps.len, &ps.filter, &e);
	ps.items = items;
	ps.rows = (struct container_rows){
		.store = store, .owners_fd = owners_fd, .now = time(NULL), .no_trunc = o->no_trunc
	};
	if (r == 0)
		r = print(&ps, &e);
	container_list_free(items, ps.len);
	return r < 0 ? cli_fail(&e) : r;
}

int cmd_ps(int argc, char **argv, const struct cli_globals *g)
{
	struct ps_options options = { 0 };
	int n = 0, code = 0;

	if (cli_options(&COMMAND, argc, argv, &options, &n, &code))
		code = cli_end_output(run(&options, g));
	strvec_done(&options.filters);
	return code;
}
