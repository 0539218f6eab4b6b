/* SPDX-License-Identifier: Apache-2.0 */
/* sampan image: the commands about images under one roof, as docker has them, and prune. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/prune.h"
#include "cli/prune_filter.h"
#include "common/cleanup.h"
#include "store/image_event.h"
#include "store/layer.h"

struct prune_options {
	bool all, force, keep_previous;
	struct strvec filters;
	struct opt_u64 max_size;
};

#define OPT(m) offsetof(struct prune_options, m)
static const struct option_def PRUNE_OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, OPT(all), NULL, "Also images with a tag that no container was made from" },
	{ "filter", 0, OPTION_LIST, OPT(filters), "filter",
	  "until=TIME (created before), label=KEY[=VALUE], label!=KEY[=VALUE]" },
	{ "force", 'f', OPTION_BOOL, OPT(force), NULL, "Do not ask" },
	{ "keep-previous", 0, OPTION_BOOL, OPT(keep_previous), NULL,
	  "Keep of each repository the last image that its name has moved away from" },
	{ "max-size", 0, OPTION_SIZE, OPT(max_size), "bytes",
	  "Remove only until the layers that are left take up no more, the images pulled first going first" },
	{ 0 },
};
static const struct command_def PRUNE = {
	.name = "sampan image prune",
	.usage = "[OPTIONS]",
	.summary = "Remove images that are not used: without --all those that have no tag",
	.options = PRUNE_OPTIONS,
	.max_args = 0,
};

/* What went is printed as docker does. */
static int remove_all(const struct store *s, const struct cli_globals *g, const struct usage *u,
		      const struct strvec *names, struct err *e)
{
	int r = 0;

	if (names->len > 0)
		(void)printf("Deleted Images:\n");
	for (size_t i = 0; r == 0 && i < names->len; i++) {
		size_t n = 0;

		while (strcmp(u->images[n].record.name, names->items[i]) != 0)
			n++; /* it was chosen among them */
		r = image_unbind_told(s, g->state_dir, &u->images[n].record, e);
		if (r == -ENOENT)
			r = 0; /* somebody was faster */
		else if (r == 0)
			(void)printf("untagged: %s\n", names->items[i]);
	}
	if (names->len > 0)
		(void)printf("\n");
	return r;
}

int prune_images(const struct store *s, const struct cli_globals *g, const struct prune_policy *policy,
		 uint64_t *freed, struct err *e)
{
	cleanup_usage struct usage u = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	uint64_t collected = 0;
	int r = usage_read(s, false, &u, e);

	if (r == 0 && prune_choose(&u, policy, &names) < 0)
		r = err_code(e, -ENOMEM, "cannot choose what to remove");
	if (r == 0)
		r = remove_all(s, g, &u, &names, e);
	if (r == 0)
		r = store_gc(s, true, &collected, e);
	*freed += collected;
	prune_tell(g, "image", collected);
	return r;
}

static int run_prune(const struct prune_options *o, const struct cli_globals *g)
{
	cleanup_prune_policy struct prune_policy policy = { .all = o->all,
							    .keep_previous = o->keep_previous,
							    .has_max = o->max_size.set,
							    .max_bytes = o->max_size.value };
	cleanup_store struct store *s = NULL;
	struct err e = { 0 };
	uint64_t freed = 0;

	if (prune_filter_parse(&o->filters, &policy, &e) < 0)
		return cli_refuse(&e);
	if (store_open(g->root, &s, &e) < 0)
		return cli_fail(&e);
	if (!o->force && !cli_confirm(o->all ? "all images without at least one container made from them"
					     : "all images without a tag"))
		return 0;
	if (prune_images(s, g, &policy, &freed, &e) < 0)
		return cli_fail(&e);
	prune_report(freed);
	return 0;
}

static int image_prune(int argc, char **argv, const struct cli_globals *g)
{
	struct prune_options o = { 0 };
	int n = 0, code = 0;

	if (cli_options(&PRUNE, argc, argv, &o, &n, &code))
		code = cli_end_output(run_prune(&o, g));
	strvec_done(&o.filters);
	return code;
}

static const struct cli_subcommand COMMANDS[] = {
	{ "history", cmd_history, "Show the steps that an image was made in" },
	{ "inspect", cmd_inspect, "Show all that is known about images, as JSON" },
	{ "load", cmd_delegated, "Read images from an archive" },
	{ "ls", cmd_images, "List images" },
	{ "prune", image_prune, "Remove images that are not used" },
	{ "pull", cmd_delegated, "Download an image" },
	{ "push", cmd_delegated, "Upload an image to a registry" },
	{ "rm", cmd_rmi, "Remove images" },
	{ "save", cmd_delegated, "Write images to an archive" },
	{ "tag", cmd_tag, "Give an image another name" },
	{ "tree", cmd_tree, "Show what each layer adds to images, and which of them share it" },
	/* docker's other names */
	{ "list", cmd_images, NULL },
	{ "remove", cmd_rmi, NULL },
	{ 0 },
};

int cmd_image(int argc, char **argv, const struct cli_globals *g)
{
	return cli_run_subcommand("image", "Manage images", COMMANDS, argc, argv, g);
}
