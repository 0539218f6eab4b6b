/* SPDX-License-Identifier: Apache-2.0 */
/* sampan system: df */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "cli/table.h"
#include "common/cleanup.h"
#include "store/usage.h"

#define DOCUMENT_MAX_BYTES (64u << 20)

struct df_options {
	bool verbose, json;
};

static const struct option_def OPTIONS[] = {
	{ "format", 0, OPTION_CALL, offsetof(struct df_options, json), "json", "Print JSON", cli_set_format },
	{ "verbose", 'v', OPTION_BOOL, offsetof(struct df_options, verbose), NULL,
	  "Each image and each container" },
	{ 0 },
};
static const struct command_def DF = {
	.name = "sampan system df",
	.usage = "[OPTIONS]",
	.summary = "Show how much space images and containers take up",
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

static void sum_up(const struct usage *u, struct row rows[2])
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
}

/* --- tables ------------------------------------------------------------------------------------------- */

static int add_row(struct table *t, const struct row *row)
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
	return table_add_row(t, (const char *const[]){ row->type, total, active, size, reclaimable });
}

static int print_summary(const struct usage *u)
{
	static const char *const HEADING[] = { "TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE" };
	cleanup_table struct table t = { .columns = ARRAY_LEN(HEADING) };
	struct row rows[2];
	int r = table_add_row(&t, HEADING);

	sum_up(u, rows);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++)
		r = add_row(&t, &rows[i]);
	if (r == 0)
		table_print(&t, stdout);
	return r;
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

/* --- JSON --------------------------------------------------------------------------------------------- */

static void json_rows(struct json_out *o, const struct usage *u)
{
	struct row rows[2];

	sum_up(u, rows);
	json_out_array(o, "Summary");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
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

static int print_json(const struct usage *u, bool verbose)
{
	cleanup_json_out struct json_out *o = json_out_new(true, DOCUMENT_MAX_BYTES);

	json_out_object(o, NULL);
	json_rows(o, u);
	if (verbose) {
		json_images(o, u);
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
	json_out_end(o);
	return cli_print_json(o);
}

static int system_df(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *s = NULL;
	cleanup_usage struct usage u = { 0 };
	struct df_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&DF, argc, argv, &o, &n, &code))
		return code;
	if (store_open(g->root, &s, &e) < 0 || usage_read(s, true, &u, &e) < 0)
		return cli_fail(&e);
	if (u.damaged > 0)
		cli_error("warning: %zu image names are damaged and not shown (sampan fsck)", u.damaged);
	if (o.json)
		return print_json(&u, o.verbose);
	if (!o.verbose)
		code = print_summary(&u) < 0;
	else
		code = print_images(&u) < 0 || print_containers(&u) < 0;
	return cli_end_output(code ? CLI_EXIT_FAILED : 0);
}

int cmd_system(int argc, char **argv, const struct cli_globals *g)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		(void)printf("Usage:  sampan system COMMAND\n\nLook after the store\n\nCommands:\n"
			     "  %-10s %s\n",
			     "df", DF.summary);
		return cli_end_output(0);
	}
	if (strcmp(argv[1], "df") == 0)
		return system_df(argc - 1, argv + 1, g);
	cli_error("'%s' is not a sampan system command\nSee 'sampan system --help'.", argv[1]);
	return CLI_EXIT_SAMPAN;
}
