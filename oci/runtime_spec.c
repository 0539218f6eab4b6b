/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/runtime_spec.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "oci/seccomp_default.h"

/* --- freeing: every function accepts what a failed decode leaves --- */

static void mount_done(struct spec_mount *m)
{
	free(m->destination);
	free(m->type);
	free(m->source);
	strvec_done(&m->options);
	free(m->uid_mappings);
	free(m->gid_mappings);
}

static void capabilities_free(struct spec_capabilities *c)
{
	if (!c)
		return;
	strvec_done(&c->bounding);
	strvec_done(&c->effective);
	strvec_done(&c->inheritable);
	strvec_done(&c->permitted);
	strvec_done(&c->ambient);
	free(c);
}

static void scheduler_free(struct spec_scheduler *s)
{
	if (!s)
		return;
	free(s->policy);
	strvec_done(&s->flags);
	free(s);
}

void spec_process_done(struct spec_process *p)
{
	strvec_done(&p->args);
	strvec_done(&p->env);
	free(p->cwd);
	free(p->user.additional_gids);
	capabilities_free(p->capabilities);
	for (size_t i = 0; i < p->rlimits_len; i++)
		free(p->rlimits[i].type);
	free(p->rlimits);
	free(p->apparmor_profile);
	free(p->selinux_label);
	scheduler_free(p->scheduler);
	if (p->io_priority)
		free(p->io_priority->class_name);
	free(p->io_priority);
	if (p->exec_cpu_affinity) {
		free(p->exec_cpu_affinity->initial);
		free(p->exec_cpu_affinity->final);
	}
	free(p->exec_cpu_affinity);
	*p = (struct spec_process){ 0 };
}

static void hook_list_done(struct spec_hook_list *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->items[i].path);
		strvec_done(&l->items[i].args);
		strvec_done(&l->items[i].env);
	}
	free(l->items);
}

static void hooks_done(struct spec_hooks *h)
{
	hook_list_done(&h->prestart);
	hook_list_done(&h->create_runtime);
	hook_list_done(&h->create_container);
	hook_list_done(&h->start_container);
	hook_list_done(&h->poststart);
	hook_list_done(&h->poststop);
}

void spec_resources_done(struct spec_resources *r)
{
	for (size_t i = 0; i < r->devices_len; i++)
		free(r->devices[i].access);
	free(r->devices);
	free(r->cpu_cpus);
	free(r->cpu_mems);
	free(r->blkio_weight_device.items);
	free(r->blkio_read_bps.items);
	free(r->blkio_write_bps.items);
	free(r->blkio_read_iops.items);
	free(r->blkio_write_iops.items);
	for (size_t i = 0; i < r->hugepage_limits_len; i++)
		free(r->hugepage_limits[i].page_size);
	free(r->hugepage_limits);
	for (size_t i = 0; i < r->rdma_len; i++)
		free(r->rdma[i].device);
	free(r->rdma);
	for (size_t i = 0; i < r->network_priorities_len; i++)
		free(r->network_priorities[i].name);
	free(r->network_priorities);
	strvec_done(&r->unified);
	*r = (struct spec_resources){ 0 };
}

static void syscall_done(struct spec_syscall *s)
{
	strvec_done(&s->names);
	free(s->action);
	for (size_t i = 0; i < s->args_len; i++)
		free(s->args[i].op);
	free(s->args);
}

void spec_seccomp_free(struct spec_seccomp *s)
{
	if (!s)
		return;
	free(s->default_action);
	strvec_done(&s->architectures);
	strvec_done(&s->flags);
	free(s->listener_path);
	free(s->listener_metadata);
	for (size_t i = 0; i < s->syscalls_len; i++)
		syscall_done(&s->syscalls[i]);
	free(s->syscalls);
	free(s);
}

static void intel_rdt_free(struct spec_intel_rdt *r)
{
	if (!r)
		return;
	free(r->clos_id);
	free(r->l3_cache_schema);
	free(r->mem_bw_schema);
	strvec_done(&r->schemata);
	free(r);
}

static void memory_policy_free(struct spec_memory_policy *m)
{
	if (!m)
		return;
	free(m->mode);
	free(m->nodes);
	strvec_done(&m->flags);
	free(m);
}

/* The lists of structs that own strings. */
static void linux_lists_done(struct spec_linux *l)
{
	for (size_t i = 0; i < l->namespaces_len; i++)
		free(l->namespaces[i].path);
	free(l->namespaces);
	for (size_t i = 0; i < l->devices_len; i++)
		free(l->devices[i].path);
	free(l->devices);
	for (size_t i = 0; i < l->time_offsets_len; i++)
		free(l->time_offsets[i].clock);
	free(l->time_offsets);
	for (size_t i = 0; i < l->net_devices_len; i++) {
		free(l->net_devices[i].host_name);
		free(l->net_devices[i].name);
	}
	free(l->net_devices);
}

static void linux_done(struct spec_linux *l)
{
	free(l->uid_mappings);
	free(l->gid_mappings);
	strvec_done(&l->sysctl);
	if (l->resources)
		spec_resources_done(l->resources);
	free(l->resources);
	free(l->cgroups_path);
	linux_lists_done(l);
	spec_seccomp_free(l->seccomp);
	free(l->rootfs_propagation);
	strvec_done(&l->masked_paths);
	strvec_done(&l->readonly_paths);
	free(l->mount_label);
	intel_rdt_free(l->intel_rdt);
	free(l->personality_domain);
	strvec_done(&l->personality_flags);
	memory_policy_free(l->memory_policy);
}

void runtime_spec_done(struct runtime_spec *s)
{
	free(s->oci_version);
	free(s->root_path);
	free(s->hostname);
	free(s->domainname);
	for (size_t i = 0; i < s->mounts_len; i++)
		mount_done(&s->mounts[i]);
	free(s->mounts);
	if (s->process)
		spec_process_done(s->process);
	free(s->process);
	hooks_done(&s->hooks);
	strvec_done(&s->annotations);
	linux_done(&s->linux_);
	*s = (struct runtime_spec){ 0 };
}

/* --- growing --- */

/* Copies `text` unless it is NULL; false when memory is out. */
static bool copy_text(const char *text, char **ret)
{
	if (!text)
		return true;
	*ret = strdup(text);
	return *ret != NULL;
}

/* One more zeroed element. Grows by exactly one, as decoded lists have no spare room either. */
static void *grow(void **items, size_t *len, size_t size)
{
	char *grown = reallocarray(*items, *len + 1, size);

	if (!grown)
		return NULL;
	*items = grown;
	memset(grown + *len * size, 0, size);
	(*len)++;
	return grown + (*len - 1) * size;
}

#define GROW(items, len) grow((void **)&(items), &(len), sizeof(*(items)))

struct spec_mount *spec_add_mount(struct runtime_spec *s, const char *destination, const char *type,
				  const char *source)
{
	struct spec_mount *m = GROW(s->mounts, s->mounts_len);

	if (!m)
		return NULL;
	if (copy_text(destination, &m->destination) && copy_text(type, &m->type) &&
	    copy_text(source, &m->source))
		return m;
	mount_done(m);
	s->mounts_len--;
	return NULL;
}

struct spec_device *spec_add_device(struct runtime_spec *s, const char *path, char type, int64_t major,
				    int64_t minor)
{
	struct spec_device *d = GROW(s->linux_.devices, s->linux_.devices_len);

	if (!d)
		return NULL;
	*d = (struct spec_device){ .type = type, .major = major, .minor = minor };
	if (copy_text(path, &d->path))
		return d;
	s->linux_.devices_len--;
	return NULL;
}

struct spec_device_rule *spec_add_device_rule(struct spec_resources *r, bool allow, char type, int64_t major,
					      int64_t minor, const char *access)
{
	struct spec_device_rule *d = GROW(r->devices, r->devices_len);

	if (!d)
		return NULL;
	*d = (struct spec_device_rule){ .allow = allow, .type = type };
	if (major >= 0)
		d->major = (struct opt_i64){ true, major };
	if (minor >= 0)
		d->minor = (struct opt_i64){ true, minor };
	if (copy_text(access, &d->access))
		return d;
	r->devices_len--;
	return NULL;
}

struct spec_rlimit *spec_add_rlimit(struct spec_process *p, const char *type, uint64_t soft, uint64_t hard)
{
	struct spec_rlimit *r = GROW(p->rlimits, p->rlimits_len);

	if (!r)
		return NULL;
	*r = (struct spec_rlimit){ .soft = soft, .hard = hard };
	if (copy_text(type, &r->type))
		return r;
	p->rlimits_len--;
	return NULL;
}

struct spec_namespace *spec_add_namespace(struct runtime_spec *s, int type, const char *path)
{
	struct spec_namespace *n = GROW(s->linux_.namespaces, s->linux_.namespaces_len);

	if (!n)
		return NULL;
	n->type = type;
	if (copy_text(path, &n->path))
		return n;
	s->linux_.namespaces_len--;
	return NULL;
}

/* --- finding and removing --- */

struct spec_namespace *spec_find_namespace(const struct runtime_spec *s, int type)
{
	for (size_t i = 0; i < s->linux_.namespaces_len; i++)
		if (s->linux_.namespaces[i].type == type)
			return &s->linux_.namespaces[i];
	return NULL;
}

void spec_remove_namespace(struct runtime_spec *s, int type)
{
	struct spec_linux *l = &s->linux_;
	struct spec_namespace *n = spec_find_namespace(s, type);
	size_t behind;

	if (!n)
		return;
	free(n->path);
	behind = l->namespaces_len - (size_t)(n - l->namespaces) - 1;
	memmove(n, n + 1, behind * sizeof(*n));
	l->namespaces_len--;
}

struct spec_mount *spec_find_mount(const struct runtime_spec *s, const char *destination)
{
	for (size_t i = 0; i < s->mounts_len; i++)
		if (strcmp(s->mounts[i].destination, destination) == 0)
			return &s->mounts[i];
	return NULL;
}

void spec_remove_mount(struct runtime_spec *s, const char *destination)
{
	struct spec_mount *m = spec_find_mount(s, destination);
	size_t behind;

	if (!m)
		return;
	mount_done(m);
	behind = s->mounts_len - (size_t)(m - s->mounts) - 1;
	memmove(m, m + 1, behind * sizeof(*m));
	s->mounts_len--;
}

bool spec_maps_id(const struct spec_id_mapping *mappings, size_t len, uint32_t id)
{
	for (size_t i = 0; i < len; i++)
		if (id >= mappings[i].container_id && id - mappings[i].container_id < mappings[i].size)
			return true;
	return false;
}

uint32_t spec_host_id(const struct spec_id_mapping *mappings, size_t len, uint32_t id)
{
	for (size_t i = 0; i < len; i++)
		if (id >= mappings[i].container_id && id - mappings[i].container_id < mappings[i].size)
			return mappings[i].host_id + (id - mappings[i].container_id);
	return id;
}
