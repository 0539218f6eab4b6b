/* SPDX-License-Identifier: Apache-2.0 */
/* sampan history */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/find_image.h"
#include "cli/format.h"
#include "cli/rows.h"
#include "common/cleanup.h"
#include "store/image.h"
#include "store/layer.h"

#define LIST_MAX_BYTES (64u << 20)
#define CREATED_BY_MAX 45 /* characters, as docker has it */

struct history_options {
	bool quiet, no_trunc, human;
	const char *format;
};

#define OPT(m) offsetof(struct history_options, m)
static const struct option_def OPTIONS[] = {
	{ "format", 0, OPTION_STRING, OPT(format), "string",
	  "table, json, or a template: {{.CreatedBy}}\\t{{.Size}}" },
	{ "human", 'H', OPTION_BOOL, OPT(human), NULL, "Sizes and times for people (default true)" },
	{ "no-trunc", 0, OPTION_BOOL, OPT(no_trunc), NULL, "Whole IDs and commands" },
	{ "quiet", 'q', OPTION_BOOL, OPT(quiet), NULL, "IDs only" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan history",
	.usage = "[OPTIONS] IMAGE",
	.summary = "Show the steps that an image was made in, the last one first",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

struct history {
	const struct history_options *options;
	struct image_record record;
	struct image_config config;
	uint64_t *sizes; /* of each entry of config.history: what its layer holds */
	time_t now;
};

static void history_done(struct history *h)
{
	image_record_done(&h->record);
	image_config_done(&h->config);
	free(h->sizes);
}
#define cleanup_history __attribute__((cleanup(history_done)))

/* What the layer of a diff ID holds. An image's layers below one that hides them are not kept: they hold nothing. */
static uint64_t size_of(const struct store *s, const struct image_record *record,
			const struct digest *diff_id)
{
	for (size_t i = 0; i < record->layers.len; i++) {
		struct layer_meta meta = { 0 };
		struct err ignored; /* a size that is not known counts as 0 */
		bool found = layer_meta_read(s, record->layers.items[i], &meta, &ignored) == 0 &&
			     digest_equal(&meta.diff_id, diff_id);
		uint64_t size = meta.unpacked_size;

		layer_meta_done(&meta);
		if (found)
			return size;
	}
	return 0;
}

/* Entries that made no layer are marked as such; the others stand for the layers in their order. */
static int measure(const struct store *s, struct history *h, struct err *e)
{
	size_t layer = 0;

	h->sizes = calloc(h->config.history_len + 1, sizeof(*h->sizes));
	if (!h->sizes)
		return err_code(e, -ENOMEM, "cannot list a history");
	for (size_t i = 0; i < h->config.history_len; i++)
		if (!h->config.history[i].empty_layer && layer < h->config.diff_ids_len)
			h->sizes[i] = size_of(s, &h->record, &h->config.diff_ids[layer++]);
	return 0;
}

/* Only the last step has an ID, that of the image. */
static void id_of(const struct history *h, size_t index, char out[DIGEST_TEXT_MAX + 1])
{
	char short_id[FORMAT_MAX];

	format_short_id(h->record.config.text, short_id);
	(void)snprintf(out, DIGEST_TEXT_MAX + 1, "%s",
		       index + 1 < h->config.history_len ? "<missing>"
		       : h->options->no_trunc            ? h->record.config.text
							 : short_id);
}

static void size_text(const struct history *h, size_t index, char out[FORMAT_MAX])
{
	if (h->options->human)
		format_size(h->sizes[index], out);
	else
		(void)snprintf(out, FORMAT_MAX, "%llu", (unsigned long long)h->sizes[index]);
}

/* Cut behind a whole character. Owned; NULL: out of memory. */
static char *created_by(const struct history *h, const struct image_history *step)
{
	const char *text = step->created_by ? step->created_by : "";
	size_t characters = 0, len = 0;
	char *out;

	if (h->options->no_trunc)
		return strdup(text);
	for (size_t i = 0; text[i]; i++) {
		if (((unsigned char)text[i] & 0xc0) == 0x80)
			continue;
		if (++characters == CREATED_BY_MAX)
			len = i;
	}
	if (characters <= CREATED_BY_MAX)
		return strdup(text);
	return asprintf(&out, "%.*s…", (int)len, text) < 0 ? NULL : out;
}

enum { FIELDS = 7 };

static int row(const struct history *h, size_t index, struct rows *rows, struct err *e)
{
	const struct image_history *step = &h->config.history[index];
	const char *created = step->created ? step->created : "N/A";
	cleanup_free char *by = created_by(h, step);
	char id[DIGEST_TEXT_MAX + 1], ago[FORMAT_MAX], size[FORMAT_MAX];

	if (!by)
		return err_set(e, -ENOMEM, "out of memory");
	id_of(h, index, id);
	size_text(h, index, size);
	format_ago(step->created, h->now, ago);
	return rows_add(rows,
			(const struct template_field[FIELDS]){
				{ "ID", "IMAGE", id, NULL, NULL },
				{ "CreatedSince", "CREATED",
				  h->options->human || !step->created ? ago : created, NULL, NULL },
				{ "CreatedAt", "CREATED AT", created, NULL, NULL },
				{ "CreatedBy", "CREATED BY", by, NULL, NULL },
				{ "Size", "SIZE", size, NULL, NULL },
				{ "Comment", "COMMENT", step->comment, NULL, NULL },
				{ 0 },
			},
			e);
}

static void json_row(const struct history *h, size_t index, struct json_out *o)
{
	const struct image_history *step = &h->config.history[index];
	char id[DIGEST_TEXT_MAX + 1], ago[FORMAT_MAX], size[FORMAT_MAX];

	id_of(h, index, id);
	size_text(h, index, size);
	format_ago(step->created, h->now, ago);
	json_out_object(o, NULL);
	json_out_string(o, "ID", id);
	json_out_string(o, "CreatedAt", step->created);
	json_out_string(o, "CreatedSince", ago);
	json_out_string(o, "CreatedBy", step->created_by ? step->created_by : "");
	json_out_string(o, "Size", size);
	json_out_u64(o, "SizeBytes", h->sizes[index]);
	json_out_string(o, "Comment", step->comment ? step->comment : "");
	json_out_bool(o, "EmptyLayer", step->empty_layer);
	json_out_end(o);
}

static int show_json(const struct history *h)
{
	struct json_out *o = json_out_new(true, LIST_MAX_BYTES);
	int code;

	json_out_array(o, NULL);
	for (size_t i = h->config.history_len; i > 0; i--)
		json_row(h, i - 1, o);
	json_out_end(o);
	code = cli_print_json(o);
	json_out_free(o);
	return code;
}

static int show_rows(const struct history *h)
{
	static const struct template_field SAMPLE[FIELDS] = {
		{ "ID", "IMAGE", NULL, NULL, NULL },
		{ "CreatedSince", "CREATED", NULL, NULL, NULL },
		{ "CreatedAt", "CREATED AT", NULL, NULL, NULL },
		{ "CreatedBy", "CREATED BY", NULL, NULL, NULL },
		{ "Size", "SIZE", NULL, NULL, NULL },
		{ "Comment", "COMMENT", NULL, NULL, NULL },
		{ 0 },
	};
	static const char COLUMNS[] = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
	cleanup_rows struct rows rows = { 0 };
	struct err e = { 0 };
	int r = rows_begin(&rows, h->options->format, COLUMNS, SAMPLE, &e);

	for (size_t i = h->config.history_len; r == 0 && i > 0; i--)
		r = row(h, i - 1, &rows, &e);
	if (r < 0)
		return cli_fail(&e);
	rows_end(&rows);
	return 0;
}

static int show(const struct history *h)
{
	char id[DIGEST_TEXT_MAX + 1];

	if (h->options->format && strcmp(h->options->format, "json") == 0)
		return show_json(h);
	if (!h->options->quiet)
		return show_rows(h);
	for (size_t i = h->config.history_len; i > 0; i--) {
		id_of(h, i - 1, id);
		(void)puts(id);
	}
	return 0;
}

int cmd_history(int argc, char **argv, const struct cli_globals *g)
{
	struct history_options options = { .human = true };
	cleanup_history struct history h = { .options = &options, .now = time(NULL) };
	cleanup_store struct store *s = NULL;
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	r = store_open(g->root, &s, &e);
	if (r == 0)
		r = find_image(s, argv[1], &h.record, &e);
	if (r == 0)
		r = image_load_config(s, &h.record, &h.config, NULL, &e);
	if (r == 0)
		r = measure(s, &h, &e);
	return r < 0 ? cli_fail(&e) : cli_end_output(show(&h));
}
