/* SPDX-License-Identifier: Apache-2.0 */
/* sampan system: df, and under one roof with it what docker has there */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "cli/prune.h"
#include "cli/rows.h"
#include "cli/table.h"
#include "common/cleanup.h"
#include "store/build_cache.h"
#include "store/usage.h"

#define DOCUMENT_MAX_BYTES (64u << 20)
#define CACHE_CELLS_MAX    (5 * (STEP_FILES_MAX + CACHE_MOUNTS_MAX + 1))

struct df_options {
	const char *format;
	bool verbose;
};

static const struct option_def OPTIONS[] = {
	{ "format", 0, OPTION_STRING, offsetof(struct df_options, format), "string",
	  "table, json, or a template: {{.Type}}\\t{{.Size}}" },
	{ "verbose", 'v', OPTION_BOOL, offsetof(struct df_options, verbose), NULL,
	  "Each image, each container, each volume, and what builds have cached" },
	{ 0 },
};
static const struct command_def DF = {
	.name = "sampan system df",
	.usage = "[OPTIONS]",
	.summary = "Show how much space images, containers, volumes and the cache of builds take up",
	.options = OPTIONS,
	.max_args = 0,
};

struct row {
	const char *type;
	size_t total, active;
	uint64_t size, reclaimable;
};

/* Names of one image count once. */
static bool is_first_name(const struct usage *u, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (digest_equal(&u->images[i].record.config, &u->images[index].record.config))
			return false;
	return true;
}

#define ROWS_MAX 5

static void sum_up_cache(const struct build_cache *c, struct row *row)
{
	*row = (struct row){ .type = "Build Cache",
			     .total = c->steps_len + c->mounts_len,
			     .size = c->private_bytes,
			     .reclaimable = c->private_bytes - c->in_use_bytes };
	for (size_t i = 0; i < c->mounts_len; i++)
		row->active += c->mounts[i].in_use;
}

static void sum_up_mapped(const struct usage *u, struct row *row)
{
	*row = (struct row){ .type = "Image Copies", .total = u->mapped_len };
	for (size_t i = 0; i < u->mapped_len; i++) {
		bool used = u->mapped[i].containers > 0;

		row->active += used;
		row->size += u->mapped[i].size_bytes;
		row->reclaimable += used ? 0 : u->mapped[i].size_bytes;
	}
}

/* How many rows there are: that of copies only where there are copies, as docker knows of none. */
static size_t sum_up(const struct usage *u, const struct build_cache *c, struct row rows[ROWS_MAX])
{
	rows[0] = (struct row){ .type = "Images",
				.size = usage_layers_bytes(u),
				.reclaimable = usage_reclaimable_bytes(u) };
	for (size_t i = 0; i < u->images_len; i++) {
		rows[0].total += is_first_name(u, i);
		rows[0].active += is_first_name(u, i) && u->images[i].containers > 0;
	}
	rows[1] = (struct row){ .type = "Containers", .total = u->containers_len };
	for (size_t i = 0; i < u->containers_len; i++) {
		bool active = u->containers[i].record.status == CONTAINER_RUNNING;

		rows[1].active += active;
		rows[1].size += u->containers[i].size_bytes;
		rows[1].reclaimable += active ? 0 : u->containers[i].size_bytes;
	}
	rows[2] = (struct row){ .type = "Local Volumes", .total = u->volumes_len };
	for (size_t i = 0; i < u->volumes_len; i++) {
		bool used = u->volumes[i].containers > 0;

		rows[2].active += used;
		rows[2].size += u->volumes[i].size_bytes;
		rows[2].reclaimable += used ? 0 : u->volumes[i].size_bytes;
	}
	sum_up_cache(c, &rows[3]);
	sum_up_mapped(u, &rows[4]);
	return rows[4].total > 0 ? 5 : 4;
}

/* --- tables ------------------------------------------------------------------------------------------- */

enum { FIELDS = 6 };

static int add_row(struct rows *rows, const struct row *row, struct err *e)
{
	char total[FORMAT_MAX], active[FORMAT_MAX], size[FORMAT_MAX], part[FORMAT_MAX],
		reclaimable[2 * FORMAT_MAX];

	(void)snprintf(total, sizeof(total), "%zu", row->total);
	(void)snprintf(active, sizeof(active), "%zu", row->active);
	format_size(row->size, size);
	format_size(row->reclaimable, part);
	if (row->size > 0)
		(void)snprintf(reclaimable, sizeof(reclaimable), "%s (%u%%)", part,
			       (unsigned int)((double)row->reclaimable * 100.0 / (double)row->size));
	else
		(void)snprintf(reclaimable, sizeof(reclaimable), "%s", part);
	return rows_add(rows,
			(const struct template_field[FIELDS]){
				{ "Type", "TYPE", row->type, NULL, NULL },
				{ "TotalCount", "TOTAL", total, NULL, NULL },
				{ "Active", "ACTIVE", active, NULL, NULL },
				{ "Size", "SIZE", size, NULL, NULL },
				{ "Reclaimable", "RECLAIMABLE", reclaimable, NULL, NULL },
				{ 0 },
			},
			e);
}

static int print_summary(const struct usage *u, const struct build_cache *c, const char *format)
{
	static const struct template_field SAMPLE[FIELDS] = {
		{ "Type", "TYPE", NULL, NULL, NULL },
		{ "TotalCount", "TOTAL", NULL, NULL, NULL },
		{ "Active", "ACTIVE", NULL, NULL, NULL },
		{ "Size", "SIZE", NULL, NULL, NULL },
		{ "Reclaimable", "RECLAIMABLE", NULL, NULL, NULL },
		{ 0 },
	};
	static const char COLUMNS[] = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";
	cleanup_rows struct rows rows = { 0 };
	struct row sums[ROWS_MAX];
	size_t len = sum_up(u, c, sums);
	struct err e = { 0 };
	int r = rows_begin(&rows, format, COLUMNS, SAMPLE, &e);

	for (size_t i = 0; r == 0 && i < len; i++)
		r = add_row(&rows, &sums[i], &e);
	if (r < 0)
		return cli_fail(&e);
	rows_end(&rows);
	return cli_end_output(0);
}

static int add_image(struct table *t, const struct usage_image *image)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *repository = NULL;
	char id[FORMAT_MAX], created[FORMAT_MAX], size[FORMAT_MAX], shared[FORMAT_MAX], unique[FORMAT_MAX],
		containers[FORMAT_MAX];
	struct err ignored;

	if (reference_parse(image->record.name, &ref, &ignored) < 0)
		return 0; /* it was read from a record, so it parses */
	repository = reference_familiar_name(&ref);
	if (!repository)
		return -ENOMEM;
	format_short_id(image->record.config.text, id);
	format_ago(image->created, time(NULL), created);
	format_size(image->shared_bytes + image->unique_bytes, size);
	format_size(image->shared_bytes, shared);
	format_size(image->unique_bytes, unique);
	(void)snprintf(containers, sizeof(containers), "%zu", image->containers);
	return table_add_row(t, (const char *const[]){ repository, ref.tag ? ref.tag : "<none>", id, created,
						       size, shared, unique, containers });
}

static int print_images(const struct usage *u)
{
	static const char *const HEADING[] = { "REPOSITORY", "TAG",         "IMAGE ID",    "CREATED",
					       "SIZE",       "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS" };
	cleanup_table struct table t = { .columns = ARRAY_LEN(HEADING) };
	int r = table_add_row(&t, HEADING);

	for (size_t i = 0; r == 0 && i < u->images_len; i++)
		r = add_image(&t, &u->images[i]);
	(void)printf("Images space usage:\n\n");
	if (r == 0)
		table_print(&t, stdout);
	return r;
}

static int print_containers(const struct usage *u)
{
	static const char *const HEADING[] = {
		"CONTAINER ID", "IMAGE", "SIZE", "CREATED", "STATUS", "NAMES"
	};
	cleanup_table struct table t = { .columns = ARRAY_LEN(HEADING) };
	int r = table_add_row(&t, HEADING);

	for (size_t i = 0; r == 0 && i < u->containers_len; i++) {
		const struct container_record *c = &u->containers[i].record;
		char id[FORMAT_MAX], size[FORMAT_MAX], created[FORMAT_MAX];

		format_short_id(c->id, id);
		format_size(u->containers[i].size_bytes, size);
		format_ago(c->created, time(NULL), created);
		r = table_add_row(&t, (const char *const[]){ id, c->image_name, size, created,
							     container_status_name(c->status), c->name });
	}
	(void)printf("\nContainers space usage:\n\n");
	if (r == 0)
		table_print(&t, stdout);
	return r;
}

static int print_volumes(const struct usage *u)
{
	static const char *const HEADING[] = { "VOLUME NAME", "LINKS", "SIZE" };
	cleanup_table struct table t = { .columns = ARRAY_LEN(HEADING) };
	int r = table_add_row(&t, HEADING);

	for (size_t i = 0; r == 0 && i < u->volumes_len; i++) {
		char links[FORMAT_MAX], size[FORMAT_MAX];

		(void)snprintf(links, sizeof(links), "%zu", u->volumes[i].containers);
		format_size(u->volumes[i].size_bytes, size);
		r = table_add_row(&t, (const char *const[]){ u->volumes[i].record.name, links, size });
	}
	(void)printf("\nLocal Volumes space usage:\n\n");
	if (r == 0)
		table_print(&t, stdout);
	return r;
}

static int add_cached(struct table *t, const char *key, const char *type, uint64_t bytes, int64_t used_s,
		      bool shared)
{
	char id[FORMAT_MAX], size[FORMAT_MAX], used[FORMAT_MAX];

	format_short_id(key, id);
	format_size(bytes, size);
	format_ago_s(used_s, time(NULL), used);
	return table_add_row(t, (const char *const[]){ id, type, size, used, shared ? "true" : "false" });
}

static int print_cache(const struct build_cache *c)
{
	static const char *const HEADING[] = { "CACHE ID", "CACHE TYPE", "SIZE", "LAST USED", "SHARED" };
	cleanup_table struct table t = { .columns = ARRAY_LEN(HEADING), .cells = { .max = CACHE_CELLS_MAX } };
	char size[FORMAT_MAX];
	int r = table_add_row(&t, HEADING);

	for (size_t i = 0; r == 0 && i < c->steps_len; i++)
		r = add_cached(&t, digest_hex(&c->steps[i].record.key), BUILD_CACHE_STEP_TYPE,
			       c->steps[i].record.size_bytes, c->steps[i].record.used_s, c->steps[i].shared);
	for (size_t i = 0; r == 0 && i < c->mounts_len; i++)
		r = add_cached(&t, c->mounts[i].name, BUILD_CACHE_MOUNT_TYPE, c->mounts[i].size_bytes,
			       c->mounts[i].used_s, false);
	format_size(c->private_bytes, size);
	(void)printf("\nBuild cache usage: %s\n\n", size);
	if (r == 0)
		table_print(&t, stdout);
	return r;
}

static int print_mapped(const struct usage *u)
{
	static const char *const HEADING[] = { "COPY ID", "CONTAINERS", "SIZE" };
	cleanup_table struct table t = { .columns = ARRAY_LEN(HEADING) };
	int r = table_add_row(&t, HEADING);

	for (size_t i = 0; r == 0 && i < u->mapped_len; i++) {
		char id[FORMAT_MAX], containers[FORMAT_MAX], size[FORMAT_MAX];

		format_short_id(u->mapped[i].key, id);
		(void)snprintf(containers, sizeof(containers), "%zu", u->mapped[i].containers);
		format_size(u->mapped[i].size_bytes, size);
		r = table_add_row(&t, (const char *const[]){ id, containers, size });
	}
	if (u->mapped_len == 0)
		return r;
	(void)printf("\nImage Copies space usage:\n\n");
	if (r == 0)
		table_print(&t, stdout);
	return r;
}

/* --- JSON --------------------------------------------------------------------------------------------- */

static void json_rows(struct json_out *o, const struct usage *u, const struct build_cache *c)
{
	struct row rows[ROWS_MAX];
	size_t len = sum_up(u, c, rows);

	json_out_array(o, "Summary");
	for (size_t i = 0; i < len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "Type", rows[i].type);
		json_out_u64(o, "Total", rows[i].total);
		json_out_u64(o, "Active", rows[i].active);
		json_out_u64(o, "SizeBytes", rows[i].size);
		json_out_u64(o, "ReclaimableBytes", rows[i].reclaimable);
		json_out_end(o);
	}
	json_out_end(o);
}

static void json_images(struct json_out *o, const struct usage *u)
{
	json_out_array(o, "Images");
	for (size_t i = 0; i < u->images_len; i++) {
		const struct usage_image *image = &u->images[i];

		json_out_object(o, NULL);
		json_out_string(o, "Name", image->record.name);
		json_out_string(o, "ID", image->record.config.text);
		json_out_u64(o, "SharedBytes", image->shared_bytes);
		json_out_u64(o, "UniqueBytes", image->unique_bytes);
		json_out_u64(o, "Containers", image->containers);
		json_out_end(o);
	}
	json_out_end(o);
}

static void json_containers(struct json_out *o, const struct usage *u)
{
	json_out_array(o, "Containers");
	for (size_t i = 0; i < u->containers_len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "ID", u->containers[i].record.id);
		json_out_string(o, "Name", u->containers[i].record.name);
		json_out_u64(o, "SizeBytes", u->containers[i].size_bytes);
		json_out_end(o);
	}
	json_out_end(o);
}

static void json_volumes(struct json_out *o, const struct usage *u)
{
	json_out_array(o, "Volumes");
	for (size_t i = 0; i < u->volumes_len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "Name", u->volumes[i].record.name);
		json_out_u64(o, "Links", u->volumes[i].containers);
		json_out_u64(o, "SizeBytes", u->volumes[i].size_bytes);
		json_out_end(o);
	}
	json_out_end(o);
}

static void json_mapped(struct json_out *o, const struct usage *u)
{
	json_out_array(o, "ImageCopies");
	for (size_t i = 0; i < u->mapped_len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "ID", u->mapped[i].key);
		json_out_u64(o, "Containers", u->mapped[i].containers);
		json_out_u64(o, "SizeBytes", u->mapped[i].size_bytes);
		json_out_end(o);
	}
	json_out_end(o);
}

static void json_cached(struct json_out *o, const char *id, const char *type, uint64_t bytes, bool shared,
			bool in_use)
{
	json_out_object(o, NULL);
	json_out_string(o, "ID", id);
	json_out_string(o, "Type", type);
	json_out_u64(o, "SizeBytes", bytes);
	json_out_bool(o, "Shared", shared);
	json_out_bool(o, "InUse", in_use);
	json_out_end(o);
}

static void json_cache(struct json_out *o, const struct build_cache *c)
{
	json_out_array(o, "BuildCache");
	for (size_t i = 0; i < c->steps_len; i++)
		json_cached(o, digest_hex(&c->steps[i].record.key), BUILD_CACHE_STEP_TYPE,
			    c->steps[i].record.size_bytes, c->steps[i].shared, false);
	for (size_t i = 0; i < c->mounts_len; i++)
		json_cached(o, c->mounts[i].name, BUILD_CACHE_MOUNT_TYPE, c->mounts[i].size_bytes, false,
			    c->mounts[i].in_use);
	json_out_end(o);
}

static int print_json(const struct usage *u, const struct build_cache *c, bool verbose)
{
	cleanup_json_out struct json_out *o = json_out_new(true, DOCUMENT_MAX_BYTES);

	json_out_object(o, NULL);
	json_rows(o, u, c);
	if (verbose) {
		json_images(o, u);
		json_containers(o, u);
		json_volumes(o, u);
		json_cache(o, c);
		json_mapped(o, u);
	}
	json_out_end(o);
	return cli_print_json(o);
}

static int system_df(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *s = NULL;
	cleanup_usage struct usage u = { 0 };
	cleanup_build_cache struct build_cache c = { 0 };
	struct df_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&DF, argc, argv, &o, &n, &code))
		return code;
	if (store_open(g->root, &s, &e) < 0 || usage_read(s, true, &u, &e) < 0 ||
	    build_cache_read(s, &u, &c, &e) < 0)
		return cli_fail(&e);
	if (u.damaged > 0)
		cli_error("warning: %zu image names are damaged and not shown (sampan fsck)", u.damaged);
	if (o.format && strcmp(o.format, "json") == 0)
		return print_json(&u, &c, o.verbose);
	if (!o.verbose || o.format)
		return print_summary(&u, &c, o.format);
	code = print_images(&u) < 0 || print_containers(&u) < 0 || print_volumes(&u) < 0 ||
	       print_cache(&c) < 0 || print_mapped(&u) < 0;
	return cli_end_output(code ? CLI_EXIT_FAILED : 0);
}

static const struct cli_subcommand COMMANDS[] = {
	{ "df", system_df,
	  "Show how much space images, containers, volumes and the cache of builds take up" },
	{ "events", cmd_events, "Show what happens to containers, images, volumes and networks" },
	{ "info", cmd_info, "Show what Sampan found on this machine" },
	{ "prune", system_prune, "Remove all that is not used" },
	{ 0 },
};

int cmd_system(int argc, char **argv, const struct cli_globals *g)
{
	return cli_run_subcommand("system", "Look after the store", COMMANDS, argc, argv, g);
}
