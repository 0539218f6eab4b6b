/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_resources.h"

#include <stdlib.h>
#include <string.h>

#include "cli/run_block.h"
#include "common/cleanup.h"
#include "common/parse.h"

#define CPU_PERIOD_US 100000u
#define NANO_PER_CPU  1000000000u

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static void set_memory(const struct run_flags *f, struct spec_resources *r)
{
	if (f->memory.set) {
		int64_t limit = (int64_t)f->memory.value;

		r->memory_limit = (struct opt_i64){ .set = true, .value = limit };
		if (limit <= INT64_MAX / 2)
			r->memory_swap = (struct opt_i64){ .set = true, .value = 2 * limit };
	}
	if (f->memory_swap.set)
		r->memory_swap = f->memory_swap;
	if (f->memory_reservation.set)
		r->memory_reservation =
			(struct opt_i64){ .set = true, .value = (int64_t)f->memory_reservation.value };
}

static int set_cpu(const struct run_flags *f, struct spec_resources *r, struct err *e)
{
	if (f->nano_cpus.set) {
		r->cpu_period_us = (struct opt_u64){ .set = true, .value = CPU_PERIOD_US };
		r->cpu_quota_us = (struct opt_i64){
			.set = true, .value = (int64_t)(f->nano_cpus.value / (NANO_PER_CPU / CPU_PERIOD_US))
		};
	}
	if (f->cpu_period.value > 0)
		r->cpu_period_us = (struct opt_u64){ .set = true, .value = (uint64_t)f->cpu_period.value };
	if (f->cpu_quota.value != 0)
		r->cpu_quota_us = f->cpu_quota;
	if (f->cpu_shares.set && f->cpu_shares.value)
		r->cpu_shares = f->cpu_shares;
	if (f->cpuset_cpus && !(r->cpu_cpus = strdup(f->cpuset_cpus)))
		return no_memory(e);
	if (f->cpuset_mems && !(r->cpu_mems = strdup(f->cpuset_mems)))
		return no_memory(e);
	return 0;
}

/* The spec's name of a limit of docker's; NULL: there is none. */
static const char *rlimit_type(const char *name)
{
	static const struct {
		const char *name, *type;
	} LIMITS[] = {
		{ "core", "RLIMIT_CORE" },         { "cpu", "RLIMIT_CPU" },
		{ "data", "RLIMIT_DATA" },         { "fsize", "RLIMIT_FSIZE" },
		{ "locks", "RLIMIT_LOCKS" },       { "memlock", "RLIMIT_MEMLOCK" },
		{ "msgqueue", "RLIMIT_MSGQUEUE" }, { "nice", "RLIMIT_NICE" },
		{ "nofile", "RLIMIT_NOFILE" },     { "nproc", "RLIMIT_NPROC" },
		{ "rss", "RLIMIT_RSS" },           { "rtprio", "RLIMIT_RTPRIO" },
		{ "rttime", "RLIMIT_RTTIME" },     { "sigpending", "RLIMIT_SIGPENDING" },
		{ "stack", "RLIMIT_STACK" },
	};

	for (size_t i = 0; i < ARRAY_LEN(LIMITS); i++)
		if (strcmp(LIMITS[i].name, name) == 0)
			return LIMITS[i].type;
	return NULL;
}

/* -1 is "unlimited", which is what RLIM_INFINITY is in two's complement. */
static int parse_limit(const char *text, uint64_t *ret)
{
	if (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	return parse_u64(text, 0, UINT64_MAX, ret);
}

static int add_ulimit(struct spec_process *p, const char *text, struct err *e)
{
	cleanup_free char *copy = strdup(text);
	char *soft_text, *hard_text;
	const char *type;
	uint64_t soft = 0, hard = 0;

	if (!copy)
		return no_memory(e);
	soft_text = strchr(copy, '=');
	if (!soft_text || soft_text == copy)
		return err_set(e, -EINVAL, "invalid ulimit argument: %s", text);
	*soft_text++ = '\0';
	type = rlimit_type(copy);
	if (!type)
		return err_set(e, -EINVAL, "invalid ulimit type: %s", copy);
	hard_text = strchr(soft_text, ':');
	if (hard_text)
		*hard_text++ = '\0';
	if (parse_limit(soft_text, &soft) < 0 || parse_limit(hard_text ? hard_text : soft_text, &hard) < 0)
		return err_set(e, -EINVAL, "invalid ulimit argument: %s", text);
	if (soft > hard)
		return err_set(e, -EINVAL, "ulimit soft limit must be less than or equal to hard limit: %s",
			       text);
	return spec_add_rlimit(p, type, soft, hard) ? 0 : no_memory(e);
}

/* Only what belongs to the container's own namespaces: others would change the host. runtime-spec config-linux.md#sysctl */
static int check_sysctl(const char *text, bool host_network, struct err *e)
{
	static const char *const OWN[] = { "kernel.msg*", "kernel.sem=",        "kernel.shm*",
					   "fs.mqueue.*", "kernel.domainname=", "net.*" };
	const char *equals = strchr(text, '=');

	if (!equals || equals == text)
		return err_set(e, -EINVAL, "invalid sysctl '%s': expected NAME=VALUE", text);
	for (size_t i = 0; i < ARRAY_LEN(OWN); i++) {
		size_t len = strlen(OWN[i]);
		bool prefix = OWN[i][len - 1] == '*';

		if (strncmp(text, OWN[i], prefix ? len - 1 : len) != 0)
			continue;
		if (host_network && strncmp(text, "net.", 4) == 0)
			return err_set(e, -EINVAL, "sysctl '%s' not allowed in host network namespace", text);
		return 0;
	}
	return err_set(e, -EINVAL,
		       "sysctl '%s' is not allowed: it does not belong to a namespace of the container",
		       text);
}

static int set_sysctls(const struct run_flags *f, struct runtime_spec *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->sysctls.len; i++) {
		r = check_sysctl(f->sysctls.items[i], f->network.mode == NETWORK_HOST, e);
		if (r == 0 && strvec_set_env(&s->linux_.sysctl, f->sysctls.items[i]) < 0)
			r = no_memory(e);
	}
	return r;
}

int run_resources_apply(const struct run_flags *f, struct runtime_spec *s, struct err *e)
{
	struct spec_resources *r = s->linux_.resources;
	int rc;

	if (!r)
		r = s->linux_.resources = calloc(1, sizeof(*r));
	if (!r)
		return no_memory(e);
	set_memory(f, r);
	rc = set_cpu(f, r, e);
	if (rc == 0)
		rc = run_block_apply(f, r, e);
	if (f->pids_limit.set && f->pids_limit.value > 0)
		r->pids_limit = f->pids_limit;
	if (f->oom_score_adj.set)
		s->process->oom_score_adj = f->oom_score_adj;
	for (size_t i = 0; rc == 0 && i < f->ulimits.len; i++)
		rc = add_ulimit(s->process, f->ulimits.items[i], e);
	return rc == 0 ? set_sysctls(f, s, e) : rc;
}
