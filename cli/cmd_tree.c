/* SPDX-License-Identifier: Apache-2.0 */
/* sampan image tree */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/find_image.h"
#include "cli/format.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "store/image.h"
#include "store/layer.h"

#define LIST_MAX_BYTES (256u << 20)

struct tree_options {
	bool no_trunc, json;
};

#define OPT(m) offsetof(struct tree_options, m)
static const struct option_def OPTIONS[] = {
	{ "format", 0, OPTION_CALL, OPT(json), "json", "Print JSON", cli_set_format },
	{ "no-trunc", 0, OPTION_BOOL, OPT(no_trunc), NULL, "Whole IDs" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan image tree",
	.usage = "[OPTIONS] [IMAGE...]",
	.summary = "Show what each layer adds to images, and which of them share it",
	.options = OPTIONS,
	.max_args = -1,
};

/* All images, as those that are shown may share layers with others that are not. */
struct forest {
	const struct store *store;
	const struct tree_options *options;
	struct image_record *items;
	char **names; /* as people see them */
	size_t len;
	struct json_out *json; /* NULL: for people */
};

static void forest_done(struct forest *f)
{
	for (size_t i = 0; f->names && i < f->len; i++)
		free(f->names[i]);
	free(f->names);
	image_list_free(f->items, f->len);
	json_out_free(f->json);
}
#define cleanup_forest __attribute__((cleanup(forest_done)))

static int load(struct forest *f, struct err *e)
{
	size_t damaged = 0;
	int r = image_list(f->store, &f->items, &f->len, &damaged, e);

	if (r < 0)
		return r;
	if (damaged > 0)
		cli_error("warning: %zu image names are damaged and not shown", damaged);
	f->names = calloc(f->len + 1, sizeof(*f->names));
	for (size_t i = 0; f->names && i < f->len; i++) {
		cleanup_reference struct reference ref = { 0 };

		r = reference_parse(f->items[i].name, &ref, e);
		if (r < 0)
			return r;
		f->names[i] = reference_familiar(&ref);
		if (!f->names[i])
			return err_code(e, -ENOMEM, "cannot list images");
	}
	return f->names ? 0 : err_code(e, -ENOMEM, "cannot list images");
}

/* Another name of the same image is nobody to share with. */
static bool shares(const struct forest *f, size_t image, size_t other, const char *key)
{
	return other != image && !digest_equal(&f->items[image].config, &f->items[other].config) &&
	       strvec_has(&f->items[other].layers, key);
}

static bool is_own(const struct forest *f, size_t image, const char *key)
{
	for (size_t i = 0; i < f->len; i++)
		if (shares(f, image, i, key))
			return false;
	return true;
}

static uint64_t size_of(const struct forest *f, const char *key, struct digest *ret_diff_id)
{
	struct layer_meta meta = { 0 };
	struct err ignored; /* what is not known is shown as nothing */
	uint64_t size = 0;

	*ret_diff_id = (struct digest){ 0 };
	if (layer_meta_read(f->store, key, &meta, &ignored) == 0) {
		size = meta.unpacked_size;
		*ret_diff_id = meta.diff_id;
	}
	layer_meta_done(&meta);
	return size;
}

static uint64_t own_bytes(const struct forest *f, size_t image)
{
	const struct strvec *layers = &f->items[image].layers;
	struct digest ignored;
	uint64_t sum = 0;

	for (size_t i = 0; i < layers->len; i++)
		if (is_own(f, image, layers->items[i]))
			sum += size_of(f, layers->items[i], &ignored);
	return sum;
}

static void id_text(const struct forest *f, const struct digest *d, char out[DIGEST_TEXT_MAX + 1])
{
	char short_id[FORMAT_MAX];

	format_short_id(digest_is_set(d) ? d->text : "?", short_id);
	(void)snprintf(out, DIGEST_TEXT_MAX + 1, "%s", f->options->no_trunc ? d->text : short_id);
}

/* --- for programs ------------------------------------------------------------------------------------------------ */

static void json_layer(const struct forest *f, size_t image, const char *key)
{
	struct digest diff_id;
	uint64_t size = size_of(f, key, &diff_id);

	json_out_object(f->json, NULL);
	json_out_string(f->json, "DiffID", diff_id.text);
	json_out_u64(f->json, "SizeBytes", size);
	json_out_array(f->json, "SharedWith");
	for (size_t i = 0; i < f->len; i++)
		if (shares(f, image, i, key))
			json_out_string(f->json, NULL, f->names[i]);
	json_out_end(f->json);
	json_out_end(f->json);
}

static void json_image(const struct forest *f, size_t image)
{
	const struct image_record *r = &f->items[image];

	json_out_object(f->json, NULL);
	json_out_string(f->json, "Name", f->names[image]);
	json_out_string(f->json, "ID", r->config.text);
	json_out_u64(f->json, "SizeBytes", r->size_bytes);
	json_out_u64(f->json, "UniqueBytes", own_bytes(f, image));
	json_out_array(f->json, "Layers");
	for (size_t i = 0; i < r->layers.len; i++)
		json_layer(f, image, r->layers.items[i]);
	json_out_end(f->json);
	json_out_end(f->json);
}

/* --- for people -------------------------------------------------------------------------------------------------- */

static void print_layer(const struct forest *f, size_t image, size_t index)
{
	const struct strvec *layers = &f->items[image].layers;
	const char *between = "shared with ";
	char size[FORMAT_MAX], id[DIGEST_TEXT_MAX + 1];
	struct digest diff_id;

	format_size(size_of(f, layers->items[index], &diff_id), size);
	id_text(f, &diff_id, id);
	(void)printf("%s %s  %8s  ", index + 1 < layers->len ? "├─" : "└─", id, size);
	for (size_t i = 0; i < f->len; i++)
		if (shares(f, image, i, layers->items[index])) {
			(void)printf("%s%s", between, f->names[i]);
			between = ", ";
		}
	(void)printf("%s\n", is_own(f, image, layers->items[index]) ? "its own" : "");
}

static void print_image(const struct forest *f, size_t image)
{
	const struct image_record *r = &f->items[image];
	char size[FORMAT_MAX], own[FORMAT_MAX], id[DIGEST_TEXT_MAX + 1];

	format_size(r->size_bytes, size);
	format_size(own_bytes(f, image), own);
	id_text(f, &r->config, id);
	(void)printf("%s  %s  %s, %s of it its own\n", f->names[image], id, size, own);
	for (size_t i = 0; i < r->layers.len; i++)
		print_layer(f, image, i);
}

/* --- the command ------------------------------------------------------------------------------------------------- */

static void show_image(const struct forest *f, size_t image)
{
	if (f->options->json)
		json_image(f, image);
	else
		print_image(f, image);
}

static int show_named(const struct forest *f, const char *what, struct err *e)
{
	cleanup_image_record struct image_record wanted = { 0 };
	int r = find_image(f->store, what, &wanted, e);

	for (size_t i = 0; r == 0 && i < f->len; i++)
		if (strcmp(f->items[i].name, wanted.name) == 0)
			show_image(f, i);
	return r;
}

int cmd_tree(int argc, char **argv, const struct cli_globals *g)
{
	struct tree_options options = { 0 };
	cleanup_store struct store *s = NULL;
	cleanup_forest struct forest f = { .options = &options };
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	r = store_open(g->root, &s, &e);
	f.store = s;
	if (r == 0)
		r = load(&f, &e);
	if (options.json)
		f.json = json_out_new(true, LIST_MAX_BYTES);
	json_out_array(f.json, NULL);
	for (size_t i = 0; r == 0 && n == 0 && i < f.len; i++)
		show_image(&f, i);
	for (int i = 1; r == 0 && i <= n; i++)
		r = show_named(&f, argv[i], &e);
	json_out_end(f.json);
	if (r < 0)
		return cli_end_output(cli_fail(&e));
	return cli_end_output(options.json ? cli_print_json(f.json) : 0);
}
