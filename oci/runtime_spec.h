/* SPDX-License-Identifier: Apache-2.0 */
/* config.json of a bundle: runtime-spec config.md and config-linux.md, version 1.0 to 1.3. */
#ifndef SAMPAN_OCI_RUNTIME_SPEC_H
#define SAMPAN_OCI_RUNTIME_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/strvec.h"

#define SPEC_MAX_BYTES   (16u << 20)
#define SPEC_MAX_DEPTH   32u
#define SPEC_MAX_ITEMS   65536u /* in any one list */

/* What we accept, and what `features` says. */
#define SPEC_VERSION_MIN "1.0.0"
#define SPEC_VERSION_MAX "1.3.0"

struct spec_id_mapping {
	uint32_t container_id, host_id, size;
};

struct spec_mount {
	char *destination, *type, *source; /* destination: absolute; type, source: NULL where absent */
	struct strvec options;
	struct spec_id_mapping *uid_mappings; /* idmapped mounts */
	size_t uid_mappings_len;
	struct spec_id_mapping *gid_mappings;
	size_t gid_mappings_len;
};

struct spec_rlimit {
	char *type; /* "RLIMIT_NOFILE" */
	uint64_t hard, soft;
};

struct spec_capabilities { /* "CAP_CHOWN"... */
	struct strvec bounding, effective, inheritable, permitted, ambient;
};

struct spec_user {
	uint32_t uid, gid;
	struct opt_u64 umask;
	uint32_t *additional_gids;
	size_t additional_gids_len;
};

struct spec_scheduler {
	char *policy; /* "SCHED_FIFO" */
	struct opt_i64 nice, priority;
	struct strvec flags; /* "SCHED_FLAG_RESET_ON_FORK" */
	struct opt_u64 runtime_ns, deadline_ns, period_ns;
};

struct spec_io_priority {
	char *class_name; /* "IOPRIO_CLASS_BE" */
	int32_t priority;
};

struct spec_cpu_affinity {
	char *initial, *final; /* "0-3,7"; NULL where absent */
};

struct spec_process {
	bool terminal;
	struct opt_u64 console_height, console_width;
	struct spec_user user;
	struct strvec args, env;
	char *cwd;
	struct spec_capabilities *capabilities; /* NULL: absent, which means none */
	struct spec_rlimit *rlimits;
	size_t rlimits_len;
	bool no_new_privileges;
	struct opt_i64 oom_score_adj;
	char *apparmor_profile, *selinux_label;
	struct spec_scheduler *scheduler; /* NULL: absent; so are the next two */
	struct spec_io_priority *io_priority;
	struct spec_cpu_affinity *exec_cpu_affinity;
};

struct spec_hook {
	char *path;
	struct strvec args, env;
	struct opt_i64 timeout_s;
};
struct spec_hook_list {
	struct spec_hook *items;
	size_t len;
};
struct spec_hooks {
	struct spec_hook_list prestart, create_runtime, create_container, start_container, poststart,
		poststop;
};

enum spec_namespace_type {
	SPEC_NS_PID,
	SPEC_NS_NETWORK,
	SPEC_NS_MOUNT,
	SPEC_NS_IPC,
	SPEC_NS_UTS,
	SPEC_NS_USER,
	SPEC_NS_CGROUP,
	SPEC_NS_TIME
};
/* "pid", "network"...; NULL for no such type. Static. */
const char *spec_namespace_name(int type);

struct spec_namespace {
	int type;   /* enum spec_namespace_type */
	char *path; /* NULL: a new one */
};

struct spec_device {
	char *path;
	char type; /* 'b', 'c', 'u', 'p' */
	int64_t major, minor;
	struct opt_u64 file_mode, uid, gid;
};

struct spec_device_rule {
	bool allow;
	char type;                   /* 'a', 'b', 'c' */
	struct opt_i64 major, minor; /* unset: any; -1 too */
	char *access;                /* of "rwm"; NULL: all */
};

struct spec_hugepage_limit {
	char *page_size; /* "2MB" */
	uint64_t limit;
};

struct spec_blkio_device {
	int64_t major, minor;
	struct opt_u64 weight, leaf_weight; /* weightDevice */
	struct opt_u64 rate;                /* throttles: bytes or operations per second */
};
struct spec_blkio_list {
	struct spec_blkio_device *items;
	size_t len;
};

struct spec_rdma_limit {
	char *device;
	struct opt_u64 hca_handles, hca_objects;
};

struct spec_network_priority {
	char *name; /* of an interface */
	uint32_t priority;
};

struct spec_resources {
	struct spec_device_rule *devices;
	size_t devices_len;
	/* memory, bytes; -1 is "no limit" */
	struct opt_i64 memory_limit, memory_reservation, memory_swap, memory_kernel, memory_kernel_tcp;
	struct opt_u64 memory_swappiness;
	struct opt_bool memory_disable_oom_killer, memory_use_hierarchy, memory_check_before_update;
	/* cpu */
	struct opt_u64 cpu_shares, cpu_period_us, cpu_burst_us, cpu_realtime_period_us;
	struct opt_i64 cpu_quota_us, cpu_realtime_runtime_us, cpu_idle;
	char *cpu_cpus, *cpu_mems;
	struct opt_i64 pids_limit;
	struct opt_u64 blkio_weight, blkio_leaf_weight;
	struct spec_blkio_list blkio_weight_device, blkio_read_bps, blkio_write_bps, blkio_read_iops,
		blkio_write_iops;
	struct spec_hugepage_limit *hugepage_limits;
	size_t hugepage_limits_len;
	struct spec_rdma_limit *rdma;
	size_t rdma_len;
	bool has_network; /* classID or priorities: cgroup v1 only */
	struct opt_u64 network_class_id;
	struct spec_network_priority *network_priorities;
	size_t network_priorities_len;
	struct strvec unified; /* "memory.high=1000" */
};

struct spec_syscall_arg {
	uint32_t index;
	uint64_t value, value_two;
	char *op; /* "SCMP_CMP_EQ" */
};
struct spec_syscall {
	struct strvec names;
	char *action;
	struct opt_u64 errno_ret;
	struct spec_syscall_arg *args;
	size_t args_len;
};
struct spec_seccomp {
	char *default_action;
	struct opt_u64 default_errno_ret;
	struct strvec architectures, flags; /* "SCMP_ARCH_ARM", "SECCOMP_FILTER_FLAG_LOG" */
	bool has_flags;                     /* "flags" is there, maybe empty; without it runtimes choose */
	char *listener_path, *listener_metadata;
	struct spec_syscall *syscalls;
	size_t syscalls_len;
};

struct spec_time_offset {
	char *clock; /* "monotonic", "boottime" */
	int64_t secs;
	uint32_t nanosecs;
};

struct spec_net_device {
	char *host_name; /* in the runtime's network namespace */
	char *name;      /* in the container's; NULL: the same */
};

struct spec_memory_policy {
	char *mode;          /* "MPOL_BIND" */
	char *nodes;         /* "0-1" */
	struct strvec flags; /* "MPOL_F_STATIC_NODES" */
};

struct spec_intel_rdt {
	char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct strvec schemata;
	bool enable_cmt, enable_mbm, enable_monitoring;
};

struct spec_linux {
	struct spec_id_mapping *uid_mappings;
	size_t uid_mappings_len;
	struct spec_id_mapping *gid_mappings;
	size_t gid_mappings_len;
	struct strvec sysctl; /* "net.ipv4.ip_forward=1" */
	struct spec_resources *resources;
	char *cgroups_path;
	struct spec_namespace *namespaces;
	size_t namespaces_len;
	struct spec_device *devices;
	size_t devices_len;
	struct spec_seccomp *seccomp;
	char *rootfs_propagation;
	struct strvec masked_paths, readonly_paths;
	char *mount_label;
	bool has_intel_rdt, has_personality;
	struct spec_intel_rdt *intel_rdt; /* NULL unless has_intel_rdt */
	char *personality_domain;         /* "LINUX", "LINUX32" */
	struct strvec personality_flags;
	struct spec_time_offset *time_offsets;
	size_t time_offsets_len;
	struct spec_net_device *net_devices;
	size_t net_devices_len;
	struct spec_memory_policy *memory_policy; /* NULL: absent */
};

struct runtime_spec {
	char *oci_version;
	char *root_path; /* as written: relative to the bundle or absolute */
	bool root_readonly;
	char *hostname, *domainname;
	struct spec_mount *mounts;
	size_t mounts_len;
	struct spec_process *process; /* NULL: absent (create is then an error at start) */
	struct spec_hooks hooks;
	struct strvec annotations;
	struct spec_linux linux_; /* "linux" is a macro of gcc's */
};

/* Decodes and validates what can be told from the text alone. A relative mount destination gets a leading '/', as runc does; a
 * device rule without a type is one of type 'a'. What another platform owns (windows, solaris, vm, zos) is ignored.
 * -EINVAL with the path of what is wrong; -EOPNOTSUPP version; -EFBIG over SPEC_MAX_*; -ENOMEM. *ret is emptied on failure. */
int runtime_spec_decode(const char *text, size_t len, struct runtime_spec *ret, struct err *e) MUST_CHECK;
void runtime_spec_done(struct runtime_spec *s);
#define cleanup_runtime_spec __attribute__((cleanup(runtime_spec_done)))

/* A process.json of exec --process; checked as the process of a config.json is. */
int spec_process_decode(const char *text, size_t len, struct spec_process *ret, struct err *e) MUST_CHECK;
void spec_process_done(struct spec_process *p);

/* linux.resources on its own, as `update --resources` gets it; read as that of a config.json is. */
int spec_resources_decode(const char *text, size_t len, struct spec_resources *ret, struct err *e) MUST_CHECK;
void spec_resources_done(struct spec_resources *r);
#define cleanup_spec_resources __attribute__((cleanup(spec_resources_done)))

/* Writes all that the struct holds, as an object. */
void runtime_spec_write(struct json_out *o, const struct runtime_spec *s);

/* --- runtime_spec_default.c --- */
/* What `runc spec` writes, with its values: args ["sh"], terminal, root rootfs, readonly... Only the hostname is ours. */
int runtime_spec_example(struct runtime_spec *ret, struct err *e) MUST_CHECK;

/* What Docker gives a container: its capabilities, mounts, masked and read-only paths, devices rules, namespaces (pid, mount, uts, ipc, network,
 * cgroup); no seccomp profile (see spec_seccomp_default), no args, no resources. */
int runtime_spec_docker_default(struct runtime_spec *ret, struct err *e) MUST_CHECK;

/* Changes a spec into what `spec --rootless` writes: a user namespace that maps uid and gid to root, no network namespace, /sys
 * bound from the host, no resources. -ENOMEM. */
int runtime_spec_make_rootless(struct runtime_spec *s, uint32_t uid, uint32_t gid, struct err *e) MUST_CHECK;

/* For a container in a user namespace: procfs and sysfs are bound from the host's where the spec has not the namespaces that they show, as only their owners may mount
 * them. -ENOMEM. */
int runtime_spec_bind_kernel_fs(struct runtime_spec *s, struct err *e) MUST_CHECK;

/* --- growing a spec in memory; each appends an element with these values (copied, the rest zero) and returns it,
 * borrowed until the next one is added; NULL when memory is out, and the spec is as it was --- */
struct spec_mount *spec_add_mount(struct runtime_spec *s, const char *destination, const char *type,
				  const char *source);
struct spec_device *spec_add_device(struct runtime_spec *s, const char *path, char type, int64_t major,
				    int64_t minor);
struct spec_device_rule *spec_add_device_rule(struct spec_resources *r, bool allow, char type, int64_t major,
					      int64_t minor, const char *access);
struct spec_rlimit *spec_add_rlimit(struct spec_process *p, const char *type, uint64_t soft, uint64_t hard);
struct spec_namespace *spec_add_namespace(struct runtime_spec *s, int type, const char *path);
/* NULL where the spec has no namespace of that type. */
struct spec_namespace *spec_find_namespace(const struct runtime_spec *s, int type);

/* Whether a container's `id` is one of the host's. */
bool spec_maps_id(const struct spec_id_mapping *mappings, size_t len, uint32_t id);

/* The host's ID of a container's `id`; `id` itself without mappings, and where none has it. */
uint32_t spec_host_id(const struct spec_id_mapping *mappings, size_t len, uint32_t id);

void spec_remove_namespace(struct runtime_spec *s, int type);
struct spec_mount *spec_find_mount(const struct runtime_spec *s, const char *destination);
void spec_remove_mount(struct runtime_spec *s, const char *destination);

#endif
