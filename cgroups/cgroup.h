/* SPDX-License-Identifier: Apache-2.0 */
/* A container's cgroup on cgroup v2. Documentation/admin-guide/cgroup-v2.rst of the kernel. */
#ifndef SAMPAN_CGROUPS_CGROUP_H
#define SAMPAN_CGROUPS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

#define CGROUP_DEFAULT_PARENT "/sampan" /* of containers without a cgroupsPath */

enum cgroup_mode {
	CGROUP_NONE,    /* no cgroup2 mount */
	CGROUP_UNIFIED, /* v2 on /sys/fs/cgroup */
	CGROUP_HYBRID,  /* v2 on /sys/fs/cgroup/unified beside v1, which owns the controllers */
};

/* Bits. */
enum cgroup_controller {
	CGROUP_CPU = 1 << 0,
	CGROUP_MEMORY = 1 << 1,
	CGROUP_PIDS = 1 << 2,
	CGROUP_IO = 1 << 3,
	CGROUP_CPUSET = 1 << 4,
	CGROUP_HUGETLB = 1 << 5,
	CGROUP_RDMA = 1 << 6,
	CGROUP_MISC = 1 << 7,
};

struct cgroup_host {
	enum cgroup_mode mode;
	char mount_point[64];   /* "" where none */
	unsigned int available; /* controllers of the root's cgroup.controllers (enum cgroup_controller) */
};

/* Mode and mount point alone: what it takes to open a cgroup whose path is known, or to make one that needs no controllers. One or
 * two statfs(2). */
void cgroup_host_find(struct cgroup_host *ret);

/* All of it, to make a cgroup with limits: the root's cgroup.controllers, too. Never fails for a host without cgroups; -errno where
 * what is mounted cannot be read. */
int cgroup_host_detect(struct cgroup_host *ret, struct err *e) MUST_CHECK;

/* The name of a controller ("memory"), a static string, for messages. `c` is one bit. */
const char *cgroup_controller_name(enum cgroup_controller c);

/* The controllers that these resources need. NULL needs none. Device rules need none: they are eBPF. What only lifts a limit
 * (-1, pids <= 0) needs none either. */
unsigned int cgroup_needed_controllers(const struct spec_resources *r);

/* A zeroed struct is an empty one: it has no cgroup, and cgroup_done leaves its dir_fd alone. On an empty one cgroup_kill,
 * cgroup_remove and cgroup_attach do nothing and succeed, cgroup_read_stats knows nothing, and cgroup_freeze fails. */
struct cgroup {
	char *path; /* below the mount point, "/sampan/0123..."; NULL: none at all */
	int dir_fd; /* of it, good for CLONE_INTO_CGROUP and *at(); meaningless where path is NULL */
	unsigned int enabled; /* controllers that are on in it; none known where it was made for no limits */
	char *unit;           /* systemd's name of it, "sampan-0123.scope"; NULL: we made it ourselves */
	pid_t keeper; /* > 0: a process that holds the place of the container's first one, see cgroup_settle */
	int keeper_pidfd; /* of it; meaningless without it */
	bool is_new;      /* we have just made the directory: nobody has attached anything to it */
};
void cgroup_done(struct cgroup *c);
#define cleanup_cgroup __attribute__((cleanup(cgroup_done)))

/* Makes the cgroup of a container. `spec_path` is linux.cgroupsPath: absolute: from the mount point; relative: below our default
 * parent; NULL: `id` below our default parent. That is "/sampan", or where we may not write there (rootless) "sampan" beside our
 * own cgroup, as the no-internal-processes rule forbids a place below it. Needed controllers are enabled from the mount point
 * down, no others. One that exists without processes is taken over. *ret is owned by the caller (cgroup_done, which removes
 * nothing); on failure nothing is left behind.
 *
 * -EOPNOTSUPP: a controller is off: "cannot limit memory: controller 'memory' is off (add cgroup_enable=memory to
 * /boot/firmware/cmdline.txt and reboot)"; where v1 holds it, or a parent does not delegate it, says that. -EBUSY: exists with
 * processes in it. -EINVAL: ".." in the path. With r needing nothing on a host without v2, or without a spec_path where we may
 * not write to the tree, the result is an empty struct and 0. config-linux.md#control-groups, #cgroups-path. */
int cgroup_create(const struct cgroup_host *host, const char *spec_path, const char *id,
		  const struct spec_resources *r, struct cgroup *ret, struct err *e) MUST_CHECK;

/* The same with the systemd driver: starts a transient scope, SLICE and name from `spec_path` as "SLICE:PREFIX:NAME" (NULL and "":
 * "system.slice:sampan:ID", of a user "user.slice:sampan:ID"), with Delegate=, our limits and those of `annotations` (may be NULL) that
 * begin with "org.systemd.property." as its properties. The scope starts with a process of ours in it, which cgroup_settle
 * ends; cgroup_done, and our own end, do so too.
 *
 * Whoever is not root asks the systemd of his user. Errors are those of cgroup_create, and: -EOPNOTSUPP: no libsystemd, or no cgroup
 * v2; -EBUSY: there is a scope of that name; -EINVAL: bad spec_path or annotation; -errno where systemd cannot be reached. */
int cgroup_create_systemd(const struct cgroup_host *host, const char *spec_path, const char *id,
			  const struct spec_resources *r, const struct strvec *annotations,
			  struct cgroup *ret, struct err *e) MUST_CHECK;

/* Whether containers are to have scopes of our user's systemd: we are not root, or root of a user namespace of ours, it runs, and there is cgroup v2
 * only. Nobody else may make cgroups for us. */
bool cgroup_wants_user_scope(void);

/* Ends the process that held the container's place: to be called once its first process is in the cgroup. Does nothing where there
 * is none. */
void cgroup_settle(struct cgroup *c);

/* Says of a cgroup that was opened that it belongs to a unit of systemd (c->unit of the one that was created). -ENOMEM; -ELIBACC
 * this program cannot speak to systemd (common/library.h). */
int cgroup_set_unit(struct cgroup *c, const char *unit, struct err *e) MUST_CHECK;

/* Whether the freezer of the one that is there, by the path that cgroup_create left in ->path, is on; false where that cannot be told. */
bool cgroup_is_frozen(const struct cgroup_host *host, const char *path);

/* Opens one that is there, by the path that cgroup_create left in ->path; NULL gives an empty one. *ret is owned by the caller.
 * -ENOENT, -EINVAL. */
int cgroup_open(const struct cgroup_host *host, const char *path, struct cgroup *ret,
		struct err *e) MUST_CHECK;

/* Reads ->enabled anew. -ENODEV: it has been removed. */
int cgroup_find_enabled(struct cgroup *c, struct err *e) MUST_CHECK;

/* Writes the limits, then attaches the device filter if there are device rules. Only what is set is touched, so it serves updates
 * too. cpu shares become cpu.weight by the formula of runc >= 1.3; memory+swap becomes swap alone. NULL: nothing to do.
 * An error names file and value. -EOPNOTSUPP: what cgroup v1 alone can do (the text names the key), or what this kernel cannot;
 * -EINVAL: bad values; -EBUSY: checkBeforeUpdate found more memory in use. -EPERM means one thing only: all limits are
 * in force, but bpf(2) is not permitted here (user namespace), so there is no device filter; the caller decides.
 * On an empty cgroup limits are -EOPNOTSUPP and device rules are left out. config-linux.md#memory and what follows. */
int cgroup_apply(struct cgroup *c, const struct spec_resources *r, struct err *e) MUST_CHECK;

/* cgroup_apply for a container that runs: of a unit of systemd, its properties are set first, so that systemd does not undo what is
 * written. Its errors, and those of cgroup_create_systemd. */
int cgroup_update(struct cgroup *c, const struct spec_resources *r, struct err *e) MUST_CHECK;

/* The device filter alone: the rules of `r` (NULL: none), then runc's default devices (null, zero, full, random, urandom, tty,
 * ptmx, pts; mknod of all), everything else denied. Replaces the filter that is there. Unlike cgroup_apply it does so without
 * rules too. -EPERM as above; -EOPNOTSUPP on an empty cgroup or a kernel without CONFIG_CGROUP_BPF; -EINVAL, -EFBIG bad rules.
 * config-linux.md#allowed-device-list */
int cgroup_apply_devices(struct cgroup *c, const struct spec_resources *r, struct err *e) MUST_CHECK;

/* Moves a process (0: the caller) into it, for kernels and cases without CLONE_INTO_CGROUP. What we may not do ourselves systemd is
 * asked for, if it is a unit of its. -ESRCH, -EACCES, -EBUSY. */
int cgroup_attach(const struct cgroup *c, pid_t pid, struct err *e) MUST_CHECK;

/* SIGKILLs everything in and below it (cgroup.kill; before Linux 5.14 freezes and kills pid by pid). Does not wait for the exits.
 * A removed cgroup is a success. */
int cgroup_kill(const struct cgroup *c, struct err *e) MUST_CHECK;

/* Sends a signal to each process in and below it, one by one: what is forked meanwhile may miss it. An empty cgroup is a success. */
int cgroup_signal(const struct cgroup *c, int signal, struct err *e) MUST_CHECK;

/* Removes it and what is below it, retrying for up to 500 ms while exiting processes are still in it (-EBUSY after that). Absent
 * is a success. A unit of systemd is stopped after it. dir_fd stays open until cgroup_done. */
int cgroup_remove(const struct cgroup *c, struct err *e) MUST_CHECK;

/* Kills what is in it and removes it, as the two above do; quickest where nothing is in it any more. */
int cgroup_destroy(const struct cgroup *c, struct err *e) MUST_CHECK;

/* Whether a process lives in or below it. False where that cannot be told. */
bool cgroup_is_populated(const struct cgroup *c);

/* Freezes or thaws, and waits until all are frozen: -ETIMEDOUT after 2 s, and they are thawed again. -EOPNOTSUPP on an empty
 * cgroup. */
int cgroup_freeze(const struct cgroup *c, bool frozen, struct err *e) MUST_CHECK;

struct cgroup_stats { /* UINT64_MAX: not known (controller off, file of a newer kernel), or "max" */
	uint64_t memory_current, memory_peak, memory_max, memory_swap_current, memory_swap_max, memory_low,
		memory_high;
	uint64_t oom_events, oom_kill_events; /* memory.events: of it and all below */
	uint64_t cpu_usage_us, cpu_user_us, cpu_system_us, cpu_throttled_us, cpu_nr_throttled;
	uint64_t cpu_quota_us, cpu_period_us, cpu_weight;
	uint64_t pids_current, pids_max;
};
/* Reads what there is; -ENOENT when the cgroup has been removed. */
int cgroup_read_stats(const struct cgroup *c, struct cgroup_stats *ret, struct err *e) MUST_CHECK;

#endif
