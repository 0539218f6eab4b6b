/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_cache_flags.h"

void build_caches_done(struct build_caches *c)
{
	for (size_t i = 0; i < c->len; i++)
		build_cache_place_done(&c->items[i]);
	c->len = 0;
}

bool build_caches_have_inline(const struct build_caches *c)
{
	for (size_t i = 0; i < c->len; i++)
		if (c->items[i].kind == BUILD_CACHE_INLINE)
			return true;
	return false;
}

static int parse_all(const struct strvec *texts, enum build_cache_side side, struct build_caches *ret,
		     struct err *e)
{
	const char *flag = side == BUILD_CACHE_TO ? "--cache-to" : "--cache-from";

	for (size_t i = 0; i < texts->len; i++) {
		int r;

		if (ret->len == BUILD_CACHES_MAX)
			return err_set(e, -EFBIG, "more than %d of %s", BUILD_CACHES_MAX, flag);
		r = build_cache_place_parse(texts->items[i], side, &ret->items[ret->len++], e);
		if (r < 0)
			return err_wrap(e, "invalid argument \"%s\" for \"%s\" flag", texts->items[i], flag);
	}
	return 0;
}

int build_cache_to_parse(const struct strvec *texts, struct build_caches *ret, struct err *e)
{
	return parse_all(texts, BUILD_CACHE_TO, ret, e);
}

int build_cache_from_parse(const struct strvec *texts, struct build_caches *ret, struct err *e)
{
	return parse_all(texts, BUILD_CACHE_FROM, ret, e);
}
