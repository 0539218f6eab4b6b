/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_flags.h"

#include <string.h>
#include <strings.h>

#include "cli/attach_keys.h"
#include "cli/run_env.h"
#include "cli/run_namespaces.h"
#include "cli/signal_name.h"
#include "common/cleanup.h"
#include "common/go_duration.h"
#include "common/parse.h"
#include "engine/health.h"
#include "engine/monitor.h"

#define CPUS_MIN_NANO  10000000u /* 0.01 */
#define CPUS_NANO      1000000000u
#define CPU_PERIOD_MIN 1000 /* microseconds */
#define CPU_PERIOD_MAX 1000000
#define CPU_SHARES_MAX 262144u
#define CPU_SHARES_MIN 2u
#define HOSTNAME_LEN   63 /* of a label; docker's limit too */

void run_flags_done(struct run_flags *f)
{
	struct strvec *lists[] = {
		&f->env,
		&f->env_files,
		&f->volumes,
		&f->mounts,
		&f->tmpfs,
		&f->cap_add,
		&f->cap_drop,
		&f->security_opts,
		&f->devices,
		&f->ulimits,
		&f->sysctls,
		&f->labels,
		&f->groups,
		&f->volumes_from,
		&f->file_labels,
		&f->annotations,
		&f->secrets,
		&f->device_rules,
		&f->blkio_weight_devices,
		&f->read_bps,
		&f->write_bps,
		&f->read_iops,
		&f->write_iops,
		&f->storage_opts,
		&f->uid_maps,
		&f->gid_maps,
		&f->cdi_dirs,
		&f->publish,
		&f->expose,
		&f->network_aliases,
		&f->log_options,
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		strvec_done(lists[i]);
	network_config_done(&f->network);
}

static int set_attach(const char *text, void *member, struct err *e)
{
	static const struct {
		const char *name;
		int32_t stream;
	} STREAMS[] = { { "stdin", MONITOR_WANT_STDIN },
			{ "stdout", MONITOR_WANT_STDOUT },
			{ "stderr", MONITOR_WANT_STDERR } };
	int32_t *streams = member;

	for (size_t i = 0; i < ARRAY_LEN(STREAMS); i++) {
		if (strcasecmp(STREAMS[i].name, text) != 0)
			continue;
		*streams |= STREAMS[i].stream;
		return 0;
	}
	return err_set(e, -EINVAL, "valid streams are STDIN, STDOUT and STDERR");
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
	return network_config_add_network(member, text, e);
}

static int set_dns(const char *text, void *member, struct err *e)
{
	return network_config_add_dns(member, text, e);
}

static int set_dns_search(const char *text, void *member, struct err *e)
{
	return network_config_add_search(member, text, e);
}

static int set_add_host(const char *text, void *member, struct err *e)
{
	return network_config_add_host(member, text, e);
}

static int set_cpus(const char *text, void *member, struct err *e)
{
	uint64_t nano = 0;

	if (parse_nano_cpus(text, &nano) < 0)
		return err_set(e, -EINVAL, "expected a number of CPUs, like 1.5 or 500m");
	*(struct opt_u64 *)member = (struct opt_u64){ .set = nano > 0, .value = nano };
	return 0;
}

int run_flags_set_memory_swap(const char *text, void *member, struct err *e)
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

static int add_file_labels(const char *text, void *member, struct err *e)
{
	return run_env_read_labels(text, member, e);
}

static int set_span(const char *text, void *member, struct err *e)
{
	struct opt_i64 *span = member;

	span->set = true;
	if (go_duration_parse(text, &span->value) < 0)
		return err_set(e, -EINVAL, "time: invalid duration \"%s\"", text);
	return 0;
}

static int set_health_action(const char *text, void *member, struct err *e)
{
	return health_action_parse(text, member, e);
}

static int set_restart(const char *text, void *member, struct err *e)
{
	return restart_policy_parse(text, member, e);
}

static int set_sdnotify(const char *text, void *member, struct err *e)
{
	return notify_mode_parse(text, member, e);
}

#define FLAG(m) offsetof(struct run_flags, m)
static const struct option_def OPTIONS[] = {
	/* What only `run` has comes first: create_flags_options. */
	{ "detach", 'd', OPTION_BOOL, FLAG(detach), NULL, "Run it in the background, and print its ID" },
	{ "detach-keys", 0, OPTION_STRING, FLAG(detach_keys), "keys",
	  "What leaves it running and ends this command (default " ATTACH_KEYS_DEFAULT ")" },
	{ "sig-proxy", 0, OPTION_BOOL, FLAG(sig_proxy), NULL, "Forward our signals to it (default true)" },
#define ONLY_RUN 3
	{ "attach", 'a', OPTION_CALL, FLAG(attach), "list",
	  "Only these of its streams are ours: stdin, stdout, stderr", set_attach },
	{ "annotation", 0, OPTION_LIST, FLAG(annotations), "list",
	  "Annotations for the OCI runtime: KEY=VALUE" },
	{ "blkio-weight", 0, OPTION_U64, FLAG(blkio_weight), "int",
	  "Relative weight of its I/O (10 to 1000)" },
	{ "blkio-weight-device", 0, OPTION_LIST, FLAG(blkio_weight_devices), "list",
	  "The same for one device: DEVICE:WEIGHT" },
	{ "add-host", 0, OPTION_CALL, FLAG(network), "list",
	  "Names in /etc/hosts: NAME:IP, NAME:host-gateway", set_add_host },
	{ "cap-add", 0, OPTION_LIST, FLAG(cap_add), "list", "Add capabilities (ALL for all)" },
	{ "cap-drop", 0, OPTION_LIST, FLAG(cap_drop), "list", "Drop capabilities (ALL for all)" },
	{ "cdi-spec-dir", 0, OPTION_LIST, FLAG(cdi_dirs), "dir",
	  "Where CDI files are (default /etc/cdi, /var/run/cdi)" },
	{ "cgroup-parent", 0, OPTION_STRING, FLAG(cgroup_parent), "path",
	  "The cgroup that the container's is made in" },
	{ "cgroupns", 0, OPTION_STRING, FLAG(cgroupns), "string", "cgroup namespace: host or private" },
	{ "cidfile", 0, OPTION_STRING, FLAG(cidfile), "file", "Write the container's ID to a file" },
	{ "cpu-period", 0, OPTION_I64, FLAG(cpu_period), "int", "Period of its CPU quota, in microseconds" },
	{ "cpu-quota", 0, OPTION_I64, FLAG(cpu_quota), "int", "CPU time in each period, in microseconds" },
	{ "cpu-rt-period", 0, OPTION_STRING, FLAG(cpu_rt_period), "int", NULL },
	{ "cpu-rt-runtime", 0, OPTION_STRING, FLAG(cpu_rt_runtime), "int", NULL },
	{ "cpu-shares", 'c', OPTION_U64, FLAG(cpu_shares), "int", "Relative CPU weight (2 to 262144)" },
	{ "cpus", 0, OPTION_CALL, FLAG(nano_cpus), "number", "CPUs it may use: 1.5, or 500m", set_cpus },
	{ "cpuset-cpus", 0, OPTION_STRING, FLAG(cpuset_cpus), "list", "CPUs it may run on (0-3, 0,1)" },
	{ "cpuset-mems", 0, OPTION_STRING, FLAG(cpuset_mems), "list", "NUMA nodes of its memory (0-3, 0,1)" },
	{ "device", 0, OPTION_LIST, FLAG(devices), "list",
	  "Devices of the host: HOST[:CONTAINER[:rwm]], or CDI names" },
	{ "device-cgroup-rule", 0, OPTION_LIST, FLAG(device_rules), "list",
	  "Devices that it may use: \"c 10:200 rwm\"" },
	{ "device-read-bps", 0, OPTION_LIST, FLAG(read_bps), "list",
	  "Limit of reading: DEVICE:BYTES per second" },
	{ "device-read-iops", 0, OPTION_LIST, FLAG(read_iops), "list",
	  "Limit of reading: DEVICE:OPERATIONS per second" },
	{ "device-write-bps", 0, OPTION_LIST, FLAG(write_bps), "list",
	  "Limit of writing: DEVICE:BYTES per second" },
	{ "device-write-iops", 0, OPTION_LIST, FLAG(write_iops), "list",
	  "Limit of writing: DEVICE:OPERATIONS per second" },
	{ "dns", 0, OPTION_CALL, FLAG(network), "list", "DNS servers", set_dns },
	{ "dns-opt", 0, OPTION_LIST, FLAG(network.dns_options), "list", NULL },
	{ "dns-option", 0, OPTION_LIST, FLAG(network.dns_options), "list", "Options of resolv.conf" },
	{ "dns-search", 0, OPTION_CALL, FLAG(network), "list", "Domains to search names in (. for none)",
	  set_dns_search },
	{ "domainname", 0, OPTION_STRING, FLAG(domainname), "string", "NIS domain name" },
	{ "entrypoint", 0, OPTION_STRING, FLAG(entrypoint), "string",
	  "Run this instead of the image's ENTRYPOINT and CMD" },
	{ "env", 'e', OPTION_LIST, FLAG(env), "list", "NAME=VALUE, or NAME with the value that it has here" },
	{ "env-file", 0, OPTION_LIST, FLAG(env_files), "list", "Files of environment variables" },
	{ "ephemeral", 0, OPTION_BOOL, FLAG(ephemeral), NULL,
	  "Keep what it writes in memory only: it is gone with its end" },
	{ "ephemeral-size", 0, OPTION_CALL, FLAG(ephemeral_size), "bytes",
	  "How much that may be (default half of all memory)", set_size_or_zero },
	{ "gidmap", 0, OPTION_LIST, FLAG(gid_maps), "list",
	  "Groups of its user namespace: CONTAINER:HOST:SIZE (default as --uidmap)" },
	{ "gpus", 0, OPTION_STRING, FLAG(gpus), "gpu-request", "GPUs by CDI: all, a number, or device=0,1" },
	{ "expose", 0, OPTION_LIST, FLAG(expose), "list", "Ports or ranges that -P publishes too" },
	{ "group-add", 0, OPTION_LIST, FLAG(groups), "list", "More groups for the user" },
	{ "health-cmd", 0, OPTION_STRING, FLAG(health_cmd), "string", "Command that checks its health" },
	{ "health-interval", 0, OPTION_CALL, FLAG(health_interval), "duration",
	  "From one health check to the next (default 30s)", set_span },
	{ "health-on-failure", 0, OPTION_CALL, FLAG(health_action), "string",
	  "When it becomes unhealthy: none, kill, restart, stop (default none)", set_health_action },
	{ "health-retries", 0, OPTION_I64, FLAG(health_retries), "int",
	  "Failures in a row that make it unhealthy (default 3)" },
	{ "health-start-interval", 0, OPTION_CALL, FLAG(health_start_interval), "duration",
	  "From one check to the next in the start period (default 5s)", set_span },
	{ "health-start-period", 0, OPTION_CALL, FLAG(health_start_period), "duration",
	  "How long it may take to start: failures do not count", set_span },
	{ "health-timeout", 0, OPTION_CALL, FLAG(health_timeout), "duration",
	  "When a check has failed that does not end (default 30s)", set_span },
	{ "hostname", 'h', OPTION_STRING, FLAG(hostname), "string", "Host name of the container" },
	{ "init", 0, OPTION_BOOL, FLAG(init), NULL, "Put an init in front that reaps and forwards signals" },
	{ "interactive", 'i', OPTION_BOOL, FLAG(interactive), NULL, "Give it our stdin" },
	{ "ip", 0, OPTION_STRING, FLAG(ip), "string", "IPv4 address on its network" },
	{ "ip6", 0, OPTION_STRING, FLAG(ip6), "string", "IPv6 address on its network" },
	{ "ipc", 0, OPTION_STRING, FLAG(ipc), "string",
	  "IPC namespace: private, shareable, none, host or container:NAME" },
	{ "isolation", 0, OPTION_STRING, FLAG(isolation), "string", NULL },
	{ "kernel-memory", 0, OPTION_STRING, FLAG(kernel_memory), "bytes", NULL },
	{ "label", 'l', OPTION_LIST, FLAG(labels), "list", "Labels: KEY=VALUE" },
	{ "label-file", 0, OPTION_CALL, FLAG(file_labels), "file", "Files of labels", add_file_labels },
	{ "log-driver", 0, OPTION_STRING, FLAG(log_driver), "string",
	  "Where its output goes: json-file, local, journald, none, passthrough (default json-file)" },
	{ "log-opt", 0, OPTION_LIST, FLAG(log_options), "list",
	  "How: max-size=10m, max-file=3, compress=true, tag=..., labels=..." },
	{ "mac-address", 0, OPTION_STRING, FLAG(mac_address), "string", "MAC address on its network" },
	{ "memory", 'm', OPTION_CALL, FLAG(memory), "bytes", "Memory limit: 512m, 512Mi, 1g",
	  set_size_or_zero },
	{ "memory-reservation", 0, OPTION_CALL, FLAG(memory_reservation), "bytes",
	  "Memory that is taken from it last", set_size_or_zero },
	{ "memory-swap", 0, OPTION_CALL, FLAG(memory_swap), "bytes",
	  "Limit of memory and swap together; -1: no limit", run_flags_set_memory_swap },
	{ "memory-swappiness", 0, OPTION_I64, FLAG(memory_swappiness), "int", NULL },
	{ "mount", 0, OPTION_LIST, FLAG(mounts), "mount",
	  "type=bind|volume|tmpfs|image,source=...,target=...[,readonly]" },
	{ "name", 0, OPTION_STRING, FLAG(name), "string", "Name of the container" },
	{ "net", 0, OPTION_CALL, FLAG(network), "network", NULL, set_network },
	{ "net-alias", 0, OPTION_LIST, FLAG(network_aliases), "list", NULL },
	{ "network", 0, OPTION_CALL, FLAG(network), "network",
	  "bridge, host, none, container:NAME|ID, or a network's name (default none)", set_network },
	{ "network-alias", 0, OPTION_LIST, FLAG(network_aliases), "list", "More names on its network" },
	{ "no-healthcheck", 0, OPTION_BOOL, FLAG(no_healthcheck), NULL,
	  "No health checks, whatever the image says" },
	{ "oom-kill-disable", 0, OPTION_BOOL, FLAG(oom_kill_disable), NULL, NULL },
	{ "oom-score-adj", 0, OPTION_I64, FLAG(oom_score_adj), "int", "OOM preference, -1000 to 1000" },
	{ "pid", 0, OPTION_STRING, FLAG(pid), "string", "PID namespace: private, host or container:NAME" },
	{ "pids-limit", 0, OPTION_I64, FLAG(pids_limit), "int", "Limit of processes; -1: no limit" },
	{ "platform", 0, OPTION_STRING, FLAG(platform), "string", "OS/ARCH[/VARIANT] of the image" },
	{ "privileged", 0, OPTION_BOOL, FLAG(privileged), NULL,
	  "All capabilities and devices, no seccomp, nothing hidden" },
	{ "publish", 'p', OPTION_LIST, FLAG(publish), "list",
	  "Publish ports: [[IP:][HOST[-HOST]]:]PORT[-PORT][/tcp|udp|sctp]" },
	{ "publish-all", 'P', OPTION_BOOL, FLAG(publish_all), NULL, "Publish all exposed ports" },
	{ "pull", 0, OPTION_CALL, FLAG(pull), "string", "missing, always or never (default missing)",
	  set_pull },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "No progress while pulling" },
	{ "read-only", 0, OPTION_BOOL, FLAG(read_only), NULL, "Read-only root file system" },
	{ "replace", 0, OPTION_BOOL, FLAG(replace), NULL, "Remove the container that has this name first" },
	{ "restart", 0, OPTION_CALL, FLAG(restart), "policy",
	  "When it has ended: no, on-failure[:max-retries], always, unless-stopped", set_restart },
	{ "rm", 0, OPTION_BOOL, FLAG(rm), NULL, "Remove the container when it has ended" },
	{ "rootfs", 0, OPTION_BOOL, FLAG(rootfs), NULL,
	  "IMAGE is a directory, which it has as its root file system" },
	{ "sdnotify", 0, OPTION_CALL, FLAG(sdnotify), "string",
	  "Who tells systemd that it is up: container, conmon, healthy, ignore (default container)",
	  set_sdnotify },
	{ "secret", 0, OPTION_LIST, FLAG(secrets), "list",
	  "Secrets: NAME[,type=mount|env][,target=X][,uid=][,gid=][,mode=]" },
	{ "security-opt", 0, OPTION_LIST, FLAG(security_opts), "list",
	  "no-new-privileges, seccomp=FILE|unconfined, apparmor=, systempaths=unconfined" },
	{ "shm-size", 0, OPTION_CALL, FLAG(shm_size), "bytes", "Size of /dev/shm (default 64m)",
	  set_size_or_zero },
	{ "stop-signal", 0, OPTION_STRING, FLAG(stop_signal), "signal", "Signal that stops the container" },
	{ "stop-timeout", 0, OPTION_I64, FLAG(stop_timeout), "seconds",
	  "How long `stop` waits before SIGKILL (default 10; -1: for ever)" },
	{ "storage-opt", 0, OPTION_LIST, FLAG(storage_opts), "list", NULL },
	{ "subgidname", 0, OPTION_STRING, FLAG(subgid_name), "string",
	  "Whose groups of /etc/subgid are its user namespace's" },
	{ "subuidname", 0, OPTION_STRING, FLAG(subuid_name), "string",
	  "Whose users of /etc/subuid are its user namespace's" },
	{ "sysctl", 0, OPTION_LIST, FLAG(sysctls), "list",
	  "Kernel parameters of its namespaces: NAME=VALUE" },
	{ "tmpfs", 0, OPTION_LIST, FLAG(tmpfs), "list", "File systems in memory: PATH[:OPTIONS]" },
	{ "tty", 't', OPTION_BOOL, FLAG(tty), NULL, "Give it a terminal" },
	{ "tz", 0, OPTION_STRING, FLAG(tz), "zone", "Time zone: Europe/Berlin, or local for the host's" },
	{ "uidmap", 0, OPTION_LIST, FLAG(uid_maps), "list",
	  "Users of its user namespace: CONTAINER:HOST:SIZE (default as --gidmap)" },
	{ "ulimit", 0, OPTION_LIST, FLAG(ulimits), "list", "Limits of processes: NAME=SOFT[:HARD]" },
	{ "user", 'u', OPTION_STRING, FLAG(user), "string", "NAME|UID[:GROUP|GID]" },
	{ "userns", 0, OPTION_STRING, FLAG(userns), "string",
	  "User namespace: host, private, auto[:size=N], keep-id[:uid=N,gid=N], nomap, container:NAME, "
	  "ns:PATH" },
	{ "uts", 0, OPTION_STRING, FLAG(uts), "string", "UTS namespace: private or host" },
	{ "volume", 'v', OPTION_LIST, FLAG(volumes), "list",
	  "Bind mounts and volumes: HOST|NAME:CONTAINER[:OPTIONS]" },
	{ "volumes-from", 0, OPTION_LIST, FLAG(volumes_from), "list",
	  "Mount what other containers have mounted: CONTAINER[:ro|rw]" },
	{ "workdir", 'w', OPTION_STRING, FLAG(workdir), "path", "Working directory" },
	{ 0 },
};

const struct option_def *run_flags_options(void)
{
	return OPTIONS;
}

const struct option_def *create_flags_options(void)
{
	return OPTIONS + ONLY_RUN;
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

static int check_quota(const struct run_flags *f, struct err *e)
{
	int64_t period = f->cpu_period.value, quota = f->cpu_quota.value;

	if (f->nano_cpus.set && period > 0)
		return err_set(e, -EINVAL,
			       "conflicting options: Nano CPUs and CPU Period cannot both be set");
	if (f->nano_cpus.set && quota > 0)
		return err_set(e, -EINVAL, "conflicting options: Nano CPUs and CPU Quota cannot both be set");
	if (period != 0 && (period < CPU_PERIOD_MIN || period > CPU_PERIOD_MAX))
		return err_set(e, -EINVAL,
			       "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. "
			       "1000000)");
	if (quota > 0 && quota < CPU_PERIOD_MIN)
		return err_set(e, -EINVAL, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	return 0;
}

/* What cgroup v2 or our store has no counterpart of: a limit that was asked for is never dropped. */
static int check_refused(const struct run_flags *f, struct err *e)
{
	const struct {
		bool asked;
		const char *flag, *why;
	} REFUSED[] = {
		{ f->oom_kill_disable, "oom-kill-disable",
		  "cgroup v2 has no such switch (use --oom-score-adj)" },
		{ f->memory_swappiness.set && f->memory_swappiness.value != -1, "memory-swappiness",
		  "cgroup v2 has no swappiness (use --memory-swap)" },
		{ f->kernel_memory, "kernel-memory", "it is deprecated, and counted with --memory" },
		{ f->cpu_rt_period, "cpu-rt-period", "cgroup v2 has no real-time scheduling" },
		{ f->cpu_rt_runtime, "cpu-rt-runtime", "cgroup v2 has no real-time scheduling" },
		{ f->storage_opts.len > 0, "storage-opt",
		  "the store has no quotas (use --ephemeral-size for a container in memory)" },
	};

	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
		if (REFUSED[i].asked)
			return err_set(e, -EOPNOTSUPP, "--%s is not supported: %s", REFUSED[i].flag,
				       REFUSED[i].why);
	if (f->replace && !f->name)
		return err_set(e, -EINVAL, "cannot replace container without --name being set");
	if (f->rootfs && (f->ephemeral || f->ephemeral_size.set))
		return err_set(e, -EINVAL, "conflicting options: --rootfs and --ephemeral");
	return 0;
}

static int check_cpusets(const struct run_flags *f, struct err *e)
{
	int r = f->cpuset_cpus ? check_cpuset("cpuset-cpus", f->cpuset_cpus, e) : 0;

	return r == 0 && f->cpuset_mems ? check_cpuset("cpuset-mems", f->cpuset_mems, e) : r;
}

static int check_life(const struct run_flags *f, struct err *e)
{
	if (f->restart.kind != RESTART_NO && f->rm)
		return err_set(e, -EINVAL, "conflicting options: --restart and --rm");
	if (f->stop_timeout.set && (f->stop_timeout.value < -1 || f->stop_timeout.value > INT32_MAX))
		return err_set(e, -EINVAL, "--stop-timeout must be -1 or more");
	if (f->pids_limit.set && f->pids_limit.value < -1)
		return err_set(e, -EINVAL, "--pids-limit must be -1 or more");
	if (f->oom_score_adj.set && (f->oom_score_adj.value < -1000 || f->oom_score_adj.value > 1000))
		return err_set(e, -EINVAL, "invalid value %lld, range for oom score adj is [-1000, 1000]",
			       (long long)f->oom_score_adj.value);
	return 0;
}

int run_flags_check(const struct run_flags *f, unsigned int cpus, struct err *e)
{
	static int (*const CHECKS[])(const struct run_flags *f, struct err *e) = {
		check_memory,  check_refused, check_quota, run_namespaces_check,
		check_cpusets, check_names,   check_life,
	};
	int r = check_cpu(f, cpus, e);

	for (size_t i = 0; r == 0 && i < sizeof(CHECKS) / sizeof(CHECKS[0]); i++)
		r = CHECKS[i](f, e);
	return r;
}
