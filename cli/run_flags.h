/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of `sampan run`, as they were typed, checked as far as the text alone allows. */
#ifndef SAMPAN_CLI_RUN_FLAGS_H
#define SAMPAN_CLI_RUN_FLAGS_H

#include <stdbool.h>

#include "cli/options.h"

#define RUN_MEMORY_MIN (256u << 10) /* bytes; the kernel's own structures of a process need about that */

enum run_pull { RUN_PULL_MISSING, RUN_PULL_ALWAYS, RUN_PULL_NEVER };
enum run_network { RUN_NETWORK_NONE, RUN_NETWORK_HOST };

struct run_flags {
	bool interactive, tty, rm, read_only, privileged, init, quiet;
	int pull;    /* enum run_pull */
	int network; /* enum run_network */
	const char *name, *workdir, *user, *entrypoint, *hostname, *domainname, *platform, *cgroup_parent,
		*stop_signal, *cidfile, *cpuset_cpus, *cpuset_mems;
	struct strvec env, env_files, volumes, mounts, tmpfs, cap_add, cap_drop, security_opts, devices,
		ulimits, sysctls, labels, groups;
	struct opt_u64 memory, memory_reservation, shm_size, nano_cpus, cpu_shares; /* bytes, nano-CPUs */
	struct opt_i64 memory_swap;                                                 /* bytes; -1: no limit */
	struct opt_i64 pids_limit;                                                  /* -1 and 0: no limit */
	struct opt_i64 oom_score_adj;
};
void run_flags_done(struct run_flags *f);
#define cleanup_run_flags __attribute__((cleanup(run_flags_done)))

/* For a command_def. */
const struct option_def *run_flags_options(void);

/* Values that are out of range and flags that contradict each other. `cpus` is how many this machine has. -EINVAL in docker's
 * words. */
int run_flags_check(const struct run_flags *f, unsigned int cpus, struct err *e) MUST_CHECK;

#endif
