/* SPDX-License-Identifier: Apache-2.0 */
/* sampan system prune */
#include <stdio.h>

#include "cli/confirm.h"
#include "cli/filter.h"
#include "cli/prune.h"
#include "cli/prune_filter.h"
#include "common/cleanup.h"

struct options {
	bool all, force, volumes;
	struct strvec filters;
};

#define OPT(m) offsetof(struct options, m)
static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, OPT(all), NULL,
	  "Also images with a tag that no container was made from, and all of the cache of builds" },
	{ "filter", 0, OPTION_LIST, OPT(filters), "filter",
	  "until=TIME (created before), label=KEY[=VALUE], label!=KEY[=VALUE]" },
	{ "force", 'f', OPTION_BOOL, OPT(force), NULL, "Do not ask" },
	{ "volumes", 0, OPTION_BOOL, OPT(volumes), NULL, "Also anonymous volumes that no container has" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan system prune",
	.usage = "[OPTIONS]",
	.summary = "Remove all that is not used: containers, networks, images and the cache of builds",
	.options = OPTIONS,
	.max_args = 0,
};

static bool confirmed(const struct options *o)
{
	(void)printf("WARNING! This will remove:\n"
		     "  - all stopped containers\n"
		     "  - all networks not used by at least one container\n"
		     "%s%s%s\n",
		     o->volumes ? "  - all anonymous volumes not used by at least one container\n" : "",
		     o->all ? "  - all images without at least one container associated to them\n"
			    : "  - all dangling images\n",
		     o->all ? "  - all build cache\n" : "  - unused build cache\n");
	if (o->filters.len > 0)
		(void)printf("  Items to be pruned will be filtered with:\n");
	for (size_t i = 0; i < o->filters.len; i++)
		(void)printf("  - %s%s\n", o->filters.items[i], i + 1 == o->filters.len ? "\n" : "");
	return cli_confirm_question("Are you sure you want to continue?");
}

/* What is cached has no labels: "label=x" means nothing of it. */
static int prune_cache(const struct store *s, const struct cli_globals *g, const struct prune_policy *policy,
		       uint64_t *freed, struct err *e)
{
	struct build_cache_policy cache = { .all = policy->all, .mounts = true, .wait = true };
	const struct prune_policy labels_alone = { .labels = policy->labels };
	const struct strvec none = { 0 };
	int r = prune_unused_since(policy, &cache.unused_since_s, e);

	if (r < 0 || !prune_policy_matches(&labels_alone, NULL, &none))
		return r;
	return prune_build_cache(s, g, &cache, freed, e);
}

static int prune(const struct store *s, const struct cli_globals *g, const struct options *o,
		 const struct prune_policy *policy, struct err *e)
{
	uint64_t freed = 0;
	int r = prune_containers(s, g, policy, &freed, e);

	if (r == 0)
		r = prune_networks(g, policy, e);
	if (r == 0 && o->volumes)
		r = prune_volumes(s, g, false, &o->filters, &freed, e);
	if (r == 0)
		r = prune_images(s, g, policy, &freed, e);
	if (r == 0)
		r = prune_cache(s, g, policy, &freed, e);
	if (r == 0)
		prune_report(freed);
	return r;
}

static int run(const struct options *o, const struct cli_globals *g)
{
	cleanup_prune_policy struct prune_policy policy = { .all = o->all };
	cleanup_store struct store *s = NULL;
	struct err e = { 0 };
	int r = prune_filter_parse(&o->filters, &policy, &e);

	if (r == 0 && o->volumes && filter_has(&o->filters, "until"))
		r = err_set(&e, -EINVAL, "the \"until\" filter is not supported with \"--volumes\"");
	if (r < 0)
		return cli_refuse(&e);
	if (store_open(g->root, &s, &e) < 0)
		return cli_fail(&e);
	if (!o->force && !confirmed(o))
		return 0;
	return prune(s, g, o, &policy, &e) < 0 ? cli_fail(&e) : 0;
}

int system_prune(int argc, char **argv, const struct cli_globals *g)
{
	struct options o = { 0 };
	int n = 0, code = 0;

	if (cli_options(&COMMAND, argc, argv, &o, &n, &code))
		code = cli_end_output(run(&o, g));
	strvec_done(&o.filters);
	return code;
}
