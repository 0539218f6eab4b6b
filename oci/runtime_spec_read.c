/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: the tables follow runtime-spec config.md and config-linux.md, top of the document last. */
#include "oci/runtime_spec.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "oci/runtime_spec_check.h"
#include "oci/runtime_spec_fields.h"

/* --- readers of our own --- */

int spec_read_opt_max(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	const uint64_t *max = arg;
	struct opt_u64 n = { 0 };
	int r = json_read_opt_u64(in, NULL, &n, e);

	if (r < 0)
		return r;
	if (n.value > *max)
		return json_error(in, -EINVAL, e, "is larger than %llu", (unsigned long long)*max);
	*(struct opt_u64 *)member = n;
	return 0;
}

static int read_opt_i32(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	int32_t n;
	int r = json_read_i32(in, arg, &n, e);

	if (r == 0)
		*(struct opt_i64 *)member = (struct opt_i64){ true, n };
	return r;
}

/* Go writes "" for many an absent string: it counts as absent. */
int spec_read_text(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	char **text = member;
	int r = json_read_string(in, arg, text, e);

	if (r == 0 && !**text) {
		free(*text);
		*text = NULL;
	}
	return r;
}

static int read_absolute_path(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	int r = json_read_string(in, arg, member, e);
	const char *path = *(char **)member;

	if (r == 0 && path[0] != '/')
		return json_error(in, -EINVAL, e, "path '%s' is not absolute", path);
	return r;
}

/* cwd, in runc's words. */
static int read_cwd(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	int r = json_read_string(in, arg, member, e);
	const char *cwd = *(char **)member;

	if (r < 0)
		return r;
	if (!*cwd)
		return json_error(in, -EINVAL, e, "Cwd property must not be empty");
	if (*cwd != '/')
		return json_error(in, -EINVAL, e, "Cwd must be an absolute path, not '%s'", cwd);
	return 0;
}

/* runc and crun take "tmp" for "/tmp": configurations of before 1.0 are still about. */
static int read_destination(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	char **path = member;
	int r = json_read_string(in, arg, path, e);
	size_t size;
	char *rooted;

	if (r < 0 || **path == '/')
		return r;
	if (!**path)
		return json_error(in, -EINVAL, e, "mount destination is empty");
	size = strlen(*path) + 2;
	rooted = malloc(size);
	if (!rooted)
		return json_error(in, -ENOMEM, e, "out of memory");
	(void)snprintf(rooted, size, "/%s", *path); /* fits */
	free(*path);
	*path = rooted;
	return 0;
}

/* One letter out of `arg`. */
static int read_letter(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	cleanup_free char *text = NULL;
	int r = json_read_string(in, NULL, &text, e);

	if (r < 0)
		return r;
	if (!text[0] || text[1] || !strchr(arg, text[0]))
		return json_error(in, -EINVAL, e, "invalid device type '%s' (one of \"%s\")", text,
				  (const char *)arg);
	*(char *)member = text[0];
	return 0;
}

/* A rule's type may be absent, or "" as Go writes it: all types. */
static int read_rule_type(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	cleanup_free char *text = NULL;
	int r = json_read_string(in, NULL, &text, e);

	return r < 0 || !*text ? r : read_letter(in, arg, member, e);
}

static int read_access(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	int r = spec_read_text(in, arg, member, e);
	const char *access = *(char **)member;

	if (r == 0 && access && access[strspn(access, "rwm")])
		return json_error(in, -EINVAL, e, "invalid access '%s' (letters of \"rwm\")", access);
	return r;
}

struct u32_list {
	uint32_t *items;
	size_t len;
};

static int read_u32_list(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct u32_list *list = member;
	size_t len = json_len(in);

	if (!json_in_is_array(in))
		return json_error(in, -EINVAL, e, "expected an array of non-negative integers");
	if (len > SPEC_MAX_ITEMS)
		return json_error(in, -EFBIG, e, "has more than %u entries", SPEC_MAX_ITEMS);
	if (len == 0)
		return 0;
	list->items = calloc(len, sizeof(*list->items));
	if (!list->items)
		return json_error(in, -ENOMEM, e, "out of memory");
	for (list->len = 0; list->len < len; list->len++) {
		struct json_in item = json_at(in, list->len);
		int r = json_read_u32(&item, arg, &list->items[list->len], e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- objects whose keys are names: each member becomes an element of a list --- */

struct named_list {
	struct json_items *out;
	size_t item_size;
	size_t key_offset; /* of the char * that gets the key */
	const struct json_field *fields;
};

static int add_named(const struct json_in *in, void *arg, struct err *e)
{
	struct named_list *list = arg;
	char *grown, *item;

	if (list->out->len >= SPEC_MAX_ITEMS)
		return json_error(in, -EFBIG, e, "is one entry more than %u", SPEC_MAX_ITEMS);
	grown = reallocarray(list->out->items, list->out->len + 1, list->item_size);
	if (!grown)
		return json_error(in, -ENOMEM, e, "out of memory");
	list->out->items = grown;
	item = grown + list->out->len * list->item_size;
	memset(item, 0, list->item_size);
	list->out->len++;
	*(char **)(item + list->key_offset) = strdup(in->key);
	if (!*(char **)(item + list->key_offset))
		return json_error(in, -ENOMEM, e, "out of memory");
	return json_read_object(in, list->fields, item, e);
}

static const uint64_t MAX_U32 = UINT32_MAX, MAX_U16 = UINT16_MAX;

static const struct json_field RDMA[] = {
	{ "hcaHandles", offsetof(struct spec_rdma_limit, hca_handles), spec_read_opt_max, &MAX_U32 },
	{ "hcaObjects", offsetof(struct spec_rdma_limit, hca_objects), spec_read_opt_max, &MAX_U32 },
	{ 0 }
};

static int read_rdma(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct named_list list = { member, sizeof(struct spec_rdma_limit),
				   offsetof(struct spec_rdma_limit, device), RDMA };

	(void)arg; /* none */
	return json_each(in, add_named, &list, e);
}

static const struct json_field TIME_OFFSET[] = {
	{ "secs", offsetof(struct spec_time_offset, secs), json_read_i64 },
	{ "nanosecs", offsetof(struct spec_time_offset, nanosecs), json_read_u32 },
	{ 0 }
};

static int read_time_offsets(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct named_list list = { member, sizeof(struct spec_time_offset),
				   offsetof(struct spec_time_offset, clock), TIME_OFFSET };

	(void)arg; /* none */
	return json_each(in, add_named, &list, e);
}

static const struct json_field NET_DEVICE[] = {
	{ "name", offsetof(struct spec_net_device, name), spec_read_text },
	{ 0 },
};

static int read_net_devices(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct named_list list = { member, sizeof(struct spec_net_device),
				   offsetof(struct spec_net_device, host_name), NET_DEVICE };

	(void)arg; /* none */
	return json_each(in, add_named, &list, e);
}

/* --- mounts --- */

static const struct json_field ID_MAPPING[] = {
	{ "containerID", offsetof(struct spec_id_mapping, container_id), json_read_u32 },
	{ "hostID", offsetof(struct spec_id_mapping, host_id), json_read_u32 },
	{ "size", offsetof(struct spec_id_mapping, size), json_read_u32 },
	{ 0 }
};
static const struct json_array ID_MAPPINGS = { ID_MAPPING, sizeof(struct spec_id_mapping), SPEC_MAX_ITEMS };

#define MOUNT(member) offsetof(struct spec_mount, member)
static const struct json_field MOUNT_FIELDS[] = {
	{ "destination", MOUNT(destination), read_destination, .required = true },
	{ "type", MOUNT(type), spec_read_text },
	{ "source", MOUNT(source), spec_read_text },
	{ "options", MOUNT(options), json_read_strvec },
	{ "uidMappings", MOUNT(uid_mappings), json_read_array, &ID_MAPPINGS },
	{ "gidMappings", MOUNT(gid_mappings), json_read_array, &ID_MAPPINGS },
	{ 0 }
};
static const struct json_array MOUNTS = { MOUNT_FIELDS, sizeof(struct spec_mount), SPEC_MAX_ITEMS };

/* --- process --- */

#define USER(member) offsetof(struct spec_process, user.member)
static const struct json_field USER_FIELDS[] = { { "uid", USER(uid), json_read_u32 },
						 { "gid", USER(gid), json_read_u32 },
						 { "umask", USER(umask), spec_read_opt_max, &MAX_U32 },
						 { "additionalGids", USER(additional_gids), read_u32_list },
						 { 0 } };

#define CAP(member) offsetof(struct spec_capabilities, member)
static const struct json_field CAPABILITY_FIELDS[] = { { "bounding", CAP(bounding), json_read_strvec },
						       { "effective", CAP(effective), json_read_strvec },
						       { "inheritable", CAP(inheritable), json_read_strvec },
						       { "permitted", CAP(permitted), json_read_strvec },
						       { "ambient", CAP(ambient), json_read_strvec },
						       { 0 } };
static const struct json_pointer CAPABILITIES = { CAPABILITY_FIELDS, sizeof(struct spec_capabilities) };

static const struct json_field RLIMIT[] = {
	{ "type", offsetof(struct spec_rlimit, type), json_read_string, .required = true },
	{ "hard", offsetof(struct spec_rlimit, hard), json_read_u64, .required = true },
	{ "soft", offsetof(struct spec_rlimit, soft), json_read_u64, .required = true },
	{ 0 }
};
static const struct json_array RLIMITS = { RLIMIT, sizeof(struct spec_rlimit), SPEC_MAX_ITEMS };

#define SCHED(member) offsetof(struct spec_scheduler, member)
static const struct json_field SCHEDULER_FIELDS[] = { { "policy", SCHED(policy), json_read_string,
							.required = true },
						      { "nice", SCHED(nice), read_opt_i32 },
						      { "priority", SCHED(priority), read_opt_i32 },
						      { "flags", SCHED(flags), json_read_strvec },
						      { "runtime", SCHED(runtime_ns), json_read_opt_u64 },
						      { "deadline", SCHED(deadline_ns), json_read_opt_u64 },
						      { "period", SCHED(period_ns), json_read_opt_u64 },
						      { 0 } };
static const struct json_pointer SCHEDULER = { SCHEDULER_FIELDS, sizeof(struct spec_scheduler) };

static const struct json_field IO_PRIORITY_FIELDS[] = {
	{ "class", offsetof(struct spec_io_priority, class_name), json_read_string, .required = true },
	{ "priority", offsetof(struct spec_io_priority, priority), json_read_i32 },
	{ 0 }
};
static const struct json_pointer IO_PRIORITY = { IO_PRIORITY_FIELDS, sizeof(struct spec_io_priority) };

static const struct json_field AFFINITY_FIELDS[] = {
	{ "initial", offsetof(struct spec_cpu_affinity, initial), spec_read_text },
	{ "final", offsetof(struct spec_cpu_affinity, final), spec_read_text },
	{ 0 }
};
static const struct json_pointer AFFINITY = { AFFINITY_FIELDS, sizeof(struct spec_cpu_affinity) };

#define PROCESS(member) offsetof(struct spec_process, member)
static const struct json_field CONSOLE_SIZE[] = {
	{ "height", PROCESS(console_height), json_read_opt_u64, .required = true },
	{ "width", PROCESS(console_width), json_read_opt_u64, .required = true },
	{ 0 }
};

static const struct json_field PROCESS_FIELDS[] = {
	{ "terminal", PROCESS(terminal), json_read_bool },
	{ "consoleSize", 0, json_read_object, CONSOLE_SIZE },
	{ "user", 0, json_read_object, USER_FIELDS },
	{ "args", PROCESS(args), json_read_strvec },
	{ "env", PROCESS(env), json_read_strvec },
	{ "cwd", PROCESS(cwd), read_cwd, .required = true },
	{ "capabilities", PROCESS(capabilities), json_read_pointer, &CAPABILITIES },
	{ "rlimits", PROCESS(rlimits), json_read_array, &RLIMITS },
	{ "noNewPrivileges", PROCESS(no_new_privileges), json_read_bool },
	{ "oomScoreAdj", PROCESS(oom_score_adj), json_read_opt_i64 },
	{ "apparmorProfile", PROCESS(apparmor_profile), spec_read_text },
	{ "selinuxLabel", PROCESS(selinux_label), spec_read_text },
	{ "scheduler", PROCESS(scheduler), json_read_pointer, &SCHEDULER },
	{ "ioPriority", PROCESS(io_priority), json_read_pointer, &IO_PRIORITY },
	{ "execCPUAffinity", PROCESS(exec_cpu_affinity), json_read_pointer, &AFFINITY },
	{ 0 }
};
static const struct json_pointer PROCESS_POINTER = { PROCESS_FIELDS, sizeof(struct spec_process) };

/* --- hooks --- */

static int read_timeout(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct opt_i64 *timeout = member;
	int r = read_opt_i32(in, arg, timeout, e);

	if (r == 0 && timeout->value <= 0)
		return json_error(in, -EINVAL, e, "a hook's timeout must be greater than zero");
	return r;
}

static const struct json_field HOOK[] = { { "path", offsetof(struct spec_hook, path), read_absolute_path,
					    .required = true },
					  { "args", offsetof(struct spec_hook, args), json_read_strvec },
					  { "env", offsetof(struct spec_hook, env), json_read_strvec },
					  { "timeout", offsetof(struct spec_hook, timeout_s), read_timeout },
					  { 0 } };
static const struct json_array HOOKS = { HOOK, sizeof(struct spec_hook), SPEC_MAX_ITEMS };

static const struct json_field HOOK_LISTS[] = {
	{ "prestart", offsetof(struct spec_hooks, prestart), json_read_array, &HOOKS },
	{ "createRuntime", offsetof(struct spec_hooks, create_runtime), json_read_array, &HOOKS },
	{ "createContainer", offsetof(struct spec_hooks, create_container), json_read_array, &HOOKS },
	{ "startContainer", offsetof(struct spec_hooks, start_container), json_read_array, &HOOKS },
	{ "poststart", offsetof(struct spec_hooks, poststart), json_read_array, &HOOKS },
	{ "poststop", offsetof(struct spec_hooks, poststop), json_read_array, &HOOKS },
	{ 0 }
};

/* --- linux.resources --- */

#define RULE(member) offsetof(struct spec_device_rule, member)
static const struct json_field DEVICE_RULE[] = {
	{ "allow", RULE(allow), json_read_bool },    { "type", RULE(type), read_rule_type, "abc" },
	{ "major", RULE(major), json_read_opt_i64 }, { "minor", RULE(minor), json_read_opt_i64 },
	{ "access", RULE(access), read_access },     { 0 }
};
static const struct json_array DEVICE_RULES = { DEVICE_RULE, sizeof(struct spec_device_rule),
						SPEC_MAX_ITEMS };

#define RES(member) offsetof(struct spec_resources, member)
static const struct json_field MEMORY[] = {
	{ "limit", RES(memory_limit), json_read_opt_i64 },
	{ "reservation", RES(memory_reservation), json_read_opt_i64 },
	{ "swap", RES(memory_swap), json_read_opt_i64 },
	{ "kernel", RES(memory_kernel), json_read_opt_i64 },
	{ "kernelTCP", RES(memory_kernel_tcp), json_read_opt_i64 },
	{ "swappiness", RES(memory_swappiness), json_read_opt_u64 },
	{ "disableOOMKiller", RES(memory_disable_oom_killer), json_read_opt_bool },
	{ "useHierarchy", RES(memory_use_hierarchy), json_read_opt_bool },
	{ "checkBeforeUpdate", RES(memory_check_before_update), json_read_opt_bool },
	{ 0 }
};
static const struct json_field CPU[] = { { "shares", RES(cpu_shares), json_read_opt_u64 },
					 { "quota", RES(cpu_quota_us), json_read_opt_i64 },
					 { "burst", RES(cpu_burst_us), json_read_opt_u64 },
					 { "period", RES(cpu_period_us), json_read_opt_u64 },
					 { "realtimeRuntime", RES(cpu_realtime_runtime_us),
					   json_read_opt_i64 },
					 { "realtimePeriod", RES(cpu_realtime_period_us), json_read_opt_u64 },
					 { "cpus", RES(cpu_cpus), spec_read_text },
					 { "mems", RES(cpu_mems), spec_read_text },
					 { "idle", RES(cpu_idle), json_read_opt_i64 },
					 { 0 } };
static const struct json_field PIDS[] = {
	{ "limit", RES(pids_limit), json_read_opt_i64 },
	{ 0 },
};

#define BLKIO(member) offsetof(struct spec_blkio_device, member)
static const struct json_field BLKIO_WEIGHT[] = { { "major", BLKIO(major), json_read_i64, .required = true },
						  { "minor", BLKIO(minor), json_read_i64, .required = true },
						  { "weight", BLKIO(weight), spec_read_opt_max, &MAX_U16 },
						  { "leafWeight", BLKIO(leaf_weight), spec_read_opt_max,
						    &MAX_U16 },
						  { 0 } };
static const struct json_field BLKIO_RATE[] = { { "major", BLKIO(major), json_read_i64, .required = true },
						{ "minor", BLKIO(minor), json_read_i64, .required = true },
						{ "rate", BLKIO(rate), json_read_opt_u64, .required = true },
						{ 0 } };
static const struct json_array WEIGHTS = { BLKIO_WEIGHT, sizeof(struct spec_blkio_device), SPEC_MAX_ITEMS };
static const struct json_array RATES = { BLKIO_RATE, sizeof(struct spec_blkio_device), SPEC_MAX_ITEMS };
static const struct json_field BLOCK_IO[] = {
	{ "weight", RES(blkio_weight), spec_read_opt_max, &MAX_U16 },
	{ "leafWeight", RES(blkio_leaf_weight), spec_read_opt_max, &MAX_U16 },
	{ "weightDevice", RES(blkio_weight_device), json_read_array, &WEIGHTS },
	{ "throttleReadBpsDevice", RES(blkio_read_bps), json_read_array, &RATES },
	{ "throttleWriteBpsDevice", RES(blkio_write_bps), json_read_array, &RATES },
	{ "throttleReadIOPSDevice", RES(blkio_read_iops), json_read_array, &RATES },
	{ "throttleWriteIOPSDevice", RES(blkio_write_iops), json_read_array, &RATES },
	{ 0 }
};

static const struct json_field HUGEPAGE_LIMIT[] = {
	{ "pageSize", offsetof(struct spec_hugepage_limit, page_size), json_read_string, .required = true },
	{ "limit", offsetof(struct spec_hugepage_limit, limit), json_read_u64, .required = true },
	{ 0 }
};
static const struct json_array HUGEPAGE_LIMITS = { HUGEPAGE_LIMIT, sizeof(struct spec_hugepage_limit),
						   SPEC_MAX_ITEMS };

static const struct json_field NETWORK_PRIORITY[] = {
	{ "name", offsetof(struct spec_network_priority, name), json_read_string, .required = true },
	{ "priority", offsetof(struct spec_network_priority, priority), json_read_u32, .required = true },
	{ 0 }
};
static const struct json_array NETWORK_PRIORITIES = { NETWORK_PRIORITY, sizeof(struct spec_network_priority),
						      SPEC_MAX_ITEMS };
static const struct json_field NETWORK[] = {
	{ "classID", RES(network_class_id), spec_read_opt_max, &MAX_U32 },
	{ "priorities", RES(network_priorities), json_read_array, &NETWORK_PRIORITIES },
	{ 0 }
};

static const struct json_field RESOURCE_FIELDS[] = {
	{ "devices", RES(devices), json_read_array, &DEVICE_RULES },
	{ "memory", 0, json_read_object, MEMORY },
	{ "cpu", 0, json_read_object, CPU },
	{ "pids", 0, json_read_object, PIDS },
	{ "blockIO", 0, json_read_object, BLOCK_IO },
	{ "hugepageLimits", RES(hugepage_limits), json_read_array, &HUGEPAGE_LIMITS },
	{ "network", 0, json_read_object, NETWORK },
	{ "rdma", RES(rdma), read_rdma },
	{ "unified", RES(unified), json_read_map },
	{ 0 }
};
static const struct json_pointer RESOURCES = { RESOURCE_FIELDS, sizeof(struct spec_resources) };

/* --- linux --- */

/* As linux.namespaces names them. */
static const struct json_enum NAMESPACE_TYPES[] = {
	{ "pid", SPEC_NS_PID },       { "network", SPEC_NS_NETWORK }, { "mount", SPEC_NS_MOUNT },
	{ "ipc", SPEC_NS_IPC },       { "uts", SPEC_NS_UTS },         { "user", SPEC_NS_USER },
	{ "cgroup", SPEC_NS_CGROUP }, { "time", SPEC_NS_TIME },       { 0 },
};

const char *spec_namespace_name(int type)
{
	for (const struct json_enum *n = NAMESPACE_TYPES; n->name; n++)
		if (n->value == type)
			return n->name;
	return NULL;
}

static int read_namespace_type(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	cleanup_free char *name = NULL;
	int r = json_read_string(in, arg, &name, e);

	if (r < 0)
		return r;
	for (const struct json_enum *n = NAMESPACE_TYPES; n->name; n++) {
		if (strcmp(n->name, name) == 0) {
			*(int *)member = n->value;
			return 0;
		}
	}
	return json_error(in, -EINVAL, e, "namespace '%s' does not exist", name);
}

static int read_namespace_path(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	int r = spec_read_text(in, arg, member, e);
	const char *path = *(char **)member;

	if (r == 0 && path && path[0] != '/')
		return json_error(in, -EINVAL, e, "namespace path '%s' is not absolute", path);
	return r;
}

static const struct json_field NAMESPACE[] = {
	{ "type", offsetof(struct spec_namespace, type), read_namespace_type, .required = true },
	{ "path", offsetof(struct spec_namespace, path), read_namespace_path },
	{ 0 }
};
static const struct json_array NAMESPACES = { NAMESPACE, sizeof(struct spec_namespace), SPEC_MAX_ITEMS };

#define DEVICE(member) offsetof(struct spec_device, member)
static const struct json_field DEVICE_FIELDS[] = {
	{ "path", DEVICE(path), read_absolute_path, .required = true },
	{ "type", DEVICE(type), read_letter, "bcup", .required = true },
	{ "major", DEVICE(major), json_read_i64 },
	{ "minor", DEVICE(minor), json_read_i64 },
	{ "fileMode", DEVICE(file_mode), spec_read_opt_max, &MAX_U32 },
	{ "uid", DEVICE(uid), spec_read_opt_max, &MAX_U32 },
	{ "gid", DEVICE(gid), spec_read_opt_max, &MAX_U32 },
	{ 0 }
};
static const struct json_array DEVICES = { DEVICE_FIELDS, sizeof(struct spec_device), SPEC_MAX_ITEMS };

#define RDT(member) offsetof(struct spec_intel_rdt, member)
static const struct json_field INTEL_RDT_FIELDS[] = {
	{ "closID", RDT(clos_id), spec_read_text },
	{ "l3CacheSchema", RDT(l3_cache_schema), spec_read_text },
	{ "memBwSchema", RDT(mem_bw_schema), spec_read_text },
	{ "schemata", RDT(schemata), json_read_strvec },
	{ "enableCMT", RDT(enable_cmt), json_read_bool },
	{ "enableMBM", RDT(enable_mbm), json_read_bool },
	{ "enableMonitoring", RDT(enable_monitoring), json_read_bool },
	{ 0 }
};
static const struct json_pointer INTEL_RDT = { INTEL_RDT_FIELDS, sizeof(struct spec_intel_rdt) };

static const struct json_field MEMORY_POLICY_FIELDS[] = {
	{ "mode", offsetof(struct spec_memory_policy, mode), json_read_string, .required = true },
	{ "nodes", offsetof(struct spec_memory_policy, nodes), spec_read_text },
	{ "flags", offsetof(struct spec_memory_policy, flags), json_read_strvec },
	{ 0 }
};
static const struct json_pointer MEMORY_POLICY = { MEMORY_POLICY_FIELDS, sizeof(struct spec_memory_policy) };

#define LINUX(member) offsetof(struct spec_linux, member)
static const struct json_field PERSONALITY[] = { { "domain", LINUX(personality_domain), json_read_string,
						   .required = true },
						 { "flags", LINUX(personality_flags), json_read_strvec },
						 { 0 } };

static const struct json_field LINUX_FIELDS[] = {
	{ "uidMappings", LINUX(uid_mappings), json_read_array, &ID_MAPPINGS },
	{ "gidMappings", LINUX(gid_mappings), json_read_array, &ID_MAPPINGS },
	{ "sysctl", LINUX(sysctl), json_read_map },
	{ "resources", LINUX(resources), json_read_pointer, &RESOURCES },
	{ "cgroupsPath", LINUX(cgroups_path), spec_read_text },
	{ "namespaces", LINUX(namespaces), json_read_array, &NAMESPACES },
	{ "devices", LINUX(devices), json_read_array, &DEVICES },
	{ "seccomp", LINUX(seccomp), json_read_pointer, &SPEC_SECCOMP },
	{ "rootfsPropagation", LINUX(rootfs_propagation), spec_read_text },
	{ "maskedPaths", LINUX(masked_paths), json_read_strvec },
	{ "readonlyPaths", LINUX(readonly_paths), json_read_strvec },
	{ "mountLabel", LINUX(mount_label), spec_read_text },
	{ "intelRdt", LINUX(intel_rdt), json_read_pointer, &INTEL_RDT },
	{ "personality", 0, json_read_object, PERSONALITY },
	{ "timeOffsets", LINUX(time_offsets), read_time_offsets },
	{ "netDevices", LINUX(net_devices), read_net_devices },
	{ "memoryPolicy", LINUX(memory_policy), json_read_pointer, &MEMORY_POLICY },
	{ 0 }
};

/* --- the document --- */

static const struct json_field ROOT[] = {
	{ "path", offsetof(struct runtime_spec, root_path), json_read_string, .required = true },
	{ "readonly", offsetof(struct runtime_spec, root_readonly), json_read_bool },
	{ 0 }
};

#define TOP(member) offsetof(struct runtime_spec, member)
static const struct json_field TOP_FIELDS[] = {
	{ "ociVersion", TOP(oci_version), json_read_string, .required = true },
	{ "root", 0, json_read_object, ROOT },
	{ "hostname", TOP(hostname), spec_read_text },
	{ "domainname", TOP(domainname), spec_read_text },
	{ "mounts", TOP(mounts), json_read_array, &MOUNTS },
	{ "process", TOP(process), json_read_pointer, &PROCESS_POINTER },
	{ "hooks", TOP(hooks), json_read_object, HOOK_LISTS },
	{ "annotations", TOP(annotations), json_read_map },
	{ "linux", TOP(linux_), json_read_object, LINUX_FIELDS },
	{ 0 }
};

/* The version is looked at before anything else: a document of a later one may differ everywhere. */
static int check_version(const struct json_in *top, struct err *e)
{
	cleanup_free char *version = NULL;
	struct json_in in;
	int r;

	if (!json_in_is_object(top))
		return json_error(top, -EINVAL, e, "expected an object");
	in = json_get(top, "ociVersion");
	if (!in.value)
		return json_error(&in, -EINVAL, e, "missing");
	r = json_read_string(&in, NULL, &version, e);
	return r < 0 ? r : spec_check_version(version, e);
}

static int decode_spec(const struct json_in *top, struct runtime_spec *ret, struct err *e)
{
	int r = check_version(top, e);

	if (r == 0)
		r = json_read_object(top, TOP_FIELDS, ret, e);
	return r < 0 ? r : spec_check(ret, e);
}

int runtime_spec_decode(const char *text, size_t len, struct runtime_spec *ret, struct err *e)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_in top;
	int r;

	*ret = (struct runtime_spec){ 0 };
	if (len > SPEC_MAX_BYTES)
		return err_set(e, -EFBIG, "config.json is larger than %u bytes", SPEC_MAX_BYTES);
	r = json_parse(text, len, SPEC_MAX_DEPTH, &doc, e);
	if (r < 0)
		return r;
	top = json_top(doc);
	r = decode_spec(&top, ret, e);
	if (r < 0)
		runtime_spec_done(ret);
	return r;
}

int spec_process_decode(const char *text, size_t len, struct spec_process *ret, struct err *e)
{
	int r;

	*ret = (struct spec_process){ 0 };
	if (len > SPEC_MAX_BYTES)
		return err_set(e, -EFBIG, "process.json is larger than %u bytes", SPEC_MAX_BYTES);
	r = json_decode(text, len, PROCESS_FIELDS, ret, e);
	if (r == 0)
		r = spec_process_check(ret, "", e);
	if (r < 0)
		spec_process_done(ret);
	return r;
}

int spec_resources_decode(const char *text, size_t len, struct spec_resources *ret, struct err *e)
{
	int r;

	*ret = (struct spec_resources){ 0 };
	if (len > SPEC_MAX_BYTES)
		return err_set(e, -EFBIG, "resources are larger than %u bytes", SPEC_MAX_BYTES);
	r = json_decode(text, len, RESOURCE_FIELDS, ret, e);
	if (r < 0)
		spec_resources_done(ret);
	else
		spec_fill_resources(ret);
	return r;
}
