/* SPDX-License-Identifier: Apache-2.0 */
/* --cache-to and --cache-from of `sampan build`: docker's texts (build/cache_place.h). */
#ifndef SAMPAN_CLI_BUILD_CACHE_FLAGS_H
#define SAMPAN_CLI_BUILD_CACHE_FLAGS_H

#include <stdbool.h>

#include "build/cache_place.h"
#include "common/err.h"
#include "common/strvec.h"

#define BUILD_CACHES_MAX 32 /* of one flag */

struct build_caches {
	struct build_cache_place items[BUILD_CACHES_MAX];
	size_t len;
};
void build_caches_done(struct build_caches *c);
#define cleanup_build_caches __attribute__((cleanup(build_caches_done)))

/* Pure. -EINVAL in the words of flags, -EFBIG over BUILD_CACHES_MAX, -ENOMEM. `ret` is zeroed, and to be done in any case. */
int build_cache_to_parse(const struct strvec *texts, struct build_caches *ret, struct err *e) MUST_CHECK;
int build_cache_from_parse(const struct strvec *texts, struct build_caches *ret, struct err *e) MUST_CHECK;

/* Whether one of them is of type=inline. */
bool build_caches_have_inline(const struct build_caches *c);

#endif
