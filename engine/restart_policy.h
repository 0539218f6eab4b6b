/* SPDX-License-Identifier: Apache-2.0 */
/* When a container that has ended is started again: docker's --restart. Pure. */
#ifndef SAMPAN_ENGINE_RESTART_POLICY_H
#define SAMPAN_ENGINE_RESTART_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum restart_kind { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED, RESTART_KINDS };

struct restart_policy {
	int kind;     /* enum restart_kind */
	uint32_t max; /* RESTART_ON_FAILURE: that many starts; 0: any number */
};

/* "no", "always", "unless-stopped", "on-failure", "on-failure:3". -EINVAL in docker's words. */
int restart_policy_parse(const char *text, struct restart_policy *ret, struct err *e) MUST_CHECK;

/* "on-failure" and the like. */
const char *restart_kind_name(int kind);

/* Whether one that ended with `exit_code` is due again, which its policy has started `restarts` times. A container that the user has
 * stopped is not asked about. */
bool restart_is_due(const struct restart_policy *p, int exit_code, uint32_t restarts);

/* Whether it is started when the machine does. `was_running`: at the end of the last boot; `stopped`: by the user, since it ran. */
bool restart_at_boot(const struct restart_policy *p, bool was_running, bool stopped, int exit_code);

/* Milliseconds to wait before the next start: RESTART_DELAY_MIN_MS, twice as long each time, up to RESTART_DELAY_MAX_MS, and from the
 * beginning after it has run for RESTART_SETTLED_MS. last_ms: what this function said last; 0: never. */
#define RESTART_DELAY_MIN_MS 100
#define RESTART_DELAY_MAX_MS 60000
#define RESTART_SETTLED_MS   10000
int64_t restart_delay_ms(int64_t last_ms, int64_t ran_ms);

#endif
