/* SPDX-License-Identifier: Apache-2.0 */
/* sampan builder: df, prune */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/format.h"
#include "cli/prune.h"
#include "cli/prune_filter.h"
#include "cli/table.h"
#include "common/cleanup.h"
#include "common/timestamp.h"
#include "store/build_cache.h"

#define CELLS_MAX (4 * (STEP_FILES_MAX + CACHE_MOUNTS_MAX + 1))

/* --- df --- */

struct df_options {
	bool verbose;
};

static const struct option_def DF_OPTIONS[] = {
	{ "verbose", 'v', OPTION_BOOL, offsetof(struct df_options, verbose), NULL,
	  "All that is known about each step and each cache mount" },
	{ 0 },
};
static const struct command_def DF_COMMAND = {
	.name = "sampan builder df",
	.usage = "[OPTIONS]",
	.summary = "Show how much space the cache of builds takes up",
	.options = DF_OPTIONS,
	.max_args = 0,
};

/* One step or one cache mount, as docker shows both. */
struct item {
	const char *id, *parent, *type;
	const char *what, *text; /* two parts of the description */
	bool mutable, shared, in_use;
	uint64_t size_bytes;
	int64_t used_s;
};

static struct item item_of_step(const struct build_cache_step *s)
{
	return (struct item){ .id = digest_hex(&s->record.key),
			      .parent = digest_is_set(&s->record.before) ? digest_hex(&s->record.before) : "",
			      .type = BUILD_CACHE_STEP_TYPE,
			      .what = "",
			      .text = s->record.text ? s->record.text : "",
			      .shared = s->shared,
			      .size_bytes = s->record.layer ? s->record.size_bytes : 0,
			      .used_s = s->record.used_s };
}

static struct item item_of_mount(const struct cache_mount_info *m)
{
	return (struct item){ .id = m->name,
			      .parent = "",
			      .type = BUILD_CACHE_MOUNT_TYPE,
			      .what = "cache mount with id ",
			      .text = m->id,
			      .mutable = true,
			      .in_use = m->in_use,
			      .size_bytes = m->size_bytes,
			      .used_s = m->used_s };
}

static const char *yes_or_no(bool yes)
{
	return yes ? "true" : "false";
}

/* Removing it frees what it takes up. */
static bool is_reclaimable(const struct item *i)
{
	return !i->shared && !i->in_use;
}

/* In one line, and nothing that a terminal would obey: it is from a Dockerfile. */
static void print_text(const char *text)
{
	for (; *text; text++)
		(void)putchar((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
}

static void print_verbose(const struct item *i)
{
	char size[FORMAT_MAX], used[FORMAT_MAX];

	format_size(i->size_bytes, size);
	format_ago_s(i->used_s, time(NULL), used);
	(void)printf("ID:           %s\n", i->id);
	if (*i->parent)
		(void)printf("Parent:       %s\n", i->parent);
	(void)printf(
		"Mutable:      %s\nReclaimable:  %s\nShared:       %s\nSize:         %s\nDescription:  %s",
		yes_or_no(i->mutable), yes_or_no(is_reclaimable(i)), yes_or_no(i->shared), size, i->what);
	print_text(i->text);
	(void)printf("\nLast used:    %s\nType:         %s\n\n", used, i->type);
}

static int add_item(struct table *t, const struct item *i)
{
	char id[FORMAT_MAX], marked[FORMAT_MAX + 1], size[FORMAT_MAX], used[FORMAT_MAX];

	format_short_id(i->id, id);
	(void)snprintf(marked, sizeof(marked), "%s%s", id, i->mutable ? "*" : "");
	format_size(i->size_bytes, size);
	format_ago_s(i->used_s, time(NULL), used);
	return table_add_row(t, (const char *const[]){ marked, yes_or_no(is_reclaimable(i)), size, used });
}

static int show(struct table *t, const struct item *i, bool verbose)
{
	if (!verbose)
		return add_item(t, i);
	print_verbose(i);
	return 0;
}

static int show_items(const struct build_cache *c, bool verbose)
{
	static const char *const HEADING[] = { "ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED" };
	cleanup_table struct table t = { .columns = ARRAY_LEN(HEADING), .cells = { .max = CELLS_MAX } };
	int r = table_add_row(&t, HEADING);

	for (size_t n = c->steps_len; r == 0 && n > 0; n--) {
		const struct item i = item_of_step(&c->steps[n - 1]);

		r = show(&t, &i, verbose);
	}
	for (size_t n = c->mounts_len; r == 0 && n > 0; n--) {
		const struct item i = item_of_mount(&c->mounts[n - 1]);

		r = show(&t, &i, verbose);
	}
	if (r == 0 && !verbose)
		table_print(&t, stdout);
	return r;
}

static void print_sum(const char *what, uint64_t bytes)
{
	char size[FORMAT_MAX];

	format_size(bytes, size);
	(void)printf("%-14s%s\n", what, size);
}

static int builder_df(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *s = NULL;
	cleanup_usage struct usage u = { 0 };
	cleanup_build_cache struct build_cache c = { 0 };
	struct df_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&DF_COMMAND, argc, argv, &o, &n, &code))
		return code;
	if (store_open(g->root, &s, &e) < 0 || usage_read(s, false, &u, &e) < 0 ||
	    build_cache_read(s, &u, &c, &e) < 0)
		return cli_fail(&e);
	if (show_items(&c, o.verbose) < 0) {
		(void)err_code(&e, -ENOMEM, "cannot show the cache of builds");
		return cli_fail(&e);
	}
	if (c.shared_bytes > 0) {
		print_sum("Shared:", c.shared_bytes);
		print_sum("Private:", c.private_bytes);
	}
	print_sum("Reclaimable:", c.private_bytes - c.in_use_bytes);
	print_sum("Total:", c.shared_bytes + c.private_bytes);
	return cli_end_output(0);
}

/* --- prune --- */

struct prune_options {
	bool all, force;
	struct strvec filters;
	struct opt_u64 max_used, min_free;
};

#define PRUNE(m) offsetof(struct prune_options, m)
static const struct option_def PRUNE_OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, PRUNE(all), NULL,
	  "Also steps whose layers images or containers have, which frees no space" },
	{ "filter", 0, OPTION_LIST, PRUNE(filters), "filter", "until=TIME (not used since)" },
	{ "force", 'f', OPTION_BOOL, PRUNE(force), NULL, "Do not ask" },
	{ "keep-storage", 0, OPTION_SIZE, PRUNE(max_used), "bytes", "The same as --max-used-space" },
	{ "max-used-space", 0, OPTION_SIZE, PRUNE(max_used), "bytes",
	  "Remove only until the cache takes up no more, what was used least recently first" },
	{ "min-free-space", 0, OPTION_SIZE, PRUNE(min_free), "bytes",
	  "Remove only until the file system has as much free" },
	{ 0 },
};
static const struct command_def PRUNE_COMMAND = {
	.name = "sampan builder prune",
	.usage = "[OPTIONS]",
	.summary = "Remove the cache of builds",
	.options = PRUNE_OPTIONS,
	.max_args = 0,
};

int prune_build_cache(const struct store *s, const struct cli_globals *g,
		      const struct build_cache_policy *policy, uint64_t *freed, struct err *e)
{
	cleanup_strvec struct strvec gone = { .max = STEP_FILES_MAX };
	uint64_t before = *freed;
	int r = build_cache_trim(s, policy, &gone, freed, e);

	if (gone.len > 0)
		(void)printf("Deleted build cache objects:\n");
	for (size_t i = 0; i < gone.len; i++)
		(void)puts(gone.items[i]);
	if (gone.len > 0)
		(void)putchar('\n');
	prune_tell(g, "builder", *freed - before);
	return r;
}

int prune_unused_since(const struct prune_policy *p, int64_t *ret, struct err *e)
{
	char text[TIMESTAMP_MAX];
	struct timespec t;

	*ret = INT64_MAX;
	if (!p->before)
		return 0;
	(void)snprintf(text, sizeof(text), "%sZ", p->before);
	if (timestamp_parse(text, &t) < 0)
		return err_set(e, -EINVAL, "bad time '%s'", p->before);
	*ret = t.tv_sec;
	return 0;
}

/* Steps have no labels. */
static int parse_filters(const struct strvec *filters, int64_t *ret_since_s, struct err *e)
{
	cleanup_prune_policy struct prune_policy policy = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < filters->len; i++)
		if (strncmp(filters->items[i], "until=", strlen("until=")) != 0)
			r = err_set(e, -EINVAL, "bad filter '%s' (there is until=TIME)", filters->items[i]);
	if (r == 0)
		r = prune_filter_parse(filters, &policy, e);
	return r < 0 ? r : prune_unused_since(&policy, ret_since_s, e);
}

static int run_prune(const struct prune_options *o, const struct cli_globals *g)
{
	struct build_cache_policy policy = { .max_bytes = o->min_free.set ? UINT64_MAX : 0,
					     .min_free_bytes = o->min_free.set ? o->min_free.value : 0,
					     .all = o->all,
					     .mounts = true,
					     .wait = true };
	cleanup_store struct store *s = NULL;
	struct err e = { 0 };
	uint64_t freed = 0;

	if (o->max_used.set)
		policy.max_bytes = o->max_used.value;
	if (parse_filters(&o->filters, &policy.unused_since_s, &e) < 0)
		return cli_refuse(&e);
	if (store_open(g->root, &s, &e) < 0)
		return cli_fail(&e);
	if (!o->force && !cli_confirm(o->all ? "all build cache" : "all dangling build cache"))
		return 0;
	if (prune_build_cache(s, g, &policy, &freed, &e) < 0)
		return cli_fail(&e);
	prune_report(freed);
	return 0;
}

static int builder_prune(int argc, char **argv, const struct cli_globals *g)
{
	struct prune_options o = { 0 };
	int n = 0, code = 0;

	if (cli_options(&PRUNE_COMMAND, argc, argv, &o, &n, &code))
		code = cli_end_output(run_prune(&o, g));
	strvec_done(&o.filters);
	return code;
}

/* --- the command --- */

static const struct cli_subcommand COMMANDS[] = {
	{ "df", builder_df, "Show how much space the cache of builds takes up" },
	{ "prune", builder_prune, "Remove the cache of builds" },
	{ "du", builder_df, NULL }, /* docker's other name */
	{ 0 },
};

int cmd_builder(int argc, char **argv, const struct cli_globals *g)
{
	return cli_run_subcommand("builder", "Look after the cache of builds", COMMANDS, argc, argv, g);
}
