/* SPDX-License-Identifier: Apache-2.0 */
/* sampan images */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/filter.h"
#include "cli/find_image.h"
#include "cli/format.h"
#include "cli/rows.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "store/image.h"

#define LIST_MAX_BYTES (256u << 20)

struct images_options {
	bool all, quiet, no_trunc, digests;
	const char *format;
	struct strvec filters;
};

#define OPT(m) offsetof(struct images_options, m)
static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, OPT(all), NULL, "All images; there are no hidden ones" },
	{ "digests", 0, OPTION_BOOL, OPT(digests), NULL, "Also the digests that the names pointed at" },
	{ "filter", 'f', OPTION_LIST, OPT(filters), "filter",
	  "dangling=true|false, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN" },
	{ "format", 0, OPTION_STRING, OPT(format), "string",
	  "table, json, or a template: {{.Repository}} {{.Tag}} {{.ID}}" },
	{ "no-trunc", 0, OPTION_BOOL, OPT(no_trunc), NULL, "Whole IDs" },
	{ "quiet", 'q', OPTION_BOOL, OPT(quiet), NULL, "IDs only" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan images",
	.usage = "[OPTIONS] [REPOSITORY[:TAG]]",
	.summary = "List images",
	.options = OPTIONS,
	.max_args = 1,
};

/* One image as it is shown. */
struct row {
	const struct image_record *record;
	char *repository; /* "busybox" */
	char *name;       /* "busybox:latest" */
	const char *tag;  /* in `ref` */
	struct reference ref;
	struct image_config config;
	char created[FORMAT_MAX], created_at[FORMAT_MAX], size[FORMAT_MAX], short_id[FORMAT_MAX];
};

static void row_done(struct row *r)
{
	free(r->repository);
	free(r->name);
	reference_done(&r->ref);
	image_config_done(&r->config);
}
#define cleanup_row __attribute__((cleanup(row_done)))

static int row_make(const struct store *s, const struct image_record *record, time_t now, struct row *ret,
		    struct err *e)
{
	int r = reference_parse(record->name, &ret->ref, e);

	if (r == 0)
		r = image_load_config(s, record, &ret->config, NULL, e);
	if (r < 0)
		return err_wrap(e, "image '%s'", record->name);
	ret->record = record;
	ret->repository = reference_familiar_name(&ret->ref);
	ret->name = reference_familiar(&ret->ref);
	ret->tag = ret->ref.tag ? ret->ref.tag : "<none>";
	if (!ret->repository || !ret->name)
		return err_set(e, -ENOMEM, "out of memory");
	format_ago(ret->config.created, now, ret->created);
	format_time(ret->config.created, ret->created_at);
	format_size(record->size_bytes, ret->size);
	format_short_id(record->config.text, ret->short_id);
	return 0;
}

/* "busybox", "busybox:1.36", "docker.io/library/busybox:latest", "local*" */
static bool matches(const struct row *r, const char *pattern)
{
	return !pattern || fnmatch(pattern, r->repository, 0) == 0 || fnmatch(pattern, r->name, 0) == 0 ||
	       fnmatch(pattern, r->record->name, 0) == 0;
}

/* What the name pointed at in the registry. */
static const char *remote_digest(const struct image_record *r)
{
	return digest_is_set(&r->index) ? r->index.text : r->manifest.text;
}

/* --- filters --- */

/* What was asked for, looked up once. */
struct filter {
	const struct strvec *texts;
	const char *pattern;           /* NULL: any */
	struct timespec before, since; /* tv_sec 0: not asked for */
};

static bool has_reference(const char *value, const void *row)
{
	return matches(row, value);
}

static bool is_dangling_as(const char *value, const void *row)
{
	bool yes = false;

	return parse_bool(value, &yes) == 0 && yes == !((const struct row *)row)->ref.tag;
}

static int created_of(const struct store *s, const char *what, struct timespec *ret, struct err *e)
{
	cleanup_image_record struct image_record record = { 0 };
	cleanup_image_config struct image_config config = { 0 };
	int r = find_image(s, what, &record, e);

	if (r == 0)
		r = image_load_config(s, &record, &config, NULL, e);
	if (r < 0)
		return r;
	if (!config.created || format_parse_rfc3339(config.created, ret) < 0)
		return err_set(e, -EINVAL, "image '%s' does not say when it was created", what);
	return 0;
}

static int filter_make(const struct store *s, const struct strvec *texts, const char *pattern,
		       struct filter *ret, struct err *e)
{
	static const char *const NAMES[] = { "before",    "dangling", "label", "label!",
					     "reference", "since",    NULL };
	int r = filter_check(texts, NAMES, e);

	*ret = (struct filter){ .texts = texts, .pattern = pattern };
	for (size_t i = 0; r == 0 && i < texts->len; i++) {
		const char *before = filter_value(texts->items[i], "before");
		const char *since = filter_value(texts->items[i], "since");
		const char *dangling = filter_value(texts->items[i], "dangling");
		bool yes;

		if (before)
			r = created_of(s, before, &ret->before, e);
		else if (since)
			r = created_of(s, since, &ret->since, e);
		else if (dangling && parse_bool(dangling, &yes) < 0)
			r = err_set(e, -EINVAL, "invalid filter 'dangling=[%s]'", dangling);
	}
	return r;
}

static int compare_times(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

static bool is_in_time(const struct filter *f, const struct row *r)
{
	struct timespec created;

	if (f->before.tv_sec == 0 && f->since.tv_sec == 0)
		return true;
	if (!r->config.created || format_parse_rfc3339(r->config.created, &created) < 0)
		return false;
	return (f->before.tv_sec == 0 || compare_times(&created, &f->before) < 0) &&
	       (f->since.tv_sec == 0 || compare_times(&created, &f->since) > 0);
}

static bool filter_match(const struct filter *f, const struct row *r)
{
	return matches(r, f->pattern) && filter_any(f->texts, "dangling", is_dangling_as, r) &&
	       filter_any(f->texts, "reference", has_reference, r) && is_in_time(f, r) &&
	       filter_labels(f->texts, &r->config.labels);
}

/* --- output --- */

struct output {
	const struct images_options *options;
	struct rows rows;
	struct json_out *json; /* NULL: rows, or IDs */
};

#define FIELDS 14
static void make_fields(const struct images_options *o, const struct row *r,
			struct template_field ret[FIELDS])
{
	const char *id = o->no_trunc ? r->record->config.text : r->short_id;
	const struct template_field fields[FIELDS] = {
		{ "Containers", "CONTAINERS", "N/A", NULL, NULL },
		{ "CreatedAt", "CREATED AT", r->created_at, NULL, NULL },
		{ "CreatedSince", "CREATED", r->created, NULL, NULL },
		{ "Digest", "DIGEST", remote_digest(r->record), NULL, NULL },
		{ "ID", "IMAGE ID", id, NULL, NULL },
		{ "Label", "LABEL", NULL, NULL, &r->config.labels },
		{ "Repository", "REPOSITORY", r->repository, NULL, NULL },
		{ "SharedSize", "SHARED SIZE", "N/A", NULL, NULL },
		{ "Size", "SIZE", r->size, NULL, NULL },
		{ "Tag", "TAG", r->tag, NULL, NULL },
		{ "UniqueSize", "UNIQUE SIZE", "N/A", NULL, NULL },
		{ "VirtualSize", "VIRTUAL SIZE", r->size, NULL, NULL },
		{ 0 },
	};

	memcpy(ret, fields, sizeof(fields));
}

static void json_row(struct json_out *o, const struct row *r)
{
	char platform[3 * PLATFORM_FIELD_MAX];

	platform_format(&r->config.platform, platform);
	json_out_object(o, NULL);
	json_out_string(o, "ID", r->record->config.text);
	json_out_string(o, "Repository", r->repository);
	json_out_string(o, "Tag", r->tag);
	json_out_string(o, "Digest", remote_digest(r->record));
	json_out_string(o, "Platform", platform);
	json_out_string(o, "CreatedAt", r->config.created);
	json_out_string(o, "CreatedSince", r->created);
	json_out_string(o, "Size", r->size);
	json_out_u64(o, "SizeBytes", r->record->size_bytes);
	json_out_end(o);
}

static int begin(struct output *out, struct err *e)
{
	static const char
		PLAIN[] = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
		DIGESTS[] = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
	const struct image_record nothing = { 0 };
	const struct row sample = { .record = &nothing };
	struct template_field fields[FIELDS];

	make_fields(out->options, &sample, fields);
	return rows_begin(&out->rows, out->options->format, out->options->digests ? DIGESTS : PLAIN, fields,
			  e);
}

static int show_row(struct output *out, const struct row *r, struct err *e)
{
	struct template_field fields[FIELDS];

	if (out->options->quiet) {
		(void)puts(out->options->no_trunc ? r->record->config.text : r->short_id);
		return 0;
	}
	if (out->json) {
		json_row(out->json, r);
		return 0;
	}
	make_fields(out->options, r, fields);
	return rows_add(&out->rows, fields, e);
}

/* An image that cannot be read is told of, and the others are listed. */
static int show_all(const struct store *s, const struct image_record *items, size_t len,
		    const struct filter *filter, struct output *out)
{
	time_t now = time(NULL);
	int code = 0;

	for (size_t i = 0; i < len; i++) {
		cleanup_row struct row row = { 0 };
		struct err e = { 0 };

		if (row_make(s, &items[i], now, &row, &e) < 0)
			code = cli_fail(&e);
		else if (filter_match(filter, &row) && show_row(out, &row, &e) < 0)
			return cli_fail(&e);
	}
	return code;
}

/* An exit code, or an error. */
static int show(const struct store *s, const struct image_record *items, size_t len,
		const struct filter *filter, const struct images_options *options, struct err *e)
{
	bool json = options->format && strcmp(options->format, "json") == 0 && !options->quiet;
	cleanup_json_out struct json_out *o = json ? json_out_new(true, LIST_MAX_BYTES) : NULL;
	struct output out = { .options = options, .json = o };
	int r = json && !o ? err_set(e, -ENOMEM, "out of memory") : 0;

	json_out_array(o, NULL);
	if (r == 0 && !options->quiet && !json)
		r = begin(&out, e);
	if (r == 0) {
		r = show_all(s, items, len, filter, &out);
		if (json) {
			json_out_end(o);
			r = cli_print_json(o) || r;
		} else if (!options->quiet) {
			rows_end(&out.rows);
		}
	}
	rows_done(&out.rows);
	return r;
}

static int run(const struct images_options *options, const char *pattern, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	struct filter filter;
	struct err e = { 0 };
	int r = store_open(g->root, &store, &e);

	if (r == 0)
		r = filter_make(store, &options->filters, pattern, &filter, &e);
	if (r == 0)
		r = image_list(store, &items, &len, &damaged, &e);
	if (r == 0 && damaged > 0)
		cli_error("warning: %zu image names are damaged and not shown", damaged);
	if (r == 0)
		r = show(store, items, len, &filter, options, &e);
	image_list_free(items, len);
	return r < 0 ? cli_fail(&e) : r;
}

int cmd_images(int argc, char **argv, const struct cli_globals *g)
{
	struct images_options options = { 0 };
	int n = 0, code = 0;

	if (cli_options(&COMMAND, argc, argv, &options, &n, &code))
		code = cli_end_output(run(&options, n > 0 ? argv[1] : NULL, g));
	strvec_done(&options.filters);
	return code;
}
