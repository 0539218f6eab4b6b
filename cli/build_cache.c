/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_cache.h"

#include <stdio.h>

#include "cli/cli.h"

static const char *name_of(const struct build_cache_place *p)
{
	return p->kind == BUILD_CACHE_REGISTRY ? p->ref : p->dir;
}

int build_caches_import(const struct build *b, const struct build_caches *from,
			const struct pull_options *options, bool quiet, struct err *e)
{
	for (size_t i = 0; i < from->len; i++) {
		const struct build_cache_place *p = &from->items[i];
		struct build_cache_imported result;
		int r = build_cache_import(b, p, options, &result, e);

		if (r < 0)
			return r;
		if (r > 0)
			cli_error("warning: %s", e->text);
		else if (!quiet)
			(void)fprintf(stderr, "importing cache from %s: %zu of %zu steps are new\n",
				      name_of(p), result.news, result.steps);
	}
	return 0;
}

int build_caches_export(const struct build *b, const struct cache_steps *steps, const struct build_caches *to,
			const struct push_options *options, bool quiet, struct err *e)
{
	for (size_t i = 0; i < to->len; i++) {
		const struct build_cache_place *p = &to->items[i];
		struct build_cache_exported result;
		int n = build_cache_export(b, steps, p, options, &result, e);

		if (n < 0)
			return n;
		if (n > 0)
			cli_error("warning: %s", e->text);
		else if (!quiet && p->kind != BUILD_CACHE_INLINE)
			(void)fprintf(stderr, "exporting cache to %s: %zu steps, %zu layers\n", name_of(p),
				      result.steps, result.layers);
	}
	return 0;
}
