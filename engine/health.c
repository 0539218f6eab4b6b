/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/health.h"

#include <string.h>

static const char *const ACTIONS[HEALTH_ACTIONS] = { "none", "kill", "restart", "stop" };

void health_done(struct health *h)
{
	strvec_done(&h->test);
	*h = (struct health){ 0 };
}

int health_action_parse(const char *text, int *ret, struct err *e)
{
	for (int i = 0; i < HEALTH_ACTIONS; i++) {
		if (strcmp(text, ACTIONS[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	return err_set(e, -EINVAL,
		       "invalid health check on-failure action '%s': use none, kill, restart or stop", text);
}

const char *health_action_name(int action)
{
	return action >= 0 && action < HEALTH_ACTIONS ? ACTIONS[action] : "unknown";
}

void health_judge(const struct health_rules *r, bool passed, bool grace, enum status_health *health,
		  uint32_t *failures)
{
	if (passed) {
		*health = STATUS_HEALTHY;
		*failures = 0;
		return;
	}
	if (grace && *health == STATUS_HEALTH_STARTING)
		return;
	if (*failures < UINT32_MAX)
		(*failures)++;
	if (*failures >= r->retries)
		*health = STATUS_UNHEALTHY;
}

int64_t health_delay_ns(const struct health_rules *r, bool grace)
{
	return grace && r->start_interval_ns > 0 ? r->start_interval_ns : r->interval_ns;
}
