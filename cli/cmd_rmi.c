/* SPDX-License-Identifier: Apache-2.0 */
/* sampan rmi */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/find_image.h"
#include "cli/format.h"
#include "common/cleanup.h"
#include "store/container.h"
#include "store/image_event.h"

struct rmi_options {
	bool force;
};

static const struct option_def OPTIONS[] = {
	{ "force", 'f', OPTION_BOOL, offsetof(struct rmi_options, force), NULL,
	  "Also where containers use it, and by an ID that has several names" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan rmi",
	.usage = "[OPTIONS] IMAGE [IMAGE...]",
	.summary = "Remove images",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

/* All names of the image with this ID. */
static int names_of(const struct store *s, const struct digest *id, struct strvec *ret, struct err *e)
{
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	int r = image_list(s, &items, &len, &damaged, e);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < len; i++)
		if (digest_equal(&items[i].config, id))
			r = strvec_add(ret, items[i].name);
	image_list_free(items, len);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

/* Did the user type the name, or (a piece of) the ID? */
static bool typed_name(const char *what, const struct image_record *record)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *name = NULL;
	struct err ignored;

	if (reference_parse(what, &ref, &ignored) < 0)
		return false;
	name = reference_canonical(&ref);
	return name && strcmp(name, record->name) == 0;
}

/* -EBUSY: a container was made from it. */
static int check_unused(const struct store *s, const char *what, const struct digest *id, struct err *e)
{
	struct container_record *items = NULL;
	char container[FORMAT_MAX], image[FORMAT_MAX];
	size_t len = 0;
	int r = container_list(s, &items, &len, e);

	for (size_t i = 0; r == 0 && i < len; i++) {
		if (!digest_equal(&items[i].image_id, id))
			continue;
		format_short_id(items[i].id, container);
		format_short_id(id->text, image);
		r = err_set(
			e, -EBUSY,
			"conflict: unable to remove '%s' (must force): container %s is using its image %s",
			what, container, image);
	}
	container_list_free(items, len);
	return r;
}

static int unbind(const struct store *s, const struct cli_globals *g, const struct image_record *image,
		  char *name, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *familiar = NULL;
	struct image_record named = *image; /* by one of its names; owns nothing */
	int r;

	named.name = name;
	r = image_unbind_told(s, g->state_dir, &named, e);

	if (r == 0)
		r = reference_parse(name, &ref, e);
	if (r < 0)
		return r;
	familiar = reference_familiar(&ref);
	(void)printf("Untagged: %s\n", familiar ? familiar : name);
	return 0;
}

static int remove_one(const struct store *s, const struct cli_globals *g, const char *what, bool force,
		      struct err *e)
{
	struct image_record record = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	bool one_name = find_image_by_short_name(s, what, &record), last;
	int r = one_name ? 0 : image_find(s, what, &record, e);

	if (r == 0)
		r = names_of(s, &record.config, &names, e);
	if (r < 0) {
		image_record_done(&record);
		return r;
	}
	one_name = one_name || typed_name(what, &record);
	last = !one_name || names.len <= 1;
	if (!one_name && names.len > 1 && !force)
		r = err_set(e, -EBUSY,
			    "conflict: unable to delete '%s' (must be forced): the image has several names",
			    what);
	if (r == 0 && last && !force)
		r = check_unused(s, what, &record.config, e);
	if (r == 0 && one_name)
		r = unbind(s, g, &record, record.name, e);
	for (size_t i = 0; r == 0 && !one_name && i < names.len; i++)
		r = unbind(s, g, &record, names.items[i], e);
	if (r == 0 && last)
		(void)printf("Deleted: %s\n", record.config.text);
	image_record_done(&record);
	return r;
}

int cmd_rmi(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	struct rmi_options options = { 0 };
	struct err e = { 0 };
	uint64_t freed = 0;
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0)
		return cli_fail(&e);
	for (int i = 1; i <= n; i++)
		if (remove_one(store, g, argv[i], options.force, &e) < 0)
			code = cli_fail(&e);
	/* If another process is at work in the store, its own collection or the next one takes what is left. */
	if (store_gc(store, false, &freed, &e) < 0)
		code = cli_fail(&e);
	return cli_end_output(code);
}
