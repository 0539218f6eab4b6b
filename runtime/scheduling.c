/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/scheduling.h"

#include <linux/ioprio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/parse.h"

struct name {
	const char *text;
	uint32_t value;
};

/* sched(7), linux/sched.h: the values are the kernel's ABI; headers of glibc and the kernel cannot be included together. */
static const struct name POLICIES[] = {
	{ "SCHED_OTHER", 0 }, { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 },       { "SCHED_BATCH", 3 },
	{ "SCHED_ISO", 4 },   { "SCHED_IDLE", 5 }, { "SCHED_DEADLINE", 6 },
};
static const struct name FLAGS[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};
static const struct name IO_CLASSES[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};
static const struct name DOMAINS[] = { { "LINUX", PER_LINUX }, { "LINUX32", PER_LINUX32 } };

static int look_up(const struct name *names, size_t len, const char *text, const char *what, uint32_t *ret,
		   struct err *e)
{
	for (size_t i = 0; i < len; i++) {
		if (strcmp(names[i].text, text) == 0) {
			*ret = names[i].value;
			return 0;
		}
	}
	return err_set(e, -EINVAL, "%s: unknown value '%.64s'", what, text);
}

static int parse_scheduler(const struct spec_scheduler *from, struct scheduling *s, struct err *e)
{
	struct scheduling_attributes *to = &s->attributes;
	uint32_t flag = 0;
	int r;

	if (!from)
		return 0;
	r = look_up(POLICIES, ARRAY_LEN(POLICIES), from->policy ? from->policy : "",
		    "process.scheduler.policy", &to->policy, e);
	for (size_t i = 0; r == 0 && i < from->flags.len; i++) {
		r = look_up(FLAGS, ARRAY_LEN(FLAGS), from->flags.items[i], "process.scheduler.flags", &flag,
			    e);
		if (r == 0)
			to->flags |= flag;
	}
	to->size = sizeof(*to);
	to->nice = (int32_t)from->nice.value;
	to->priority = (uint32_t)from->priority.value;
	to->runtime_ns = from->runtime_ns.value;
	to->deadline_ns = from->deadline_ns.value;
	to->period_ns = from->period_ns.value;
	s->has_attributes = true;
	return r;
}

static int parse_io_priority(const struct spec_io_priority *from, struct scheduling *s, struct err *e)
{
	uint32_t class_value = 0;
	int r;

	if (!from)
		return 0;
	r = look_up(IO_CLASSES, ARRAY_LEN(IO_CLASSES), from->class_name ? from->class_name : "",
		    "process.ioPriority.class", &class_value, e);
	if (r < 0)
		return r;
	if (from->priority < 0 || from->priority > 7)
		return err_set(e, -EINVAL, "process.ioPriority.priority: %d is not within 0 and 7",
			       from->priority);
	s->io_priority = (int)(class_value << IOPRIO_CLASS_SHIFT) | from->priority;
	s->has_io_priority = true;
	return 0;
}

static int parse_personality(const struct spec_linux *linux_, struct scheduling *s, struct err *e)
{
	uint32_t domain = 0;
	int r;

	if (!linux_ || !linux_->has_personality)
		return 0;
	if (linux_->personality_flags.len)
		return err_set(e, -EOPNOTSUPP, "linux.personality.flags is not supported");
	r = look_up(DOMAINS, ARRAY_LEN(DOMAINS), linux_->personality_domain ? linux_->personality_domain : "",
		    "linux.personality.domain", &domain, e);
	s->personality = domain;
	s->has_personality = r == 0;
	return r;
}

/* "3" or "0-3". */
static int parse_cpu_range(char *text, cpu_set_t *set)
{
	char *dash = strchr(text, '-');
	uint64_t first, last;
	int r;

	if (dash)
		*dash = '\0';
	r = parse_u64(text, 0, CPU_SETSIZE - 1, &first);
	last = first;
	if (r == 0 && dash)
		r = parse_u64(dash + 1, first, CPU_SETSIZE - 1, &last);
	for (uint64_t i = first; r == 0 && i <= last; i++)
		CPU_SET((size_t)i, set);
	return r;
}

/* cpuset(7), list format: "0-3,7". NULL: none. */
static int parse_cpus(const char *text, cpu_set_t *set, bool *ret_has, struct err *e)
{
	cleanup_free char *copy = text ? strdup(text) : NULL;
	char *rest = copy, *part;

	CPU_ZERO(set);
	if (!text || !*text)
		return 0;
	if (!copy)
		return err_code(e, -ENOMEM, "process.execCPUAffinity");
	while ((part = strsep(&rest, ",")))
		if (parse_cpu_range(part, set) < 0)
			return err_set(e, -EINVAL, "process.execCPUAffinity: bad list '%.64s'", text);
	*ret_has = true;
	return 0;
}

int scheduling_parse(const struct spec_process *process, const struct spec_linux *linux_,
		     struct scheduling *ret, struct err *e)
{
	const struct spec_cpu_affinity *affinity = process->exec_cpu_affinity;
	struct scheduling s = { 0 };
	int r = parse_scheduler(process->scheduler, &s, e);

	if (r == 0)
		r = parse_io_priority(process->io_priority, &s, e);
	if (r == 0)
		r = parse_personality(linux_, &s, e);
	if (r == 0 && affinity)
		r = parse_cpus(affinity->initial, &s.initial_cpus, &s.has_initial_cpus, e);
	if (r == 0 && affinity)
		r = parse_cpus(affinity->final, &s.final_cpus, &s.has_final_cpus, e);
	if (r == 0)
		*ret = s;
	return r;
}

int scheduling_apply_initial(const struct scheduling *s, struct err *e)
{
	if (s->has_initial_cpus && sched_setaffinity(0, sizeof(s->initial_cpus), &s->initial_cpus) < 0)
		return err_errno(e, "cannot set process.execCPUAffinity.initial");
	return 0;
}

int scheduling_apply(const struct scheduling *s, struct err *e)
{
	if (s->has_final_cpus && sched_setaffinity(0, sizeof(s->final_cpus), &s->final_cpus) < 0)
		return err_errno(e, "cannot set process.execCPUAffinity.final");
	if (s->has_attributes && syscall(SYS_sched_setattr, 0, &s->attributes, 0) < 0)
		return err_errno(e, "cannot set process.scheduler");
	if (s->has_io_priority && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, s->io_priority) < 0)
		return err_errno(e, "cannot set process.ioPriority");
	if (s->has_personality && personality(s->personality) < 0)
		return err_errno(e, "cannot set linux.personality");
	return 0;
}
