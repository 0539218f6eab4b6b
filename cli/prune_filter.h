/* SPDX-License-Identifier: Apache-2.0 */
/* --filter of the commands that prune, as docker writes it. */
#ifndef SAMPAN_CLI_PRUNE_FILTER_H
#define SAMPAN_CLI_PRUNE_FILTER_H

#include "store/prune.h"

/* "until=24h" (ago), "until=2024-01-02T03:04:05Z", "until=1704164645" (Unix time), "label=KEY[=VALUE]", "label!=KEY[=VALUE]", into *ret, whose
 * other members stay. -EINVAL. */
int prune_filter_parse(const struct strvec *filters, struct prune_policy *ret, struct err *e) MUST_CHECK;

#endif
