/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_flags.h"

#include <string.h>

#include "cli/signal_name.h"
#include "common/parse.h"

#define CPUS_MIN_NANO  10000000u /* 0.01 */
#define CPUS_NANO      1000000000u
#define CPU_SHARES_MAX 262144u
#define CPU_SHARES_MIN 2u
#define HOSTNAME_LEN   63 /* of a label; docker's limit too */

void run_flags_done(struct run_flags *f)
{
	struct strvec *lists[] = { &f->env,     &f->env_files, &f->volumes,       &f->mounts,  &f->tmpfs,
				   &f->cap_add, &f->cap_drop,  &f->security_opts, &f->devices, &f->ulimits,
				   &f->sysctls, &f->labels,    &f->groups };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		strvec_done(lists[i]);
}

static int set_pull(const char *text, void *member, struct err *e)
{
	int *pull = member;

	if (strcmp(text, "missing") == 0)
		*pull = RUN_PULL_MISSING;
	else if (strcmp(text, "always") == 0)
		*pull = RUN_PULL_ALWAYS;
	else if (strcmp(text, "never") == 0)
		*pull = RUN_PULL_NEVER;
	else
		return err_set(e, -EINVAL, "expected 'missing', 'always' or 'never'");
	return 0;
}

static int set_network(const char *text, void *member, struct err *e)
{
	int *network = member;

	if (strcmp(text, "none") == 0)
		*network = RUN_NETWORK_NONE;
	else if (strcmp(text, "host") == 0)
		*network = RUN_NETWORK_HOST;
	else
		return err_set(e, -EOPNOTSUPP, "this network is not supported yet: use 'none' or 'host'");
	return 0;
}

static int set_cpus(const char *text, void *member, struct err *e)
{
	uint64_t nano = 0;

	if (parse_nano_cpus(text, &nano) < 0)
		return err_set(e, -EINVAL, "expected a number of CPUs, like 1.5 or 500m");
	*(struct opt_u64 *)member = (struct opt_u64){ .set = nano > 0, .value = nano };
	return 0;
}

static int set_memory_swap(const char *text, void *member, struct err *e)
{
	uint64_t bytes = 0;

	if (strcmp(text, "-1") == 0) {
		*(struct opt_i64 *)member = (struct opt_i64){ .set = true, .value = -1 };
		return 0;
	}
	if (parse_size_bytes(text, &bytes) < 0)
		return err_set(e, -EINVAL, "invalid size: '%s'", text);
	*(struct opt_i64 *)member = (struct opt_i64){ .set = bytes > 0, .value = (int64_t)bytes };
	return 0;
}

/* Docker takes 0 for "not limited" in -m, --memory-reservation and --cpu-shares. */
static int set_size_or_zero(const char *text, void *member, struct err *e)
{
	uint64_t bytes = 0;

	if (parse_size_bytes(text, &bytes) < 0)
		return err_set(e, -EINVAL, "invalid size: '%s'", text);
	*(struct opt_u64 *)member = (struct opt_u64){ .set = bytes > 0, .value = bytes };
	return 0;
}

#define FLAG(m) offsetof(struct run_flags, m)
static const struct option_def OPTIONS[] = {
	{ "cap-add", 0, OPTION_LIST, FLAG(cap_add), "list", "Add capabilities (ALL for all)" },
	{ "cap-drop", 0, OPTION_LIST, FLAG(cap_drop), "list", "Drop capabilities (ALL for all)" },
	{ "cgroup-parent", 0, OPTION_STRING, FLAG(cgroup_parent), "path",
	  "The cgroup that the container's is made in" },
	{ "cidfile", 0, OPTION_STRING, FLAG(cidfile), "file", "Write the container's ID to a file" },
	{ "cpu-shares", 'c', OPTION_U64, FLAG(cpu_shares), "int", "Relative CPU weight (2 to 262144)" },
	{ "cpus", 0, OPTION_CALL, FLAG(nano_cpus), "number", "CPUs it may use: 1.5, or 500m", set_cpus },
	{ "cpuset-cpus", 0, OPTION_STRING, FLAG(cpuset_cpus), "list", "CPUs it may run on (0-3, 0,1)" },
	{ "cpuset-mems", 0, OPTION_STRING, FLAG(cpuset_mems), "list", "NUMA nodes of its memory (0-3, 0,1)" },
	{ "device", 0, OPTION_LIST, FLAG(devices), "list", "Devices of the host: HOST[:CONTAINER[:rwm]]" },
	{ "domainname", 0, OPTION_STRING, FLAG(domainname), "string", "NIS domain name" },
	{ "entrypoint", 0, OPTION_STRING, FLAG(entrypoint), "string",
	  "Run this instead of the image's ENTRYPOINT and CMD" },
	{ "env", 'e', OPTION_LIST, FLAG(env), "list", "NAME=VALUE, or NAME with the value that it has here" },
	{ "env-file", 0, OPTION_LIST, FLAG(env_files), "list", "Files of environment variables" },
	{ "group-add", 0, OPTION_LIST, FLAG(groups), "list", "More groups for the user" },
	{ "hostname", 'h', OPTION_STRING, FLAG(hostname), "string", "Host name of the container" },
	{ "init", 0, OPTION_BOOL, FLAG(init), NULL, "Put an init in front that reaps and forwards signals" },
	{ "interactive", 'i', OPTION_BOOL, FLAG(interactive), NULL, "Give it our stdin" },
	{ "label", 'l', OPTION_LIST, FLAG(labels), "list", "Labels: KEY=VALUE" },
	{ "memory", 'm', OPTION_CALL, FLAG(memory), "bytes", "Memory limit: 512m, 512Mi, 1g",
	  set_size_or_zero },
	{ "memory-reservation", 0, OPTION_CALL, FLAG(memory_reservation), "bytes",
	  "Memory that is taken from it last", set_size_or_zero },
	{ "memory-swap", 0, OPTION_CALL, FLAG(memory_swap), "bytes",
	  "Limit of memory and swap together; -1: no limit", set_memory_swap },
	{ "mount", 0, OPTION_LIST, FLAG(mounts), "mount",
	  "type=bind|tmpfs,source=...,target=...[,readonly]" },
	{ "name", 0, OPTION_STRING, FLAG(name), "string", "Name of the container" },
	{ "net", 0, OPTION_CALL, FLAG(network), "network", NULL, set_network },
	{ "network", 0, OPTION_CALL, FLAG(network), "network", "none or host (default none)", set_network },
	{ "oom-score-adj", 0, OPTION_I64, FLAG(oom_score_adj), "int", "OOM preference, -1000 to 1000" },
	{ "pids-limit", 0, OPTION_I64, FLAG(pids_limit), "int", "Limit of processes; -1: no limit" },
	{ "platform", 0, OPTION_STRING, FLAG(platform), "string", "OS/ARCH[/VARIANT] of the image" },
	{ "privileged", 0, OPTION_BOOL, FLAG(privileged), NULL,
	  "All capabilities and devices, no seccomp, nothing hidden" },
	{ "pull", 0, OPTION_CALL, FLAG(pull), "string", "missing, always or never (default missing)",
	  set_pull },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "No progress while pulling" },
	{ "read-only", 0, OPTION_BOOL, FLAG(read_only), NULL, "Read-only root file system" },
	{ "rm", 0, OPTION_BOOL, FLAG(rm), NULL, "Remove the container when it has ended" },
	{ "security-opt", 0, OPTION_LIST, FLAG(security_opts), "list",
	  "no-new-privileges, seccomp=FILE|unconfined, apparmor=, systempaths=unconfined" },
	{ "shm-size", 0, OPTION_CALL, FLAG(shm_size), "bytes", "Size of /dev/shm (default 64m)",
	  set_size_or_zero },
	{ "stop-signal", 0, OPTION_STRING, FLAG(stop_signal), "signal", "Signal that stops the container" },
	{ "sysctl", 0, OPTION_LIST, FLAG(sysctls), "list",
	  "Kernel parameters of its namespaces: NAME=VALUE" },
	{ "tmpfs", 0, OPTION_LIST, FLAG(tmpfs), "list", "File systems in memory: PATH[:OPTIONS]" },
	{ "tty", 't', OPTION_BOOL, FLAG(tty), NULL, "Give it a terminal" },
	{ "ulimit", 0, OPTION_LIST, FLAG(ulimits), "list", "Limits of processes: NAME=SOFT[:HARD]" },
	{ "user", 'u', OPTION_STRING, FLAG(user), "string", "NAME|UID[:GROUP|GID]" },
	{ "volume", 'v', OPTION_LIST, FLAG(volumes), "list", "Bind mounts: HOST:CONTAINER[:OPTIONS]" },
	{ "workdir", 'w', OPTION_STRING, FLAG(workdir), "path", "Working directory" },
	{ 0 },
};

const struct option_def *run_flags_options(void)
{
	return OPTIONS;
}

static int check_memory(const struct run_flags *f, struct err *e)
{
	uint64_t limit = f->memory.value;

	if (f->memory.set && limit < RUN_MEMORY_MIN)
		return err_set(e, -EINVAL, "minimum memory limit allowed is 256KiB");
	if (f->memory_reservation.set && f->memory_reservation.value < RUN_MEMORY_MIN)
		return err_set(e, -EINVAL, "minimum memory reservation allowed is 256KiB");
	if (f->memory.set && f->memory_reservation.set && limit < f->memory_reservation.value)
		return err_set(e, -EINVAL,
			       "minimum memory limit can not be less than memory reservation limit");
	if (!f->memory_swap.set || f->memory_swap.value < 0)
		return 0;
	if (!f->memory.set)
		return err_set(
			e, -EINVAL,
			"you should always set the memory limit when using --memory-swap (use -m too)");
	if ((uint64_t)f->memory_swap.value < limit)
		return err_set(e, -EINVAL,
			       "--memory-swap is memory and swap together: it must not be less than -m");
	return 0;
}

static int check_cpu(const struct run_flags *f, unsigned int cpus, struct err *e)
{
	uint64_t nano = f->nano_cpus.value;

	if (f->nano_cpus.set && (nano < CPUS_MIN_NANO || nano > (uint64_t)cpus * CPUS_NANO))
		return err_set(e, -EINVAL,
			       "range of CPUs is from 0.01 to %u.00, as there are only %u CPUs available",
			       cpus, cpus);
	if (f->cpu_shares.set && f->cpu_shares.value != 0 &&
	    (f->cpu_shares.value < CPU_SHARES_MIN || f->cpu_shares.value > CPU_SHARES_MAX))
		return err_set(e, -EINVAL, "--cpu-shares must be from %u to %u", CPU_SHARES_MIN,
			       CPU_SHARES_MAX);
	return 0;
}

/* cpuset lists: "0-3,5". cpuset(7), "List format". */
static int check_cpuset(const char *flag, const char *list, struct err *e)
{
	const char *p = list;

	while (p) {
		size_t len = strcspn(p, ",");
		size_t first = strspn(p, "0123456789");
		size_t second = p[first] == '-' ? strspn(p + first + 1, "0123456789") : 0;
		bool range = p[first] == '-';

		if (first == 0 || first > 6 || second > 6 || (range && second == 0) ||
		    first + (range ? second + 1 : 0) != len)
			return err_set(e, -EINVAL, "invalid value '%s' for --%s: expected a list like 0-3,5",
				       list, flag);
		p = p[len] == ',' ? p + len + 1 : NULL;
	}
	return 0;
}

static int check_names(const struct run_flags *f, struct err *e)
{
	int number;

	if (f->hostname &&
	    (!f->hostname[0] || strlen(f->hostname) > HOSTNAME_LEN || strchr(f->hostname, '/')))
		return err_set(e, -EINVAL, "invalid hostname '%s': expected 1 to %d characters", f->hostname,
			       HOSTNAME_LEN);
	if (f->workdir && f->workdir[0] != '/')
		return err_set(e, -EINVAL,
			       "the working directory '%s' is invalid, it needs to be an absolute path",
			       f->workdir);
	if (f->stop_signal)
		return signal_number(f->stop_signal, &number, e);
	return 0;
}

int run_flags_check(const struct run_flags *f, unsigned int cpus, struct err *e)
{
	int r = check_memory(f, e);

	if (r == 0)
		r = check_cpu(f, cpus, e);
	if (r == 0 && f->cpuset_cpus)
		r = check_cpuset("cpuset-cpus", f->cpuset_cpus, e);
	if (r == 0 && f->cpuset_mems)
		r = check_cpuset("cpuset-mems", f->cpuset_mems, e);
	if (r == 0)
		r = check_names(f, e);
	if (r < 0)
		return r;
	if (f->pids_limit.set && f->pids_limit.value < -1)
		return err_set(e, -EINVAL, "--pids-limit must be -1 or more");
	if (f->oom_score_adj.set && (f->oom_score_adj.value < -1000 || f->oom_score_adj.value > 1000))
		return err_set(e, -EINVAL, "invalid value %lld, range for oom score adj is [-1000, 1000]",
			       (long long)f->oom_score_adj.value);
	return 0;
}
