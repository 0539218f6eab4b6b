/* SPDX-License-Identifier: Apache-2.0 */
/* What the `prune` of each family removes, for `system prune` too. Each prints what has gone, as docker does, and an empty line where anything has; the
 * callers have asked the user, and say in the end how much it was. */
#ifndef SAMPAN_CLI_PRUNE_H
#define SAMPAN_CLI_PRUNE_H

#include "cli/cli.h"
#include "store/build_cache.h"
#include "store/prune.h"
#include "store/store.h"

/* Containers that are not up. Of the policy, here and with networks, `before` and `labels` count. *freed, always: what was freed is added. */
int prune_containers(const struct store *s, const struct cli_globals *g, const struct prune_policy *policy,
		     uint64_t *freed, struct err *e) MUST_CHECK;

/* Networks that no container that runs is on. */
int prune_networks(const struct cli_globals *g, const struct prune_policy *policy, struct err *e) MUST_CHECK;

/* Images, and what nobody needs any more. */
int prune_images(const struct store *s, const struct cli_globals *g, const struct prune_policy *policy,
		 uint64_t *freed, struct err *e) MUST_CHECK;

/* Anonymous volumes, or `all`, that no container has; filters are "label=..." and "label!=...". */
int prune_volumes(const struct store *s, const struct cli_globals *g, bool all, const struct strvec *filters,
		  uint64_t *freed, struct err *e) MUST_CHECK;

/* What the policy lets go of the cache of builds. */
int prune_build_cache(const struct store *s, const struct cli_globals *g,
		      const struct build_cache_policy *policy, uint64_t *freed, struct err *e) MUST_CHECK;

/* `before` as build_cache_policy has it. -EINVAL. */
int prune_unused_since(const struct prune_policy *p, int64_t *ret, struct err *e) MUST_CHECK;

/* "Total reclaimed space: 0B" */
void prune_report(uint64_t freed);

/* The event that each of those above ends with. */
void prune_tell(const struct cli_globals *g, const char *type, uint64_t freed);

/* sampan system prune */
int system_prune(int argc, char **argv, const struct cli_globals *g);

#endif
