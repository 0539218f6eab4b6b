/* SPDX-License-Identifier: Apache-2.0 */
/* sampan stats */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/find_container.h"
#include "cli/stats_sample.h"
#include "cli/rows.h"
#include "common/cleanup.h"

#define CLEAR  "\033[2J\033[H"
#define FIELDS 10

struct stats_options {
	bool all, no_stream, no_trunc;
	const char *format;
};

#define OPT(m) offsetof(struct stats_options, m)
static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, OPT(all), NULL, "Also those that do not run" },
	{ "format", 0, OPTION_STRING, OPT(format), "string",
	  "\"json\", \"table TEMPLATE\", or a template of the fields Container, ID, Name, CPUPerc, MemUsage, "
	  "MemPerc, NetIO, BlockIO, PIDs" },
	{ "no-stream", 0, OPTION_BOOL, OPT(no_stream), NULL, "Show it once" },
	{ "no-trunc", 0, OPTION_BOOL, OPT(no_trunc), NULL, "Whole IDs" },
	{ 0 },
};

static const struct command_def COMMAND = {
	.name = "sampan stats",
	.usage = "[OPTIONS] [CONTAINER...]",
	.summary = "Show what containers take up, once a second",
	.options = OPTIONS,
	.max_args = -1,
};

static const char COLUMNS[] = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t"
			      "{{.BlockIO}}\t{{.PIDs}}";

/* One container at one moment. */
struct entry {
	struct container_record record;
	const char *what; /* as the user calls it; NULL: he does not */
	struct stats_sample sample;
};

struct snapshot {
	struct entry *items;
	size_t len;
};

static void snapshot_done(struct snapshot *s)
{
	for (size_t i = 0; i < s->len; i++)
		container_record_done(&s->items[i].record);
	free(s->items);
	*s = (struct snapshot){ 0 };
}
#define cleanup_snapshot __attribute__((cleanup(snapshot_done)))

/* Everything that stays the same from one moment to the next. */
struct stats {
	const struct stats_options *options;
	const struct cli_globals *globals;
	const struct store *store;
	char **names;
	int names_len; /* 0: all of them */
	bool is_terminal;
};

/* --- taking them --- */

static int grow(struct snapshot *s, size_t len, struct err *e)
{
	s->items = calloc(len + 1, sizeof(*s->items));
	return s->items ? 0 : err_set(e, -ENOMEM, "out of memory");
}

/* Those that vanish on the way are left out; at first one that is not there is an error. */
static int find_named(const struct stats *st, bool first, struct snapshot *s, struct err *e)
{
	int r = grow(s, (size_t)st->names_len, e);

	for (int i = 0; r == 0 && i < st->names_len; i++) {
		struct entry *entry = &s->items[s->len];

		entry->what = st->names[i];
		r = find_container(st->store, st->globals, st->names[i], &entry->record, e);
		if (r == -ENOENT && !first)
			r = 0;
		else if (r == 0)
			s->len++;
	}
	return r;
}

static int find_all(const struct stats *st, struct snapshot *s, struct err *e)
{
	struct container_record *items = NULL;
	size_t len = 0;
	int r = list_containers(st->store, st->globals, &items, &len, e);

	if (r == 0)
		r = grow(s, len, e);
	for (size_t i = 0; r == 0 && i < len; i++) {
		if (!st->options->all && !container_is_up(&items[i]))
			continue;
		s->items[s->len++].record = items[i];
		items[i] = (struct container_record){ 0 }; /* moved */
	}
	container_list_free(items, len);
	return r;
}

static int take(const struct stats *st, bool first, struct snapshot *s, struct err *e)
{
	int r = st->names_len > 0 ? find_named(st, first, s, e) : find_all(st, s, e);

	for (size_t i = 0; r == 0 && i < s->len; i++)
		r = stats_sample_take(st->globals->state_dir, &s->items[i].record, &s->items[i].sample, e);
	return r;
}

/* --- showing them --- */

static void make_fields(const struct stats *st, const struct entry *entry, const struct stats_text *text,
			char short_id[FORMAT_MAX], struct template_field ret[FIELDS])
{
	const char *id = st->options->no_trunc ? entry->record.id : short_id;
	const struct template_field fields[FIELDS] = {
		{ "BlockIO", "BLOCK I/O", text->block, NULL },
		{ "CPUPerc", "CPU %", text->cpu, NULL },
		{ "Container", "CONTAINER", entry->what ? entry->what : id, NULL },
		{ "ID", "CONTAINER ID", id, NULL },
		{ "MemPerc", "MEM %", text->memory_share, NULL },
		{ "MemUsage", "MEM USAGE / LIMIT", text->memory, NULL },
		{ "Name", "NAME", entry->record.name, NULL },
		{ "NetIO", "NET I/O", text->network, NULL },
		{ "PIDs", "PIDS", text->tasks, NULL },
		{ NULL, NULL, NULL, NULL },
	};

	format_short_id(entry->record.id, short_id);
	memcpy(ret, fields, sizeof(fields));
}

static int begin(const struct stats *st, struct rows *rows, struct err *e)
{
	static const struct entry NOTHING = { 0 };
	struct stats_text text = { 0 };
	struct template_field fields[FIELDS];
	char short_id[FORMAT_MAX];

	make_fields(st, &NOTHING, &text, short_id, fields);
	return rows_begin(rows, st->options->format, COLUMNS, fields, e);
}

static const struct stats_sample *sample_of(const struct snapshot *s, const char *id)
{
	static const struct stats_sample NONE = { 0 };

	for (size_t i = 0; i < s->len; i++)
		if (strcmp(s->items[i].record.id, id) == 0)
			return &s->items[i].sample;
	return &NONE;
}

static int show(const struct stats *st, const struct snapshot *before, const struct snapshot *now,
		struct err *e)
{
	cleanup_rows struct rows rows = { 0 };
	int r = begin(st, &rows, e);

	for (size_t i = 0; r == 0 && i < now->len; i++) {
		const struct entry *entry = &now->items[i];
		struct template_field fields[FIELDS];
		struct stats_text text;
		char short_id[FORMAT_MAX];

		stats_text_make(sample_of(before, entry->record.id), &entry->sample, &text);
		make_fields(st, entry, &text, short_id, fields);
		r = rows_add(&rows, fields, e);
	}
	if (r < 0)
		return r;
	if (rows.is_table && st->is_terminal && !st->options->no_stream)
		(void)fputs(CLEAR, stdout); /* the flush below sees what goes wrong */
	rows_end(&rows);
	return fflush(stdout) != 0 ? err_errno(e, "cannot write to stdout") : 0;
}

/* The first figures are of a second, as a share of a CPU is one of a time. */
static int run(const struct stats *st, struct err *e)
{
	cleanup_snapshot struct snapshot before = { 0 };
	cleanup_rows struct rows checked = { 0 };
	int r = begin(st, &checked, e);

	if (r == 0)
		r = take(st, true, &before, e);
	while (r == 0) {
		cleanup_snapshot struct snapshot now = { 0 };

		(void)sleep(1); /* a signal that does not end us makes it shorter */
		r = take(st, false, &now, e);
		if (r == 0 && now.len == 0 && st->names_len > 0)
			return 0;
		if (r == 0)
			r = show(st, &before, &now, e);
		if (st->options->no_stream)
			return r;
		snapshot_done(&before);
		before = now;
		now = (struct snapshot){ 0 };
	}
	return r;
}

int cmd_stats(int argc, char **argv, const struct cli_globals *g)
{
	struct stats_options o = { 0 };
	cleanup_store struct store *store = NULL;
	struct stats st = { .options = &o, .globals = g, .names = argv + 1 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	st.names_len = n;
	st.is_terminal = isatty(STDOUT_FILENO) != 0;
	if (store_open(g->root, &store, &e) < 0)
		return cli_fail(&e);
	st.store = store;
	return run(&st, &e) < 0 ? cli_fail(&e) : cli_end_output(0);
}
