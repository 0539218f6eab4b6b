/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "cgroups/cgroup.h"
#include "cgroups/files.h"
#include "common/cleanup.h"

#define STAT_MAX 4096

struct number_file {
	const char *file;
	size_t offset; /* of the uint64_t in struct cgroup_stats */
	unsigned int controller;
};

static const struct number_file NUMBERS[] = {
	{ "memory.current", offsetof(struct cgroup_stats, memory_current), CGROUP_MEMORY },
	{ "memory.peak", offsetof(struct cgroup_stats, memory_peak), CGROUP_MEMORY }, /* Linux 5.19 */
	{ "memory.max", offsetof(struct cgroup_stats, memory_max), CGROUP_MEMORY },
	{ "memory.low", offsetof(struct cgroup_stats, memory_low), CGROUP_MEMORY },
	{ "memory.high", offsetof(struct cgroup_stats, memory_high), CGROUP_MEMORY },
	{ "memory.swap.current", offsetof(struct cgroup_stats, memory_swap_current), CGROUP_MEMORY },
	{ "memory.swap.max", offsetof(struct cgroup_stats, memory_swap_max), CGROUP_MEMORY },
	{ "cpu.weight", offsetof(struct cgroup_stats, cpu_weight), CGROUP_CPU },
	{ "pids.current", offsetof(struct cgroup_stats, pids_current), CGROUP_PIDS },
	{ "pids.max", offsetof(struct cgroup_stats, pids_max), CGROUP_PIDS },
};

struct keyed_value {
	const char *file, *key;
	size_t offset;
};

static const struct keyed_value KEYED[] = {
	{ "memory.events", "oom", offsetof(struct cgroup_stats, oom_events) },
	{ "memory.events", "oom_kill", offsetof(struct cgroup_stats, oom_kill_events) },
	{ "cpu.stat", "usage_usec", offsetof(struct cgroup_stats, cpu_usage_us) },
	{ "cpu.stat", "user_usec", offsetof(struct cgroup_stats, cpu_user_us) },
	{ "cpu.stat", "system_usec", offsetof(struct cgroup_stats, cpu_system_us) },
	{ "cpu.stat", "throttled_usec", offsetof(struct cgroup_stats, cpu_throttled_us) },
	{ "cpu.stat", "nr_throttled", offsetof(struct cgroup_stats, cpu_nr_throttled) },
};

static uint64_t *member(struct cgroup_stats *s, size_t offset)
{
	return (uint64_t *)(void *)((char *)s + offset);
}

/* Each file of KEYED is read once: its keys follow one another. A key that is missing stays unknown. */
static void read_keyed(int dir_fd, struct cgroup_stats *s)
{
	const char *current = "";
	char text[STAT_MAX] = "";

	for (size_t i = 0; i < ARRAY_LEN(KEYED); i++) {
		uint64_t value;

		if (strcmp(KEYED[i].file, current) != 0) {
			current = KEYED[i].file;
			if (cgroup_file_read(dir_fd, current, text, sizeof(text)) < 0)
				text[0] = '\0';
		}
		if (cgroup_text_key(text, KEYED[i].key, &value) == 0)
			*member(s, KEYED[i].offset) = value;
	}
}

/* "QUOTA PERIOD", where QUOTA may be "max". */
static void read_cpu_max(int dir_fd, struct cgroup_stats *s)
{
	uint64_t quota_us, period_us;
	const char *rest;
	char text[64];

	if (cgroup_file_read(dir_fd, "cpu.max", text, sizeof(text)) < 0 ||
	    cgroup_text_u64(text, &quota_us, &rest) < 0 || *rest != ' ' ||
	    cgroup_text_u64(rest + 1, &period_us, NULL) < 0)
		return;
	s->cpu_quota_us = quota_us;
	s->cpu_period_us = period_us;
}

int cgroup_read_stats(const struct cgroup *c, struct cgroup_stats *ret, struct err *e)
{
	struct cgroup_stats s;
	char text[8];
	ssize_t n;

	memset(&s, 0xff, sizeof(s)); /* UINT64_MAX everywhere */
	if (!c->path) {
		*ret = s;
		return 0;
	}
	n = cgroup_file_read(c->dir_fd, "cgroup.events", text, sizeof(text));
	if (n < 0)
		return err_code(e, n == -ENODEV ? -ENOENT : (int)n, "cannot read the state of cgroup '%s'",
				c->path);
	for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
		uint64_t value;

		if ((c->enabled & NUMBERS[i].controller) &&
		    cgroup_file_u64(c->dir_fd, NUMBERS[i].file, &value) == 0)
			*member(&s, NUMBERS[i].offset) = value;
	}
	read_keyed(c->dir_fd, &s);
	if (c->enabled & CGROUP_CPU)
		read_cpu_max(c->dir_fd, &s);
	*ret = s;
	return 0;
}
