/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: the keys in the order that runc writes them. What is at its default is left out, as Go's omitempty does. */
#include "oci/runtime_spec.h"

static void put_flag(struct json_out *o, const char *key, bool value)
{
	if (value)
		json_out_bool(o, key, true);
}

static void put_mappings(struct json_out *o, const char *key, const struct spec_id_mapping *m, size_t len)
{
	if (len == 0)
		return;
	json_out_array(o, key);
	for (size_t i = 0; i < len; i++) {
		json_out_object(o, NULL);
		json_out_u64(o, "containerID", m[i].container_id);
		json_out_u64(o, "hostID", m[i].host_id);
		json_out_u64(o, "size", m[i].size);
		json_out_end(o);
	}
	json_out_end(o);
}

/* --- process --- */

static void put_user(struct json_out *o, const struct spec_user *u)
{
	json_out_object(o, "user");
	json_out_u64(o, "uid", u->uid);
	json_out_u64(o, "gid", u->gid);
	json_out_opt_u64(o, "umask", u->umask);
	if (u->additional_gids_len > 0) {
		json_out_array(o, "additionalGids");
		for (size_t i = 0; i < u->additional_gids_len; i++)
			json_out_u64(o, NULL, u->additional_gids[i]);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_capabilities(struct json_out *o, const struct spec_capabilities *c)
{
	if (!c)
		return;
	json_out_object(o, "capabilities");
	json_out_opt_strvec(o, "bounding", &c->bounding);
	json_out_opt_strvec(o, "effective", &c->effective);
	json_out_opt_strvec(o, "inheritable", &c->inheritable);
	json_out_opt_strvec(o, "permitted", &c->permitted);
	json_out_opt_strvec(o, "ambient", &c->ambient);
	json_out_end(o);
}

static void put_rlimits(struct json_out *o, const struct spec_process *p)
{
	if (p->rlimits_len == 0)
		return;
	json_out_array(o, "rlimits");
	for (size_t i = 0; i < p->rlimits_len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "type", p->rlimits[i].type);
		json_out_u64(o, "hard", p->rlimits[i].hard);
		json_out_u64(o, "soft", p->rlimits[i].soft);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_scheduling(struct json_out *o, const struct spec_process *p)
{
	if (p->scheduler) {
		json_out_object(o, "scheduler");
		json_out_string(o, "policy", p->scheduler->policy);
		json_out_opt_i64(o, "nice", p->scheduler->nice);
		json_out_opt_i64(o, "priority", p->scheduler->priority);
		json_out_opt_strvec(o, "flags", &p->scheduler->flags);
		json_out_opt_u64(o, "runtime", p->scheduler->runtime_ns);
		json_out_opt_u64(o, "deadline", p->scheduler->deadline_ns);
		json_out_opt_u64(o, "period", p->scheduler->period_ns);
		json_out_end(o);
	}
	if (p->io_priority) {
		json_out_object(o, "ioPriority");
		json_out_string(o, "class", p->io_priority->class_name);
		json_out_i64(o, "priority", p->io_priority->priority);
		json_out_end(o);
	}
	if (p->exec_cpu_affinity) {
		json_out_object(o, "execCPUAffinity");
		json_out_opt_string(o, "initial", p->exec_cpu_affinity->initial);
		json_out_opt_string(o, "final", p->exec_cpu_affinity->final);
		json_out_end(o);
	}
}

static void put_process(struct json_out *o, const struct spec_process *p)
{
	if (!p)
		return;
	json_out_object(o, "process");
	put_flag(o, "terminal", p->terminal);
	if (p->console_height.set && p->console_width.set) {
		json_out_object(o, "consoleSize");
		json_out_u64(o, "height", p->console_height.value);
		json_out_u64(o, "width", p->console_width.value);
		json_out_end(o);
	}
	put_user(o, &p->user);
	json_out_opt_strvec(o, "args", &p->args);
	json_out_opt_strvec(o, "env", &p->env);
	json_out_string(o, "cwd", p->cwd);
	put_capabilities(o, p->capabilities);
	put_rlimits(o, p);
	put_flag(o, "noNewPrivileges", p->no_new_privileges);
	json_out_opt_string(o, "apparmorProfile", p->apparmor_profile);
	json_out_opt_i64(o, "oomScoreAdj", p->oom_score_adj);
	json_out_opt_string(o, "selinuxLabel", p->selinux_label);
	put_scheduling(o, p);
	json_out_end(o);
}

/* --- mounts and hooks --- */

static void put_mounts(struct json_out *o, const struct runtime_spec *s)
{
	if (s->mounts_len == 0)
		return;
	json_out_array(o, "mounts");
	for (size_t i = 0; i < s->mounts_len; i++) {
		const struct spec_mount *m = &s->mounts[i];

		json_out_object(o, NULL);
		json_out_string(o, "destination", m->destination);
		json_out_opt_string(o, "type", m->type);
		json_out_opt_string(o, "source", m->source);
		json_out_opt_strvec(o, "options", &m->options);
		put_mappings(o, "uidMappings", m->uid_mappings, m->uid_mappings_len);
		put_mappings(o, "gidMappings", m->gid_mappings, m->gid_mappings_len);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_hook_list(struct json_out *o, const char *key, const struct spec_hook_list *l)
{
	if (l->len == 0)
		return;
	json_out_array(o, key);
	for (size_t i = 0; i < l->len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "path", l->items[i].path);
		json_out_opt_strvec(o, "args", &l->items[i].args);
		json_out_opt_strvec(o, "env", &l->items[i].env);
		json_out_opt_i64(o, "timeout", l->items[i].timeout_s);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_hooks(struct json_out *o, const struct spec_hooks *h)
{
	if (!h->prestart.len && !h->create_runtime.len && !h->create_container.len &&
	    !h->start_container.len && !h->poststart.len && !h->poststop.len)
		return;
	json_out_object(o, "hooks");
	put_hook_list(o, "prestart", &h->prestart);
	put_hook_list(o, "createRuntime", &h->create_runtime);
	put_hook_list(o, "createContainer", &h->create_container);
	put_hook_list(o, "startContainer", &h->start_container);
	put_hook_list(o, "poststart", &h->poststart);
	put_hook_list(o, "poststop", &h->poststop);
	json_out_end(o);
}

/* --- linux.resources --- */

static void put_device_rules(struct json_out *o, const struct spec_resources *r)
{
	if (r->devices_len == 0)
		return;
	json_out_array(o, "devices");
	for (size_t i = 0; i < r->devices_len; i++) {
		const struct spec_device_rule *d = &r->devices[i];

		json_out_object(o, NULL);
		json_out_bool(o, "allow", d->allow);
		if (d->type && d->type != 'a')
			json_out_string(o, "type", (char[]){ d->type, '\0' });
		json_out_opt_i64(o, "major", d->major);
		json_out_opt_i64(o, "minor", d->minor);
		json_out_opt_string(o, "access", d->access);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_memory(struct json_out *o, const struct spec_resources *r)
{
	if (!r->memory_limit.set && !r->memory_reservation.set && !r->memory_swap.set &&
	    !r->memory_kernel.set && !r->memory_kernel_tcp.set && !r->memory_swappiness.set &&
	    !r->memory_disable_oom_killer.set && !r->memory_use_hierarchy.set &&
	    !r->memory_check_before_update.set)
		return;
	json_out_object(o, "memory");
	json_out_opt_i64(o, "limit", r->memory_limit);
	json_out_opt_i64(o, "reservation", r->memory_reservation);
	json_out_opt_i64(o, "swap", r->memory_swap);
	json_out_opt_i64(o, "kernel", r->memory_kernel);
	json_out_opt_i64(o, "kernelTCP", r->memory_kernel_tcp);
	json_out_opt_u64(o, "swappiness", r->memory_swappiness);
	json_out_opt_bool(o, "disableOOMKiller", r->memory_disable_oom_killer);
	json_out_opt_bool(o, "useHierarchy", r->memory_use_hierarchy);
	json_out_opt_bool(o, "checkBeforeUpdate", r->memory_check_before_update);
	json_out_end(o);
}

static void put_cpu(struct json_out *o, const struct spec_resources *r)
{
	if (!r->cpu_shares.set && !r->cpu_quota_us.set && !r->cpu_burst_us.set && !r->cpu_period_us.set &&
	    !r->cpu_realtime_runtime_us.set && !r->cpu_realtime_period_us.set && !r->cpu_cpus &&
	    !r->cpu_mems && !r->cpu_idle.set)
		return;
	json_out_object(o, "cpu");
	json_out_opt_u64(o, "shares", r->cpu_shares);
	json_out_opt_i64(o, "quota", r->cpu_quota_us);
	json_out_opt_u64(o, "burst", r->cpu_burst_us);
	json_out_opt_u64(o, "period", r->cpu_period_us);
	json_out_opt_i64(o, "realtimeRuntime", r->cpu_realtime_runtime_us);
	json_out_opt_u64(o, "realtimePeriod", r->cpu_realtime_period_us);
	json_out_opt_string(o, "cpus", r->cpu_cpus);
	json_out_opt_string(o, "mems", r->cpu_mems);
	json_out_opt_i64(o, "idle", r->cpu_idle);
	json_out_end(o);
}

static void put_blkio_list(struct json_out *o, const char *key, const struct spec_blkio_list *l)
{
	if (l->len == 0)
		return;
	json_out_array(o, key);
	for (size_t i = 0; i < l->len; i++) {
		json_out_object(o, NULL);
		json_out_i64(o, "major", l->items[i].major);
		json_out_i64(o, "minor", l->items[i].minor);
		json_out_opt_u64(o, "weight", l->items[i].weight);
		json_out_opt_u64(o, "leafWeight", l->items[i].leaf_weight);
		json_out_opt_u64(o, "rate", l->items[i].rate);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_block_io(struct json_out *o, const struct spec_resources *r)
{
	if (!r->blkio_weight.set && !r->blkio_leaf_weight.set && !r->blkio_weight_device.len &&
	    !r->blkio_read_bps.len && !r->blkio_write_bps.len && !r->blkio_read_iops.len &&
	    !r->blkio_write_iops.len)
		return;
	json_out_object(o, "blockIO");
	json_out_opt_u64(o, "weight", r->blkio_weight);
	json_out_opt_u64(o, "leafWeight", r->blkio_leaf_weight);
	put_blkio_list(o, "weightDevice", &r->blkio_weight_device);
	put_blkio_list(o, "throttleReadBpsDevice", &r->blkio_read_bps);
	put_blkio_list(o, "throttleWriteBpsDevice", &r->blkio_write_bps);
	put_blkio_list(o, "throttleReadIOPSDevice", &r->blkio_read_iops);
	put_blkio_list(o, "throttleWriteIOPSDevice", &r->blkio_write_iops);
	json_out_end(o);
}

static void put_hugepages(struct json_out *o, const struct spec_resources *r)
{
	if (r->hugepage_limits_len == 0)
		return;
	json_out_array(o, "hugepageLimits");
	for (size_t i = 0; i < r->hugepage_limits_len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "pageSize", r->hugepage_limits[i].page_size);
		json_out_u64(o, "limit", r->hugepage_limits[i].limit);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_network(struct json_out *o, const struct spec_resources *r)
{
	if (!r->network_class_id.set && r->network_priorities_len == 0)
		return;
	json_out_object(o, "network");
	json_out_opt_u64(o, "classID", r->network_class_id);
	if (r->network_priorities_len > 0) {
		json_out_array(o, "priorities");
		for (size_t i = 0; i < r->network_priorities_len; i++) {
			json_out_object(o, NULL);
			json_out_string(o, "name", r->network_priorities[i].name);
			json_out_u64(o, "priority", r->network_priorities[i].priority);
			json_out_end(o);
		}
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_rdma(struct json_out *o, const struct spec_resources *r)
{
	if (r->rdma_len == 0)
		return;
	json_out_object(o, "rdma");
	for (size_t i = 0; i < r->rdma_len; i++) {
		json_out_object(o, r->rdma[i].device);
		json_out_opt_u64(o, "hcaHandles", r->rdma[i].hca_handles);
		json_out_opt_u64(o, "hcaObjects", r->rdma[i].hca_objects);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_resources(struct json_out *o, const struct spec_resources *r)
{
	if (!r)
		return;
	json_out_object(o, "resources");
	put_device_rules(o, r);
	put_memory(o, r);
	put_cpu(o, r);
	if (r->pids_limit.set) {
		json_out_object(o, "pids");
		json_out_i64(o, "limit", r->pids_limit.value);
		json_out_end(o);
	}
	put_block_io(o, r);
	put_hugepages(o, r);
	put_network(o, r);
	put_rdma(o, r);
	json_out_opt_map(o, "unified", &r->unified);
	json_out_end(o);
}

/* --- linux --- */

static void put_namespaces(struct json_out *o, const struct spec_linux *l)
{
	if (l->namespaces_len == 0)
		return;
	json_out_array(o, "namespaces");
	for (size_t i = 0; i < l->namespaces_len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "type", spec_namespace_name(l->namespaces[i].type));
		json_out_opt_string(o, "path", l->namespaces[i].path);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_devices(struct json_out *o, const struct spec_linux *l)
{
	if (l->devices_len == 0)
		return;
	json_out_array(o, "devices");
	for (size_t i = 0; i < l->devices_len; i++) {
		const struct spec_device *d = &l->devices[i];

		json_out_object(o, NULL);
		json_out_string(o, "path", d->path);
		json_out_string(o, "type", (char[]){ d->type, '\0' });
		json_out_i64(o, "major", d->major);
		json_out_i64(o, "minor", d->minor);
		json_out_opt_u64(o, "fileMode", d->file_mode);
		json_out_opt_u64(o, "uid", d->uid);
		json_out_opt_u64(o, "gid", d->gid);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_syscall(struct json_out *o, const struct spec_syscall *s)
{
	json_out_object(o, NULL);
	json_out_strvec(o, "names", &s->names);
	json_out_string(o, "action", s->action);
	json_out_opt_u64(o, "errnoRet", s->errno_ret);
	if (s->args_len > 0) {
		json_out_array(o, "args");
		for (size_t i = 0; i < s->args_len; i++) {
			json_out_object(o, NULL);
			json_out_u64(o, "index", s->args[i].index);
			json_out_u64(o, "value", s->args[i].value);
			if (s->args[i].value_two)
				json_out_u64(o, "valueTwo", s->args[i].value_two);
			json_out_string(o, "op", s->args[i].op);
			json_out_end(o);
		}
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_seccomp(struct json_out *o, const struct spec_seccomp *s)
{
	if (!s)
		return;
	json_out_object(o, "seccomp");
	json_out_string(o, "defaultAction", s->default_action);
	json_out_opt_u64(o, "defaultErrnoRet", s->default_errno_ret);
	json_out_opt_strvec(o, "architectures", &s->architectures);
	if (s->has_flags)
		json_out_strvec(o, "flags", &s->flags);
	json_out_opt_string(o, "listenerPath", s->listener_path);
	json_out_opt_string(o, "listenerMetadata", s->listener_metadata);
	if (s->syscalls_len > 0) {
		json_out_array(o, "syscalls");
		for (size_t i = 0; i < s->syscalls_len; i++)
			put_syscall(o, &s->syscalls[i]);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_intel_rdt(struct json_out *o, const struct spec_intel_rdt *r)
{
	if (!r)
		return;
	json_out_object(o, "intelRdt");
	json_out_opt_string(o, "closID", r->clos_id);
	json_out_opt_strvec(o, "schemata", &r->schemata);
	json_out_opt_string(o, "l3CacheSchema", r->l3_cache_schema);
	json_out_opt_string(o, "memBwSchema", r->mem_bw_schema);
	put_flag(o, "enableCMT", r->enable_cmt);
	put_flag(o, "enableMBM", r->enable_mbm);
	put_flag(o, "enableMonitoring", r->enable_monitoring);
	json_out_end(o);
}

static void put_time_offsets(struct json_out *o, const struct spec_linux *l)
{
	if (l->time_offsets_len == 0)
		return;
	json_out_object(o, "timeOffsets");
	for (size_t i = 0; i < l->time_offsets_len; i++) {
		json_out_object(o, l->time_offsets[i].clock);
		json_out_i64(o, "secs", l->time_offsets[i].secs);
		json_out_u64(o, "nanosecs", l->time_offsets[i].nanosecs);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_net_devices(struct json_out *o, const struct spec_linux *l)
{
	if (l->net_devices_len == 0)
		return;
	json_out_object(o, "netDevices");
	for (size_t i = 0; i < l->net_devices_len; i++) {
		json_out_object(o, l->net_devices[i].host_name);
		json_out_opt_string(o, "name", l->net_devices[i].name);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_personality_and_policy(struct json_out *o, const struct spec_linux *l)
{
	if (l->personality_domain) {
		json_out_object(o, "personality");
		json_out_string(o, "domain", l->personality_domain);
		json_out_opt_strvec(o, "flags", &l->personality_flags);
		json_out_end(o);
	}
	if (l->memory_policy) {
		json_out_object(o, "memoryPolicy");
		json_out_string(o, "mode", l->memory_policy->mode);
		json_out_opt_string(o, "nodes", l->memory_policy->nodes);
		json_out_opt_strvec(o, "flags", &l->memory_policy->flags);
		json_out_end(o);
	}
}

static void put_linux(struct json_out *o, const struct spec_linux *l)
{
	json_out_object(o, "linux");
	put_mappings(o, "uidMappings", l->uid_mappings, l->uid_mappings_len);
	put_mappings(o, "gidMappings", l->gid_mappings, l->gid_mappings_len);
	json_out_opt_map(o, "sysctl", &l->sysctl);
	put_resources(o, l->resources);
	json_out_opt_string(o, "cgroupsPath", l->cgroups_path);
	put_namespaces(o, l);
	put_devices(o, l);
	put_seccomp(o, l->seccomp);
	json_out_opt_string(o, "rootfsPropagation", l->rootfs_propagation);
	json_out_opt_strvec(o, "maskedPaths", &l->masked_paths);
	json_out_opt_strvec(o, "readonlyPaths", &l->readonly_paths);
	json_out_opt_string(o, "mountLabel", l->mount_label);
	put_intel_rdt(o, l->intel_rdt);
	put_personality_and_policy(o, l);
	put_time_offsets(o, l);
	put_net_devices(o, l);
	json_out_end(o);
}

void runtime_spec_write(struct json_out *o, const struct runtime_spec *s)
{
	json_out_object(o, NULL);
	json_out_string(o, "ociVersion", s->oci_version);
	put_process(o, s->process);
	json_out_object(o, "root");
	json_out_string(o, "path", s->root_path);
	put_flag(o, "readonly", s->root_readonly);
	json_out_end(o);
	json_out_opt_string(o, "hostname", s->hostname);
	json_out_opt_string(o, "domainname", s->domainname);
	put_mounts(o, s);
	put_hooks(o, &s->hooks);
	json_out_opt_map(o, "annotations", &s->annotations);
	put_linux(o, &s->linux_);
	json_out_end(o);
}
