/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks: docker's HEALTHCHECK, and what is done about a container that fails it. */
#ifndef SAMPAN_ENGINE_HEALTH_H
#define SAMPAN_ENGINE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/strvec.h"
#include "engine/status_page.h"

#define HEALTH_INTERVAL_NS       30000000000 /* docker's */
#define HEALTH_TIMEOUT_NS        30000000000
#define HEALTH_START_INTERVAL_NS 5000000000
#define HEALTH_RETRIES           3
#define HEALTH_MIN_NS            1000000 /* of each span: docker's millisecond */

enum health_action {
	HEALTH_ACTION_NONE,
	HEALTH_ACTION_KILL,
	HEALTH_ACTION_RESTART,
	HEALTH_ACTION_STOP,
	HEALTH_ACTIONS
};

/* When and how often; what a monitor has to know. */
struct health_rules {
	bool set; /* there is a check */
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	uint32_t retries;
	int action; /* enum health_action: at the moment that it becomes unhealthy */
};

struct health {
	struct strvec test; /* what is run, args[0] first; empty: there is no check */
	struct health_rules rules;
};
void health_done(struct health *h);

/* "none", "kill", "restart", "stop". -EINVAL in podman's words. */
int health_action_parse(const char *text, int *ret, struct err *e) MUST_CHECK;
const char *health_action_name(int action);

/* A member of a JSON object: { "test": [...], "interval": ns ... }. health_read is a reader for field tables. */
int health_read(const struct json_in *in, const void *arg, void *member, struct err *e);
void health_write(struct json_out *o, const char *key, const struct health *h);

/* What follows from one more result. `grace`: the start period is not over, and it was never healthy: failures do not count. */
void health_judge(const struct health_rules *r, bool passed, bool grace, enum status_health *health,
		  uint32_t *failures);

/* Nanoseconds until the next check. */
int64_t health_delay_ns(const struct health_rules *r, bool grace);

#endif
