/* SPDX-License-Identifier: Apache-2.0 */
/* The keys by which a build knows what it has made before: of a step, the digest of what it does and of the content that it sees. Two steps
 * with one key may stand for each other; what makes no difference to the result (times of files, names of stages, comments, proxies, the
 * content of secrets) is not in it. Pure.
 *
 *	step_key_begin(stage, &image, &key, e)               what the stage begins with
 *	step_key_next(&key, step, contents, len, ..., &key)  one step after the other
 */
#ifndef SAMPAN_BUILD_STEP_KEY_H
#define SAMPAN_BUILD_STEP_KEY_H

#include <stddef.h>

#include "build/plan.h"
#include "common/digest.h"

/* `base` is what the stage begins with: the digest of the image's configuration, or the key that the stage or context which it is based on has in the end;
 * unset for PLAN_SCRATCH. -EINVAL: it is missing, or there where it should not be. -ENOMEM, -EIO. */
int step_key_begin(const struct plan_stage *stage, const struct digest *base, struct digest *ret,
		   struct err *e) MUST_CHECK;

/* How many digests of contents step_key_next wants of a step: for COPY one, of all its paths, and one for each of its URLs and git repositories in
 * their order; for RUN one for each mount. */
size_t step_key_contents(const struct plan_step *step);

/* `before` is the key of what the step works on. `contents` has step_key_contents(step) digests: of COPY's paths, by context_digest (unset: it has none); of
 * what a URL had, of git's commit; of what a mount of type bind shows, and of what a cache begins with (unset: nothing; of other types unset).
 * `epoch` is SOURCE_DATE_EPOCH where files' times are rewritten, else NULL. A COPY with --link does not depend on `before`, but for names in --chown.
 * -EINVAL: another number of contents, or one that is missing; -ENOMEM, -EIO. *ret may be *before. */
int step_key_next(const struct digest *before, const struct plan_step *step, const struct digest *contents,
		  size_t len, const int64_t *epoch, struct digest *ret, struct err *e) MUST_CHECK;

#endif
