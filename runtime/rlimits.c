/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rlimits.h"

#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

#define PREFIX "RLIMIT_"

static const struct {
	const char *name;
	int resource;
} LIMITS[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};
_Static_assert(ARRAY_LEN(LIMITS) == RLIM_NLIMITS, "Linux has another limit");

int rlimit_number(const char *name)
{
	if (strncasecmp(name, PREFIX, strlen(PREFIX)) == 0)
		name += strlen(PREFIX);
	for (size_t i = 0; i < ARRAY_LEN(LIMITS); i++)
		if (strcasecmp(LIMITS[i].name + strlen(PREFIX), name) == 0)
			return LIMITS[i].resource;
	return -1;
}

const char *rlimit_name(int resource)
{
	for (size_t i = 0; i < ARRAY_LEN(LIMITS); i++)
		if (LIMITS[i].resource == resource)
			return LIMITS[i].name;
	return NULL;
}

int rlimit_plan_make(const struct spec_rlimit *limits, size_t len, struct rlimit_plan *ret, struct err *e)
{
	struct rlimit_plan plan = { 0 };

	for (size_t i = 0; i < len; i++) {
		int resource = rlimit_number(limits[i].type);

		if (resource < 0)
			return err_set(e, -EINVAL, "wrong rlimit value: '%s' (no such limit)",
				       limits[i].type);
		if (limits[i].soft > limits[i].hard)
			return err_set(e, -EINVAL, "rlimit '%s': soft limit %llu is over the hard one, %llu",
				       limits[i].type, (unsigned long long)limits[i].soft,
				       (unsigned long long)limits[i].hard);
		for (size_t j = 0; j < plan.len; j++)
			if (plan.items[j].resource == resource)
				return err_set(e, -EINVAL, "duplicate rlimit '%s'", limits[i].type);
		plan.items[plan.len].resource = resource;
		plan.items[plan.len].limit = (struct rlimit){ limits[i].soft, limits[i].hard };
		plan.len++;
	}
	*ret = plan;
	return 0;
}

int rlimit_plan_apply(const struct rlimit_plan *plan, pid_t pid, int *ret_failed)
{
	for (size_t i = 0; i < plan->len; i++) {
		if (prlimit(pid, plan->items[i].resource, &plan->items[i].limit, NULL) < 0) {
			*ret_failed = plan->items[i].resource;
			return -errno;
		}
	}
	return 0;
}
