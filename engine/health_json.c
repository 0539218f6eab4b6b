/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the rest, which the monitor uses: it has no JSON. */
#include "engine/health.h"

static const struct json_enum ACTION_VALUES[] = { { "none", HEALTH_ACTION_NONE },
						  { "kill", HEALTH_ACTION_KILL },
						  { "restart", HEALTH_ACTION_RESTART },
						  { "stop", HEALTH_ACTION_STOP },
						  { 0 } };

#define HEALTH(member) offsetof(struct health, member)
static const struct json_field FIELDS[] = {
	{ "test", HEALTH(test), json_read_strvec, .required = true },
	{ "interval", HEALTH(rules.interval_ns), json_read_i64, .required = true },
	{ "timeout", HEALTH(rules.timeout_ns), json_read_i64, .required = true },
	{ "startPeriod", HEALTH(rules.start_period_ns), json_read_i64 },
	{ "startInterval", HEALTH(rules.start_interval_ns), json_read_i64 },
	{ "retries", HEALTH(rules.retries), json_read_u32, .required = true },
	{ "onFailure", HEALTH(rules.action), json_read_enum, ACTION_VALUES },
	{ 0 },
};

int health_read(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct health *h = member;
	int r = json_read_object(in, FIELDS, h, e);

	(void)arg;
	if (r < 0)
		return r;
	if (h->rules.interval_ns < HEALTH_MIN_NS || h->rules.timeout_ns < HEALTH_MIN_NS ||
	    h->rules.start_period_ns < 0 || h->rules.start_interval_ns < 0 || h->rules.retries < 1)
		return json_error(in, -EINVAL, e, "a span of time is out of range");
	h->rules.set = h->test.len > 0;
	return 0;
}

void health_write(struct json_out *o, const char *key, const struct health *h)
{
	json_out_object(o, key);
	json_out_strvec(o, "test", &h->test);
	json_out_i64(o, "interval", h->rules.interval_ns);
	json_out_i64(o, "timeout", h->rules.timeout_ns);
	json_out_i64(o, "startPeriod", h->rules.start_period_ns);
	json_out_i64(o, "startInterval", h->rules.start_interval_ns);
	json_out_u64(o, "retries", h->rules.retries);
	json_out_string(o, "onFailure", health_action_name(h->rules.action));
	json_out_end(o);
}
