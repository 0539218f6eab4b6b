/* SPDX-License-Identifier: Apache-2.0 */
/* sampan volume: create, inspect, ls, prune, rm */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/filter.h"
#include "cli/format.h"
#include "cli/go_template.h"
#include "cli/prune.h"
#include "cli/rows.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "store/container_event.h"
#include "store/usage.h"
#include "store/volume.h"

#define DOCUMENT_MAX_BYTES (64u << 20)
#define ANONYMOUS_LABEL    "com.docker.volume.anonymous="
#define SCOPE              "local"

/* --- create --- */

struct create_options {
	const char *driver, *name;
	struct strvec labels, options;
};

#define CREATE(m) offsetof(struct create_options, m)
static const struct option_def CREATE_OPTIONS[] = {
	{ "driver", 'd', OPTION_STRING, CREATE(driver), "string", "Volume driver: there is \"local\"" },
	{ "label", 0, OPTION_LIST, CREATE(labels), "list", "Labels: KEY=VALUE" },
	{ "name", 0, OPTION_STRING, CREATE(name), "string", "Name of the volume" },
	{ "opt", 'o', OPTION_LIST, CREATE(options), "list",
	  "What to mount there: type=TYPE, device=DEVICE, o=OPTIONS" },
	{ 0 },
};
static const struct command_def CREATE_COMMAND = {
	.name = "sampan volume create",
	.usage = "[OPTIONS] [VOLUME]",
	.summary = "Create a volume",
	.options = CREATE_OPTIONS,
	.max_args = 1,
};

/* NAME=VALUE texts of the command line, the last one of a name winning. */
static int set_all(struct strvec *ret, const struct strvec *from, const char *what, struct err *e)
{
	for (size_t i = 0; i < from->len; i++) {
		cleanup_free char *text = NULL;

		if (from->items[i][0] == '=' || !from->items[i][0])
			return err_set(e, -EINVAL, "invalid %s: '%s'", what, from->items[i]);
		if (asprintf(&text, "%s%s", from->items[i], strchr(from->items[i], '=') ? "" : "=") < 0)
			text = NULL;
		if (!text || strvec_set_env(ret, text) < 0)
			return err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

static int create(const struct create_options *o, const char *name, const struct cli_globals *g,
		  struct err *e)
{
	cleanup_volume_record struct volume_record v = { .anonymous = !name };
	cleanup_store struct store *s = NULL;
	cleanup_fd int lock_fd = -1;
	bool made;
	int r;

	if (o->driver && strcmp(o->driver, VOLUME_DRIVER) != 0)
		return err_set(
			e, -ENOENT,
			"create %s: error looking up volume plugin %s: plugin \"%s\" not found (there is "
			"the driver \"local\" only)",
			name ? name : "", o->driver, o->driver);
	if (name && !(v.name = strdup(name)))
		return err_set(e, -ENOMEM, "out of memory");
	r = set_all(&v.labels, &o->labels, "label", e);
	if (r == 0)
		r = set_all(&v.options, &o->options, "option", e);
	if (r == 0)
		r = store_open(g->root, &s, e);
	if (r == 0)
		r = volume_lock(s, false, &lock_fd, e);
	if (r == 0)
		r = volume_create(s, &v, &made, e);
	if (r == 0 && made)
		volume_event(g->state_dir, v.name, "create");
	if (r == 0)
		(void)puts(v.name);
	return r;
}

static int volume_create_command(int argc, char **argv, const struct cli_globals *g)
{
	struct create_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (cli_options(&CREATE_COMMAND, argc, argv, &o, &n, &code)) {
		if (o.name && n > 0) {
			cli_error("conflicting options: cannot specify a volume name through both --name and "
				  "as a positional arg");
			code = CLI_EXIT_FAILED;
		} else {
			code = create(&o, n > 0 ? argv[1] : o.name, g, &e) < 0 ? cli_fail(&e) : 0;
		}
		code = cli_end_output(code);
	}
	strvec_done(&o.labels);
	strvec_done(&o.options);
	return code;
}

/* --- what is shown of one --- */

static void write_labels(struct json_out *o, const struct volume_record *v)
{
	cleanup_strvec struct strvec labels = { 0 };
	int r = strvec_add_all(&labels, &v->labels);

	if (r == 0 && v->anonymous)
		r = strvec_add(&labels, ANONYMOUS_LABEL);
	if (r < 0 || labels.len == 0)
		json_out_null(o, "Labels");
	else
		json_out_map(o, "Labels", &labels);
}

static void write_volume(struct json_out *o, const struct store *s, const struct volume_record *v)
{
	cleanup_free char *path = volume_data_path(s, v->name);

	json_out_object(o, NULL);
	json_out_string(o, "CreatedAt", v->created);
	json_out_string(o, "Driver", VOLUME_DRIVER);
	write_labels(o, v);
	json_out_string(o, "Mountpoint", path);
	json_out_string(o, "Name", v->name);
	if (v->options.len > 0)
		json_out_map(o, "Options", &v->options);
	else
		json_out_null(o, "Options");
	json_out_string(o, "Scope", SCOPE);
	json_out_end(o);
}

/* "a=1,b=" -> docker's "a=1,b=". */
static char *labels_text(const struct volume_record *v)
{
	cleanup_buf struct buf text = BUF_INIT(TEMPLATE_OUT_MAX);
	int r = v->anonymous ? buf_add_str(&text, ANONYMOUS_LABEL) : 0;

	for (size_t i = 0; r == 0 && i < v->labels.len; i++)
		r = buf_printf(&text, "%s%s", text.len ? "," : "", v->labels.items[i]);
	return r < 0 ? NULL : buf_take(&text);
}

/* The texts that a row of a list borrows. */
struct shown {
	char *labels, *path;
	char links[FORMAT_MAX], size[FORMAT_MAX];
};

static void shown_done(struct shown *t)
{
	free(t->labels);
	free(t->path);
}
#define cleanup_shown __attribute__((cleanup(shown_done)))

#define FIELDS        9
static void make_fields(const struct usage_volume *v, const struct shown *t,
			struct template_field ret[FIELDS])
{
	const struct template_field fields[FIELDS] = {
		{ "Availability", "AVAILABILITY", "N/A", NULL },
		{ "Driver", "DRIVER", VOLUME_DRIVER, NULL },
		{ "Labels", "LABELS", t->labels, NULL },
		{ "Links", "LINKS", t->links, NULL },
		{ "Mountpoint", "MOUNTPOINT", t->path, NULL },
		{ "Name", "VOLUME NAME", v->record.name, NULL },
		{ "Scope", "SCOPE", SCOPE, NULL },
		{ "Size", "SIZE", t->size, NULL },
		{ 0 },
	};

	memcpy(ret, fields, sizeof(fields));
}

static int add_row(const struct store *s, const struct usage_volume *v, struct rows *rows, struct err *e)
{
	cleanup_shown struct shown t = { .labels = labels_text(&v->record),
					 .path = volume_data_path(s, v->record.name) };
	struct template_field fields[FIELDS];

	if (!t.labels || !t.path)
		return err_set(e, -ENOMEM, "out of memory");
	(void)snprintf(t.links, sizeof(t.links), "%zu", v->containers);
	(void)snprintf(t.size, sizeof(t.size), "N/A"); /* docker's, which measures in `system df` only */
	make_fields(v, &t, fields);
	return rows_add(rows, fields, e);
}

/* --- ls --- */

struct ls_options {
	bool quiet;
	const char *format;
	struct strvec filters;
};

#define LS(m) offsetof(struct ls_options, m)
static const struct option_def LS_OPTIONS[] = {
	{ "filter", 'f', OPTION_LIST, LS(filters), "filter",
	  "dangling=true|false, driver=NAME, label=KEY[=VALUE], name=PART" },
	{ "format", 0, OPTION_STRING, LS(format), "string",
	  "\"json\", \"table TEMPLATE\", or a template of the fields Name, Driver, Scope, Mountpoint, "
	  "Labels, Links" },
	{ "quiet", 'q', OPTION_BOOL, LS(quiet), NULL, "Names only" },
	{ 0 },
};
static const struct command_def LS_COMMAND = {
	.name = "sampan volume ls",
	.usage = "[OPTIONS]",
	.summary = "List volumes",
	.options = LS_OPTIONS,
	.max_args = 0,
};

/* Those that docker makes without a name have a label more. */
static int labels_of(const struct volume_record *v, struct strvec *ret, struct err *e)
{
	int r = strvec_add_all(ret, &v->labels);

	if (r == 0 && v->anonymous)
		r = strvec_add(ret, ANONYMOUS_LABEL);
	return r < 0 ? err_code(e, r, "cannot read labels") : 0;
}

static int check_filters(const struct strvec *filters, struct err *e)
{
	static const char *const NAMES[] = { "dangling", "driver", "label", "label!", "name", NULL };
	int r = filter_check(filters, NAMES, e);

	for (size_t i = 0; r == 0 && i < filters->len; i++) {
		const char *dangling = filter_value(filters->items[i], "dangling");
		bool yes;

		if (dangling && parse_bool(dangling, &yes) < 0)
			r = err_set(e, -EINVAL, "invalid filter 'dangling=[%s]'", dangling);
	}
	return r;
}

static bool is_dangling_as(const char *value, const void *volume)
{
	bool yes = false;

	return parse_bool(value, &yes) == 0 &&
	       yes == (((const struct usage_volume *)volume)->containers == 0);
}

static bool has_driver(const char *value, const void *volume)
{
	(void)volume;
	return strcmp(value, VOLUME_DRIVER) == 0;
}

static bool has_part(const char *value, const void *volume)
{
	return strstr(((const struct usage_volume *)volume)->record.name, value) != NULL;
}

/* 1, 0, or -ENOMEM. */
static int matches(const struct usage_volume *v, const struct strvec *filters, struct err *e)
{
	cleanup_strvec struct strvec labels = { 0 };
	int r = labels_of(&v->record, &labels, e);

	if (r < 0)
		return r;
	return filter_labels(filters, &labels) && filter_any(filters, "dangling", is_dangling_as, v) &&
	       filter_any(filters, "driver", has_driver, v) && filter_any(filters, "name", has_part, v);
}

static int ls(const struct ls_options *o, const struct cli_globals *g, struct err *e)
{
	cleanup_rows struct rows rows = { 0 };
	cleanup_store struct store *s = NULL;
	cleanup_usage struct usage u = { 0 };
	struct template_field sample[FIELDS];
	const struct usage_volume nothing = { 0 };
	const struct shown no_texts = { 0 };
	int r = check_filters(&o->filters, e);

	make_fields(&nothing, &no_texts, sample);
	if (r == 0 && !o->quiet)
		r = rows_begin(&rows, o->format, "{{.Driver}}\t{{.Name}}", sample, e);
	if (r == 0)
		r = store_open(g->root, &s, e);
	if (r == 0)
		r = usage_read(s, false, &u, e);
	for (size_t i = 0; r == 0 && i < u.volumes_len; i++) {
		r = matches(&u.volumes[i], &o->filters, e);
		if (r > 0 && o->quiet)
			r = puts(u.volumes[i].record.name) < 0 ? -EIO : 0;
		else if (r > 0)
			r = add_row(s, &u.volumes[i], &rows, e);
	}
	if (r == 0 && !o->quiet)
		rows_end(&rows);
	return r;
}

static int volume_ls(int argc, char **argv, const struct cli_globals *g)
{
	struct ls_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (cli_options(&LS_COMMAND, argc, argv, &o, &n, &code))
		code = cli_end_output(ls(&o, g, &e) < 0 ? cli_fail(&e) : 0);
	strvec_done(&o.filters);
	return code;
}

/* --- inspect --- */

struct inspect_options {
	const char *format;
};

static const struct option_def INSPECT_OPTIONS[] = {
	{ "format", 'f', OPTION_CALL, offsetof(struct inspect_options, format), "string",
	  "json, or a Go template (default: JSON for people)", go_template_set },
	{ 0 },
};
static const struct command_def INSPECT_COMMAND = {
	.name = "sampan volume inspect",
	.usage = "[OPTIONS] VOLUME [VOLUME...]",
	.summary = "Show all that is known about volumes, as JSON",
	.options = INSPECT_OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int inspect_one(const struct store *s, const char *name, const char *format, struct json_out *all,
		       struct err *e)
{
	cleanup_volume_record struct volume_record v = { 0 };
	cleanup_json_out struct json_out *one = NULL;
	int r = volume_find(s, name, &v, e);

	if (r < 0)
		return r;
	if (!go_template_is_set(format)) {
		write_volume(all, s, &v);
		return 0;
	}
	one = json_out_new(false, DOCUMENT_MAX_BYTES);
	write_volume(one, s, &v);
	return go_template_print(format, one, e);
}

static int volume_inspect(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_json_out struct json_out *o = NULL;
	cleanup_store struct store *s = NULL;
	struct inspect_options options = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0, printed;

	if (!cli_options(&INSPECT_COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (store_open(g->root, &s, &e) < 0)
		return cli_fail(&e);
	o = json_out_new(!options.format, DOCUMENT_MAX_BYTES);
	json_out_array(o, NULL);
	for (int i = 1; i <= n; i++)
		if (inspect_one(s, argv[i], options.format, o, &e) < 0)
			code = cli_fail(&e);
	json_out_end(o);
	printed = go_template_is_set(options.format) ? cli_end_output(0) : cli_print_json(o);
	return code ? code : printed;
}

/* --- rm --- */

struct rm_options {
	bool force;
};

static const struct option_def RM_OPTIONS[] = {
	{ "force", 'f', OPTION_BOOL, offsetof(struct rm_options, force), NULL,
	  "It is no error if there is no such volume" },
	{ 0 },
};
static const struct command_def RM_COMMAND = {
	.name = "sampan volume rm",
	.usage = "[OPTIONS] VOLUME [VOLUME...]",
	.summary = "Remove volumes that no container has",
	.options = RM_OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int volume_rm(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *s = NULL;
	struct rm_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&RM_COMMAND, argc, argv, &o, &n, &code))
		return code;
	if (store_open(g->root, &s, &e) < 0)
		return cli_fail(&e);
	for (int i = 1; i <= n; i++) {
		int r = volume_remove(s, argv[i], &e);

		if (r < 0 && !(r == -ENOENT && o.force))
			code = cli_fail(&e);
		else
			(void)puts(argv[i]);
		if (r == 0)
			volume_event(g->state_dir, argv[i], "destroy");
	}
	return cli_end_output(code);
}

/* --- prune --- */

struct prune_options {
	bool all, force;
	struct strvec filters;
};

#define PRUNE(m) offsetof(struct prune_options, m)
static const struct option_def PRUNE_OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, PRUNE(all), NULL, "Also volumes that have been given a name" },
	{ "filter", 0, OPTION_LIST, PRUNE(filters), "filter", "label=KEY[=VALUE], label!=KEY[=VALUE]" },
	{ "force", 'f', OPTION_BOOL, PRUNE(force), NULL, "Do not ask" },
	{ 0 },
};
static const struct command_def PRUNE_COMMAND = {
	.name = "sampan volume prune",
	.usage = "[OPTIONS]",
	.summary = "Remove anonymous volumes that no container has",
	.options = PRUNE_OPTIONS,
	.max_args = 0,
};

static int check_prune_filters(const struct strvec *filters, struct err *e)
{
	static const char *const NAMES[] = { "label", "label!", NULL };

	return filter_check(filters, NAMES, e);
}

/* 1, 0, or -ENOMEM. */
static int may_go(const struct usage_volume *v, bool all, const struct strvec *filters, struct err *e)
{
	return v->containers == 0 && (all || v->record.anonymous) ? matches(v, filters, e) : 0;
}

int prune_volumes(const struct store *s, const struct cli_globals *g, bool all, const struct strvec *filters,
		  uint64_t *freed, struct err *e)
{
	cleanup_usage struct usage u = { 0 };
	uint64_t before = *freed;
	size_t removed = 0;
	int r = usage_read(s, true, &u, e);

	for (size_t i = 0; r >= 0 && i < u.volumes_len; i++) {
		const struct usage_volume *v = &u.volumes[i];

		r = may_go(v, all, filters, e);
		if (r <= 0)
			continue;
		r = volume_remove(s, v->record.name, e);
		if (r == -EBUSY || r == -ENOENT) { /* somebody was faster */
			r = 0;
		} else if (r == 0) {
			(void)printf("%s%s\n", removed++ ? "" : "Deleted Volumes:\n", v->record.name);
			volume_event(g->state_dir, v->record.name, "destroy");
			*freed += v->size_bytes;
		}
	}
	if (removed)
		(void)putchar('\n');
	prune_tell(g, "volume", *freed - before);
	return r < 0 ? r : 0;
}

static int prune(const struct store *s, const struct prune_options *o, const struct cli_globals *g,
		 struct err *e)
{
	uint64_t freed = 0;
	int r = prune_volumes(s, g, o->all, &o->filters, &freed, e);

	if (r == 0)
		prune_report(freed);
	return r;
}

static int run_prune(const struct prune_options *o, const struct cli_globals *g)
{
	cleanup_store struct store *s = NULL;
	struct err e = { 0 };

	if (check_prune_filters(&o->filters, &e) < 0 || store_open(g->root, &s, &e) < 0)
		return cli_fail(&e);
	if (!o->force && !cli_confirm(o->all ? "all local volumes not used by at least one container"
					     : "anonymous local volumes not used by at least one container"))
		return 0;
	return prune(s, o, g, &e) < 0 ? cli_fail(&e) : 0;
}

static int volume_prune(int argc, char **argv, const struct cli_globals *g)
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
	{ "create", volume_create_command, "Create a volume" },
	{ "inspect", volume_inspect, "Show all that is known about volumes, as JSON" },
	{ "ls", volume_ls, "List volumes" },
	{ "prune", volume_prune, "Remove volumes that no container has" },
	{ "rm", volume_rm, "Remove volumes" },
	{ "list", volume_ls, NULL },
	{ "remove", volume_rm, NULL },
	{ 0 },
};

int cmd_volume(int argc, char **argv, const struct cli_globals *g)
{
	return cli_run_subcommand("volume", "Manage volumes", COMMANDS, argc, argv, g);
}
