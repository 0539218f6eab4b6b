/* SPDX-License-Identifier: Apache-2.0 */
/* A container's cgroup on cgroup v2. Documentation/admin-guide/cgroup-v2.rst of the kernel. */
#ifndef SAMPAN_CGROUPS_CGROUP_H
#define SAMPAN_CGROUPS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

enum cgroup_mode {
	CGROUP_NONE,    /* no cgroup2 mount */
	CGROUP_UNIFIED, /* v2 on /sys/fs/cgroup */
	CGROUP_HYBRID,  /* v2 on /sys/fs/cgroup/unified beside v1, which owns the controllers */
};

enum cgroup_controller { /* bits */
			 CGROUP_CPU = 1 << 0,
			 CGROUP_MEMORY = 1 << 1,
			 CGROUP_PIDS = 1 << 2,
			 CGROUP_IO = 1 << 3,
			 CGROUP_CPUSET = 1 << 4,
			 CGROUP_HUGETLB = 1 << 5,
			 CGROUP_RDMA = 1 << 6,
};

struct cgroup_host {
	enum cgroup_mode mode;
	char mount_point[64];   /* "" where none */
	unsigned int available; /* controllers of the root's cgroup.controllers (enum cgroup_controller) */
	char own_path[4096];    /* of this process below the mount point: "/user.slice/..." */
};

/* Looks at /proc/self/mountinfo... as little as it takes: statfs of the two usual places, /proc/self/cgroup. Never fails for a host without cgroups. */
int cgroup_host_detect(struct cgroup_host *ret, struct err *e) MUST_CHECK;

/* The name of a controller ("memory"), for messages. */
const char *cgroup_controller_name(enum cgroup_controller c);

/* The controllers that these resources need. NULL needs none. Device rules need none: they are eBPF. */
unsigned int cgroup_needed_controllers(const struct spec_resources *r);

struct cgroup {
	char *path;           /* below the mount point, "/sampan/0123..."; NULL: none at all */
	int dir_fd;           /* of it; -1 */
	unsigned int enabled; /* controllers that are on in it */
};
void cgroup_done(struct cgroup *c);
#define cleanup_cgroup __attribute__((cleanup(cgroup_done)))

/* Makes the cgroup: `spec_path` is linux.cgroupsPath (NULL: "/<parent>/<id>", parent "sampan" below the own cgroup's nearest place that the no-internal-processes rule allows;
 * absolute: from the mount point; relative: below our own default parent). Enables the needed controllers down the tree.
 * -EOPNOTSUPP: a controller is off: "cannot limit memory: controller 'memory' is off (add cgroup_enable=memory to /boot/firmware/cmdline.txt and reboot)"; where v1
 * holds it, says that. -EEXIST, -EBUSY: exists with processes in it. With r needing nothing and no v2 hierarchy the result is an empty struct cgroup and 0. */
int cgroup_create(const struct cgroup_host *host, const char *spec_path, const char *id,
		  const struct spec_resources *r, struct cgroup *ret, struct err *e) MUST_CHECK;

/* Opens one that is there, by the path that cgroup_create left in ->path. -ENOENT. */
int cgroup_open(const struct cgroup_host *host, const char *path, struct cgroup *ret,
		struct err *e) MUST_CHECK;

/* Writes the limits, and attaches the device filter. Only what is set is written. cpu_shares become cpu.weight by the formula of runc >= 1.3; memory+swap becomes swap alone.
 * An error names file and value. */
int cgroup_apply(const struct cgroup *c, const struct spec_resources *r, struct err *e) MUST_CHECK;

/* Moves a process (0: the caller) into it, for kernels and cases without CLONE_INTO_CGROUP. */
int cgroup_attach(const struct cgroup *c, pid_t pid, struct err *e) MUST_CHECK;

/* SIGKILLs everything below (cgroup.kill; before Linux 5.14 freezes and kills pid by pid). */
int cgroup_kill(const struct cgroup *c, struct err *e) MUST_CHECK;

/* Removes it and what is below it, retrying briefly while exiting processes are still in it. Absent is a success. */
int cgroup_remove(const struct cgroup *c, struct err *e) MUST_CHECK;

bool cgroup_is_populated(const struct cgroup *c);

int cgroup_freeze(const struct cgroup *c, bool frozen, struct err *e) MUST_CHECK;

struct cgroup_stats { /* UINT64_MAX: not known, or "max" */
	uint64_t memory_current, memory_peak, memory_max, memory_swap_current, memory_swap_max, memory_low,
		memory_high;
	uint64_t oom_events, oom_kill_events; /* memory.events */
	uint64_t cpu_usage_us, cpu_user_us, cpu_system_us, cpu_throttled_us, cpu_nr_throttled;
	uint64_t cpu_quota_us, cpu_period_us, cpu_weight;
	uint64_t pids_current, pids_max;
};
int cgroup_read_stats(const struct cgroup *c, struct cgroup_stats *ret, struct err *e) MUST_CHECK;

#endif
