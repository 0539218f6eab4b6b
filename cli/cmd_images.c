/* SPDX-License-Identifier: Apache-2.0 */
/* sampan images */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "cli/table.h"
#include "common/cleanup.h"
#include "store/image.h"

#define LIST_MAX_BYTES (256u << 20)

struct images_options {
	bool all, quiet, no_trunc, digests, json;
};

#define OPT(m) offsetof(struct images_options, m)
static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, OPT(all), NULL, "All images; there are no hidden ones" },
	{ "digests", 0, OPTION_BOOL, OPT(digests), NULL, "Also the digests that the names pointed at" },
	{ "format", 0, OPTION_CALL, OPT(json), "json", "Print JSON", cli_set_format },
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
	char created[FORMAT_MAX], size[FORMAT_MAX], short_id[FORMAT_MAX];
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

struct output {
	const struct images_options *options;
	struct table table;
	struct json_out *json;
};

static int heading(struct output *out)
{
	static const char *const PLAIN[] = { "REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE" };
	static const char *const DIGESTS[] = { "REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE" };

	out->table.columns = out->options->digests ? ARRAY_LEN(DIGESTS) : ARRAY_LEN(PLAIN);
	return table_add_row(&out->table, out->options->digests ? DIGESTS : PLAIN);
}

static int table_row(struct output *out, const struct row *r)
{
	const char *id = out->options->no_trunc ? r->record->config.text : r->short_id;

	if (out->options->digests)
		return table_add_row(&out->table,
				     (const char *const[]){ r->repository, r->tag, remote_digest(r->record),
							    id, r->created, r->size });
	return table_add_row(&out->table,
			     (const char *const[]){ r->repository, r->tag, id, r->created, r->size });
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

static int show_row(struct output *out, const struct row *r)
{
	if (out->options->json)
		json_row(out->json, r);
	else if (out->options->quiet)
		(void)puts(out->options->no_trunc ? r->record->config.text : r->short_id);
	else
		return table_row(out, r);
	return 0;
}

/* An image that cannot be read is told of, and the others are listed. */
static int show_all(const struct store *s, const struct image_record *items, size_t len, const char *pattern,
		    struct output *out)
{
	time_t now = time(NULL);
	int code = 0;

	for (size_t i = 0; i < len; i++) {
		cleanup_row struct row row = { 0 };
		struct err e = { 0 };

		if (row_make(s, &items[i], now, &row, &e) < 0)
			code = cli_fail(&e);
		else if (matches(&row, pattern) && show_row(out, &row) < 0)
			return CLI_EXIT_FAILED;
	}
	return code;
}

static int show(const struct store *s, const struct image_record *items, size_t len, const char *pattern,
		const struct images_options *options)
{
	struct output out = { .options = options };
	int code, r = heading(&out);

	if (options->json)
		out.json = json_out_new(true, LIST_MAX_BYTES);
	json_out_array(out.json, NULL);
	code = r == 0 ? show_all(s, items, len, pattern, &out) : CLI_EXIT_FAILED;
	json_out_end(out.json);
	if (options->json)
		r = cli_print_json(out.json);
	else if (!options->quiet)
		table_print(&out.table, stdout);
	json_out_free(out.json);
	table_done(&out.table);
	return cli_end_output(code ? code : r);
}

int cmd_images(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct images_options options = { 0 };
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0 || image_list(store, &items, &len, &damaged, &e) < 0)
		return cli_fail(&e);
	if (damaged > 0)
		cli_error("warning: %zu image names are damaged and not shown", damaged);
	code = show(store, items, len, n > 0 ? argv[1] : NULL, &options);
	image_list_free(items, len);
	return code;
}
