/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/update_limits.h"

#include <stdlib.h>
#include <string.h>

#include "cli/run_resources.h"
#include "common/cleanup.h"

static const char *const NAMES[] = { "blkio-weight", "cpu-period", "cpu-quota",
				     "cpu-shares",   "cpus",       "cpuset-cpus",
				     "cpuset-mems",  "memory",     "memory-reservation",
				     "memory-swap",  "pids-limit" };
static const struct option_def RESTART = {
	"restart",     0,
	OPTION_STRING, offsetof(struct run_flags, new_restart),
	"policy",      "When it has ended: no, on-failure[:max-retries], always, unless-stopped"
};
#define OPTIONS_LEN (ARRAY_LEN(NAMES) + 1)

static const struct option_def *find_option(const char *name)
{
	const struct option_def *o = run_flags_options();

	while (o->name && strcmp(o->name, name) != 0)
		o++;
	return o;
}

const struct option_def *update_limits_options(void)
{
	static struct option_def options[OPTIONS_LEN + 1];

	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		options[i] = *find_option(NAMES[i]);
	options[ARRAY_LEN(NAMES)] = RESTART;
	return options;
}

static bool is_nothing(const struct spec_resources *r)
{
	return !r->memory_limit.set && !r->memory_reservation.set && !r->memory_swap.set &&
	       !r->cpu_shares.set && !r->cpu_quota_us.set && !r->cpu_period_us.set && !r->pids_limit.set &&
	       !r->cpu_cpus && !r->cpu_mems && !r->blkio_weight.set;
}

/* What `run` checks of its own flags alone, an update must of those that are there already. */
static int check_memory(const struct spec_resources *now, const struct run_flags *f, struct err *e)
{
	int64_t limit = f->memory.set           ? (int64_t)f->memory.value
			: now->memory_limit.set ? now->memory_limit.value
						: -1;
	int64_t swap = f->memory_swap.set     ? f->memory_swap.value
		       : now->memory_swap.set ? now->memory_swap.value
					      : -1;

	if (f->memory.set && !f->memory_swap.set && swap > 0 && limit > swap)
		return err_set(e, -EINVAL,
			       "memory limit should be smaller than already set memoryswap limit, update the "
			       "memoryswap at the same time");
	if (f->memory_swap.set && swap > 0 && limit <= 0)
		return err_set(
			e, -EINVAL,
			"you should always set the memory limit when using --memory-swap (use -m too)");
	if (f->memory_swap.set && swap > 0 && swap < limit)
		return err_set(e, -EINVAL,
			       "--memory-swap is memory and swap together: it must not be less than -m");
	return 0;
}

/* As `run` has it, but that a limit of memory leaves the one of memory and swap as it is. */
static int fill(const struct run_flags *f, struct spec_resources *ret, struct err *e)
{
	struct runtime_spec s = { 0 };
	int r = run_resources_apply(f, &s, e);

	if (r == 0) {
		*ret = *s.linux_.resources;
		memset(s.linux_.resources, 0, sizeof(*s.linux_.resources)); /* moved */
		ret->memory_swap = f->memory_swap;
		if (f->pids_limit.set)
			ret->pids_limit =
				(struct opt_i64){ true, f->pids_limit.value > 0 ? f->pids_limit.value : -1 };
	}
	runtime_spec_done(&s);
	return r;
}

/* The kernel has the two in one file: who changes one of them keeps the other. */
static void complete_quota(const struct spec_resources *now, struct spec_resources *r)
{
	if (r->cpu_period_us.set && !r->cpu_quota_us.set)
		r->cpu_quota_us = now->cpu_quota_us;
	else if (r->cpu_quota_us.set && !r->cpu_period_us.set)
		r->cpu_period_us = now->cpu_period_us;
}

int update_limits_make(const struct run_flags *f, unsigned int cpus, const struct spec_resources *now,
		       struct spec_resources *ret, struct err *e)
{
	static const struct spec_resources NONE = { 0 };
	struct run_flags alone = *f; /* a copy that owns nothing */
	struct spec_resources made = { 0 };
	int r;

	alone.memory_swap = (struct opt_i64){ 0 };
	r = run_flags_check(&alone, cpus, e);
	if (r == 0)
		r = check_memory(now ? now : &NONE, f, e);
	if (r == 0)
		r = fill(f, &made, e);
	if (r == 0 && is_nothing(&made))
		r = err_set(e, -ENODATA, "you must provide one or more flags when using this command");
	if (r < 0) {
		spec_resources_done(&made);
		return r;
	}
	complete_quota(now ? now : &NONE, &made);
	*ret = made;
	return 0;
}

static int merge_text(const char *from, char **into)
{
	char *copy;

	if (!from)
		return 0;
	copy = strdup(from);
	if (!copy)
		return -ENOMEM;
	free(*into);
	*into = copy;
	return 0;
}

int update_limits_merge(const struct spec_resources *changes, struct spec_resources *into)
{
	int r = merge_text(changes->cpu_cpus, &into->cpu_cpus);

	if (r == 0)
		r = merge_text(changes->cpu_mems, &into->cpu_mems);
	if (r < 0)
		return r;
	if (changes->memory_limit.set)
		into->memory_limit = changes->memory_limit;
	if (changes->memory_reservation.set)
		into->memory_reservation = changes->memory_reservation;
	if (changes->memory_swap.set)
		into->memory_swap = changes->memory_swap;
	if (changes->cpu_shares.set)
		into->cpu_shares = changes->cpu_shares;
	if (changes->cpu_quota_us.set)
		into->cpu_quota_us = changes->cpu_quota_us;
	if (changes->cpu_period_us.set)
		into->cpu_period_us = changes->cpu_period_us;
	if (changes->blkio_weight.set)
		into->blkio_weight = changes->blkio_weight;
	if (changes->pids_limit.set)
		into->pids_limit = changes->pids_limit;
	return 0;
}
