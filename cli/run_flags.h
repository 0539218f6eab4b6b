/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of `sampan run`, as they were typed, checked as far as the text alone allows. */
#ifndef SAMPAN_CLI_RUN_FLAGS_H
#define SAMPAN_CLI_RUN_FLAGS_H

#include <stdbool.h>

#include "cli/options.h"
#include "engine/network_config.h"
#include "engine/restart_policy.h"

#define RUN_MEMORY_MIN (256u << 10) /* bytes; the kernel's own structures of a process need about that */

enum run_pull { RUN_PULL_MISSING, RUN_PULL_ALWAYS, RUN_PULL_NEVER };

struct run_flags {
	bool interactive, tty, rm, read_only, privileged, init, quiet, detach;
	bool no_healthcheck;
	struct restart_policy restart;
	const char *health_cmd;
	struct opt_i64 health_interval, health_timeout, health_start_period, health_start_interval; /* ns */
	struct opt_i64 health_retries;
	int health_action; /* enum health_action */
	int sdnotify;      /* enum notify_mode */
	int pull;          /* enum run_pull */
	bool publish_all;
	struct network_config
		network; /* of --network, --dns and --add-host: cli/run_network.h has all of it */
	const char *name, *workdir, *user, *entrypoint, *hostname, *domainname, *platform, *cgroup_parent,
		*log_driver, *stop_signal, *cidfile, *cpuset_cpus, *cpuset_mems, *detach_keys, *ip, *ip6,
		*mac_address;
	struct strvec env, env_files, volumes, mounts, tmpfs, cap_add, cap_drop, security_opts, devices,
		ulimits, sysctls, labels, groups, volumes_from, log_options, publish, expose, network_aliases;
	struct opt_u64 memory, memory_reservation, shm_size, nano_cpus, cpu_shares; /* bytes, nano-CPUs */
	struct opt_i64 memory_swap;                                                 /* bytes; -1: no limit */
	struct opt_i64 pids_limit;                                                  /* -1 and 0: no limit */
	struct opt_i64 oom_score_adj;
	/* Namespaces: texts of docker's modes; NULL: the container's own. */
	const char *pid, *ipc, *uts, *cgroupns, *userns, *subuid_name, *subgid_name;
	struct strvec uid_maps, gid_maps;
	const char *tz, *gpus, *isolation;
	bool replace, ephemeral, rootfs;
	struct strvec file_labels, annotations, secrets, device_rules, blkio_weight_devices, read_bps,
		write_bps, read_iops, write_iops;
	struct opt_u64 blkio_weight, ephemeral_size; /* bytes */
	struct opt_i64 cpu_period, cpu_quota;        /* microseconds; 0: not set */
	/* What is understood in order to be refused. */
	bool oom_kill_disable;
	struct opt_i64 memory_swappiness;
	const char *kernel_memory, *cpu_rt_period, *cpu_rt_runtime;
	struct strvec storage_opts;
	struct strvec cdi_dirs;      /* instead of /etc/cdi and /var/run/cdi; the last one wins */
	struct opt_i64 stop_timeout; /* seconds; -1: no end */
	int32_t attach;              /* MONITOR_WANT_*; 0: not given */
	bool sig_proxy;              /* true unless somebody says otherwise */
	const char *new_restart;     /* update: a policy; NULL: as it is */
};
void run_flags_done(struct run_flags *f);
#define cleanup_run_flags __attribute__((cleanup(run_flags_done)))

/* For a command_def. */
const struct option_def *run_flags_options(void);    /* of `run` */
const struct option_def *create_flags_options(void); /* of `create` */

/* For an OPTION_CALL "--memory-swap": the member is a struct opt_i64. -EINVAL. */
int run_flags_set_memory_swap(const char *text, void *member, struct err *e);

/* Values that are out of range and flags that contradict each other. `cpus` is how many this machine has. -EINVAL in docker's
 * words. */
int run_flags_check(const struct run_flags *f, unsigned int cpus, struct err *e) MUST_CHECK;

#endif
