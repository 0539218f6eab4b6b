/* SPDX-License-Identifier: Apache-2.0 */
/* Which image names may go. Pure: works on what usage_read has found. */
#ifndef SAMPAN_STORE_PRUNE_H
#define SAMPAN_STORE_PRUNE_H

#include "store/usage.h"

struct prune_policy {
	bool all;           /* also images with a tag; else only those without */
	bool keep_previous; /* of each repository the image without a tag that was bound last stays */
	char *before; /* RFC 3339 as timestamp_now writes it: only images created before; NULL: whenever */
	struct strvec labels; /* "key" or "key=value", each must be there; with '!' in front it must not */
	bool has_max; /* only until what is left is not larger than max_bytes; the one bound first goes first */
	uint64_t max_bytes;
};
void prune_policy_done(struct prune_policy *p);
#define cleanup_prune_policy __attribute__((cleanup(prune_policy_done)))

/* Whether something that was created then (RFC 3339; NULL: nobody knows) and has these labels is among those that `before` and `labels` mean. */
bool prune_policy_matches(const struct prune_policy *p, const char *created, const struct strvec *labels);

/* Appends the names to be removed, in the order of removal. Images that a container was made from never are. -ENOMEM. */
int prune_choose(const struct usage *u, const struct prune_policy *policy, struct strvec *ret) MUST_CHECK;

#endif
