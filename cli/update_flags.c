/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/update_flags.h"

#include <stdlib.h>
#include <string.h>

#include "common/parse.h"

void update_flags_done(struct update_flags *f)
{
	spec_resources_done(&f->resources);
	*f = (struct update_flags){ 0 };
}

static int bad_number(int code, const char *expected, struct err *e)
{
	if (code == -ERANGE)
		return err_set(e, code, "value out of range");
	return err_set(e, code, "expected %s", expected);
}

static int set_bytes(const char *text, void *member, struct err *e)
{
	struct opt_i64 *limit = member;
	uint64_t bytes;
	int r;

	if (!*text)
		return 0;
	if (strcmp(text, "-1") == 0) {
		*limit = (struct opt_i64){ true, -1 };
		return 0;
	}
	r = parse_size_bytes(text, &bytes);
	if (r < 0)
		return bad_number(r, "bytes, with a unit or without (64M), or -1", e);
	*limit = (struct opt_i64){ true, (int64_t)bytes };
	return 0;
}

static int set_u64(const char *text, void *member, struct err *e)
{
	struct opt_u64 n = { .set = true };
	int r;

	if (!*text)
		return 0;
	r = parse_u64(text, 0, UINT64_MAX, &n.value);
	if (r < 0)
		return bad_number(r, "a non-negative number", e);
	*(struct opt_u64 *)member = n;
	return 0;
}

static int set_i64(const char *text, void *member, struct err *e)
{
	struct opt_i64 n = { .set = true };
	int r;

	if (!*text)
		return 0;
	r = parse_i64(text, INT64_MIN, INT64_MAX, &n.value);
	if (r < 0)
		return bad_number(r, "a number", e);
	*(struct opt_i64 *)member = n;
	return 0;
}

static int set_pids(const char *text, void *member, struct err *e)
{
	struct opt_i64 *n = member;
	int r = set_i64(text, n, e);

	n->set = n->set && n->value != 0;
	return r;
}

static int set_weight(const char *text, void *member, struct err *e)
{
	struct opt_u64 n = { 0 };
	int r = parse_u64(text, 0, UINT16_MAX, &n.value);

	if (r < 0)
		return bad_number(r, "a weight from 10 to 1000", e);
	n.set = n.value != 0;
	*(struct opt_u64 *)member = n;
	return 0;
}

static int set_text(const char *text, void *member, struct err *e)
{
	char *copy;

	if (!*text)
		return 0;
	copy = strdup(text);
	if (!copy)
		return err_set(e, -ENOMEM, "out of memory");
	free(*(char **)member);
	*(char **)member = copy;
	return 0;
}

/* Limits of kernel memory are gone from the kernel; runc takes the flags and ignores them. */
static int ignore_text(const char *text, void *member, struct err *e)
{
	(void)text;
	(void)member;
	(void)e;
	return 0;
}

#define FLAG(member)  offsetof(struct update_flags, member)
#define LIMIT(member) offsetof(struct update_flags, resources.member)
const struct option_def UPDATE_FLAGS[] = {
	{ "resources", 'r', OPTION_STRING, FLAG(resources_file), "file",
	  "Read linux.resources from a file (-: stdin); other limits are then ignored" },
	{ "blkio-weight", 0, OPTION_CALL, LIMIT(blkio_weight), "weight", "Weight for block I/O, 10 to 1000",
	  set_weight },
	{ "cpu-period", 0, OPTION_CALL, LIMIT(cpu_period_us), "us", "Length of a period of --cpu-quota",
	  set_u64 },
	{ "cpu-quota", 0, OPTION_CALL, LIMIT(cpu_quota_us), "us", "CPU time in each period (-1: no limit)",
	  set_i64 },
	{ "cpu-burst", 0, OPTION_CALL, LIMIT(cpu_burst_us), "us", "CPU time that unused quota may save up",
	  set_u64 },
	{ "cpu-share", 0, OPTION_CALL, LIMIT(cpu_shares), "shares", "CPU shares, 1024 being the default",
	  set_u64 },
	{ "cpu-rt-period", 0, OPTION_CALL, LIMIT(cpu_realtime_period_us), "us",
	  "Real-time period (cgroup v1 only: refused)", set_u64 },
	{ "cpu-rt-runtime", 0, OPTION_CALL, LIMIT(cpu_realtime_runtime_us), "us",
	  "Real-time limit (cgroup v1 only: refused)", set_i64 },
	{ "cpuset-cpus", 0, OPTION_CALL, LIMIT(cpu_cpus), "list", "CPUs to use (0-2,4)", set_text },
	{ "cpuset-mems", 0, OPTION_CALL, LIMIT(cpu_mems), "list", "Memory nodes to use", set_text },
	{ "memory", 0, OPTION_CALL, LIMIT(memory_limit), "bytes", "Limit of memory (-1: none)", set_bytes },
	{ "memory-reservation", 0, OPTION_CALL, LIMIT(memory_reservation), "bytes",
	  "Memory that is kept for it", set_bytes },
	{ "memory-swap", 0, OPTION_CALL, LIMIT(memory_swap), "bytes",
	  "Limit of memory and swap together (-1: none for swap)", set_bytes },
	{ "kernel-memory", 0, OPTION_CALL, 0, NULL, NULL, ignore_text },
	{ "kernel-memory-tcp", 0, OPTION_CALL, 0, NULL, NULL, ignore_text },
	{ "pids-limit", 0, OPTION_CALL, LIMIT(pids_limit), "count", "Limit of processes (-1: none)",
	  set_pids },
	{ "cpu-idle", 0, OPTION_CALL, LIMIT(cpu_idle), "0|1", "Run only when nobody else wants the CPU",
	  set_i64 },
	{ "l3-cache-schema", 0, OPTION_STRING, FLAG(l3_cache_schema), "schema",
	  "Intel RDT L3 cache (not supported: refused)" },
	{ "mem-bw-schema", 0, OPTION_STRING, FLAG(mem_bw_schema), "schema",
	  "Intel RDT memory bandwidth (not supported: refused)" },
	{ 0 },
};
