/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/restart_policy.h"

#include <string.h>

#include "common/parse.h"

static const char *const NAMES[RESTART_KINDS] = { "no", "on-failure", "always", "unless-stopped" };

const char *restart_kind_name(int kind)
{
	return kind >= 0 && kind < RESTART_KINDS ? NAMES[kind] : "unknown";
}

static int parse_maximum(const char *text, struct restart_policy *ret, struct err *e)
{
	int64_t max;

	if (parse_i64(text, INT64_MIN, INT64_MAX, &max) < 0)
		return err_set(e, -EINVAL,
			       "invalid restart policy format: maximum retry count must be an integer");
	if (ret->kind != RESTART_ON_FAILURE)
		return err_set(
			e, -EINVAL,
			"invalid restart policy: maximum retry count can only be used with 'on-failure'");
	if (max < 0 || max > UINT32_MAX)
		return err_set(e, -EINVAL, "invalid restart policy: maximum retry count cannot be negative");
	ret->max = (uint32_t)max;
	return 0;
}

int restart_policy_parse(const char *text, struct restart_policy *ret, struct err *e)
{
	size_t len = strcspn(text, ":");

	*ret = (struct restart_policy){ .kind = RESTART_NO };
	if (!text[0])
		return 0;
	if (len == 0)
		return err_set(e, -EINVAL, "invalid restart policy format: no policy provided before colon");
	for (int i = 0; i < RESTART_KINDS; i++) {
		if (strlen(NAMES[i]) != len || strncmp(NAMES[i], text, len) != 0)
			continue;
		ret->kind = i;
		return text[len] ? parse_maximum(text + len + 1, ret, e) : 0;
	}
	return err_set(
		e, -EINVAL,
		"invalid restart policy: unknown policy '%.*s'; use one of 'no', 'always', 'on-failure', or "
		"'unless-stopped'",
		(int)len, text);
}

bool restart_is_due(const struct restart_policy *p, int exit_code, uint32_t restarts)
{
	switch (p->kind) {
	case RESTART_ALWAYS:
	case RESTART_UNLESS_STOPPED:
		return true;
	case RESTART_ON_FAILURE:
		return exit_code != 0 && (p->max == 0 || restarts < p->max);
	default:
		return false;
	}
}

bool restart_at_boot(const struct restart_policy *p, bool was_running, bool stopped, int exit_code)
{
	switch (p->kind) {
	case RESTART_ALWAYS:
		return true;
	case RESTART_UNLESS_STOPPED:
		return !stopped;
	case RESTART_ON_FAILURE:
		return !stopped && (was_running || exit_code != 0);
	default:
		return false;
	}
}

int64_t restart_delay_ms(int64_t last_ms, int64_t ran_ms)
{
	if (last_ms <= 0 || ran_ms >= RESTART_SETTLED_MS)
		return RESTART_DELAY_MIN_MS;
	return last_ms * 2 < RESTART_DELAY_MAX_MS ? last_ms * 2 : RESTART_DELAY_MAX_MS;
}
