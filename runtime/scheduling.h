/* SPDX-License-Identifier: Apache-2.0 */
/* process.scheduler, process.ioPriority, process.execCPUAffinity and linux.personality: parsed by the creator, applied by the
 * process itself. runtime-spec config.md#linux-process, config-linux.md#personality. */
#ifndef SAMPAN_RUNTIME_SCHEDULING_H
#define SAMPAN_RUNTIME_SCHEDULING_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "oci/runtime_spec.h"

/* What sched_setattr(2) takes; glibc 2.36 has no name for it. */
struct scheduling_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

struct scheduling {
	bool has_attributes, has_io_priority, has_personality, has_initial_cpus, has_final_cpus;
	struct scheduling_attributes attributes;
	int io_priority; /* class and data, as ioprio_set(2) packs them */
	unsigned long personality;
	cpu_set_t initial_cpus, final_cpus;
};

/* Pure. linux_ may be NULL. -EINVAL unknown names and values out of range; -EOPNOTSUPP personality flags. */
int scheduling_parse(const struct spec_process *process, const struct spec_linux *linux_,
		     struct scheduling *ret, struct err *e) MUST_CHECK;

/* execCPUAffinity.initial, for the creator: its child is born with it. */
int scheduling_apply_initial(const struct scheduling *s, struct err *e) MUST_CHECK;

/* All the rest, in the process. -EPERM where the kernel wants CAP_SYS_NICE. */
int scheduling_apply(const struct scheduling *s, struct err *e) MUST_CHECK;

#endif
