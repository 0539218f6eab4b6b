/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/plan.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "common/cleanup.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const int CLONE_FLAGS[] = {
	[SPEC_NS_PID] = CLONE_NEWPID,       [SPEC_NS_NETWORK] = CLONE_NEWNET, [SPEC_NS_MOUNT] = CLONE_NEWNS,
	[SPEC_NS_IPC] = CLONE_NEWIPC,       [SPEC_NS_UTS] = CLONE_NEWUTS,     [SPEC_NS_USER] = CLONE_NEWUSER,
	[SPEC_NS_CGROUP] = CLONE_NEWCGROUP, [SPEC_NS_TIME] = CLONE_NEWTIME,
};

static void plan_namespace(const struct spec_namespace *ns, struct plan *p)
{
	int flag = CLONE_FLAGS[ns->type];

	if (ns->path)
		p->joins[p->joins_len++] = (struct plan_join){ flag, ns->path };
	else if (flag == CLONE_NEWCGROUP)
		p->unshare_cgroup = true;
	else
		p->clone_flags |= (uint64_t)(unsigned int)flag;
	if (flag == CLONE_NEWUSER)
		p->other_users = true;
	if (flag == CLONE_NEWNS)
		p->own_mount_namespace = true;
	if (flag == CLONE_NEWPID)
		p->own_pid_namespace = true;
}

bool plan_joins(const struct plan *p, int clone_flag)
{
	for (size_t i = 0; i < p->joins_len; i++)
		if (p->joins[i].clone_flag == clone_flag)
			return true;
	return false;
}

static int plan_namespaces(const struct spec_linux *linux_, struct plan *p, struct err *e)
{
	if (linux_->namespaces_len > PLAN_NAMESPACES_MAX)
		return err_set(e, -EINVAL, "linux.namespaces: more than %d", PLAN_NAMESPACES_MAX);
	for (size_t i = 0; i < linux_->namespaces_len; i++)
		plan_namespace(&linux_->namespaces[i], p);
	if (linux_->time_offsets_len) {
		if (!(p->clone_flags & CLONE_NEWTIME))
			return err_set(e, -EINVAL, "linux.timeOffsets: there is no new time namespace");
		p->clone_flags &= ~(uint64_t)CLONE_NEWTIME;
		p->unshare_time = true;
	}
	p->user_namespace = (p->clone_flags & CLONE_NEWUSER) != 0;
	if ((p->clone_flags & CLONE_NEWNET) && !p->other_users) {
		p->clone_flags &= ~(uint64_t)CLONE_NEWNET;
		p->network_beside = true;
	}
	if (p->user_namespace && !linux_->uid_mappings_len)
		return err_set(e, -EINVAL, "user namespaces enabled, but no uid mappings found in the spec");
	if (p->user_namespace && !linux_->gid_mappings_len)
		return err_set(e, -EINVAL, "user namespaces enabled, but no gid mappings found in the spec");
	if (!p->own_mount_namespace)
		return err_set(e, -EINVAL, "linux.namespaces: a mount namespace is needed");
	return 0;
}

/* True where the container gets a namespace of this kind, new or joined, and not the host's. */
static bool has_namespace(const struct runtime_spec *spec, int type)
{
	return spec_find_namespace(spec, type) != NULL;
}

static enum plan_mount_kind mount_kind(const struct spec_mount *m, const struct mount_options *options)
{
	if (options->bind || (m->type && strcmp(m->type, "bind") == 0))
		return PLAN_MOUNT_BIND;
	return m->type && strncmp(m->type, "cgroup", strlen("cgroup")) == 0 ? PLAN_MOUNT_CGROUP
									    : PLAN_MOUNT_FS;
}

/* A bind source that is not absolute is below the bundle. */
static int plan_source(const struct runtime_args *args, const struct spec_mount *m, struct plan_mount *p,
		       struct err *e)
{
	p->source = m->source ? m->source : p->fs_type;
	if (p->kind != PLAN_MOUNT_BIND)
		return 0;
	if (!m->source)
		return err_set(e, -EINVAL, "bind mount on '%s' has no source", m->destination);
	if (m->source[0] == '/')
		return 0;
	if (asprintf(&p->owned_source, "%s/%s", args->bundle ? args->bundle : "", m->source) < 0) {
		p->owned_source = NULL;
		return err_code(e, -ENOMEM, "mount on '%s'", m->destination);
	}
	p->source = p->owned_source;
	return 0;
}

/* Without mappings of its own a mount has those of the container's user namespace. */
static int plan_idmap(const struct runtime_args *args, const struct spec_mount *m, struct plan_mount *p,
		      struct err *e)
{
	bool mapped = m->uid_mappings_len || m->gid_mappings_len;

	if (!mapped && !p->options.idmap)
		return 0;
	if (p->kind != PLAN_MOUNT_BIND)
		return err_set(e, -EOPNOTSUPP, "mount on '%s': only bind mounts can be idmapped",
			       m->destination);
	if (mapped && !(m->uid_mappings_len && m->gid_mappings_len))
		return err_set(e, -EINVAL, "mount on '%s': uidMappings and gidMappings are needed both",
			       m->destination);
	if (!mapped && !has_namespace(args->spec, SPEC_NS_USER))
		return err_set(
			e, -EINVAL,
			"mount on '%s': 'idmap' without mappings takes a container with a user namespace",
			m->destination);
	p->idmapped = m;
	return 0;
}

/* linux.mountLabel is SELinux's context for the files of new file systems; proc and sysfs take none. mount(8). */
static int add_mount_label(const char *label, struct plan_mount *p, struct err *e)
{
	char *data = NULL;

	if (!label || p->kind != PLAN_MOUNT_FS || p->no_symlink || strcmp(p->fs_type, "mqueue") == 0)
		return 0;
	if (asprintf(&data, "%s%scontext=\"%s\"", p->options.data ? p->options.data : "",
		     p->options.data ? "," : "", label) < 0)
		return err_code(e, -ENOMEM, "mount on '%s'", p->target);
	free(p->options.data);
	p->options.data = data;
	return 0;
}

static int plan_mount(const struct runtime_args *args, const struct spec_mount *m, struct plan_mount *p,
		      struct err *e)
{
	int r = mount_options_parse(&m->options, &p->options, e);

	if (r < 0)
		return err_wrap(e, "mount on '%s'", m->destination);
	p->kind = mount_kind(m, &p->options);
	p->target = m->destination;
	p->fs_type = m->type;
	if (p->kind == PLAN_MOUNT_FS && !m->type)
		return err_set(e, -EINVAL, "mount on '%s' has no type", m->destination);
	p->no_symlink = p->kind == PLAN_MOUNT_FS && (!strcmp(m->type, "proc") || !strcmp(m->type, "sysfs"));
	r = add_mount_label(args->spec->linux_.mount_label, p, e);
	if (r == 0)
		r = plan_idmap(args, m, p, e);
	return r == 0 ? plan_source(args, m, p, e) : r;
}

/* "/dev" bound from the host is the host's: no nodes are made in it, no symlinks, no console. */
static bool is_host_dev(const struct plan_mount *p)
{
	return p->kind == PLAN_MOUNT_BIND && (!strcmp(p->target, "/dev") || !strcmp(p->target, "/dev/"));
}

static int plan_mounts(const struct runtime_args *args, struct plan *p, struct err *e)
{
	const struct runtime_spec *spec = args->spec;

	p->setup_dev = true;
	if (spec->mounts_len == 0)
		return 0;
	p->mounts = calloc(spec->mounts_len, sizeof(*p->mounts));
	if (!p->mounts)
		return err_code(e, -ENOMEM, "mounts");
	for (size_t i = 0; i < spec->mounts_len; i++) {
		int r = plan_mount(args, &spec->mounts[i], &p->mounts[i], e);

		p->mounts_len = i + 1; /* what a failure leaves in it is freed with the rest */
		if (r < 0)
			return r;
		if (is_host_dev(&p->mounts[i]))
			p->setup_dev = false;
	}
	return 0;
}

static int plan_rootfs(const struct runtime_args *args, struct plan *p, struct err *e)
{
	const char *path = args->overlay ? args->overlay->target : args->spec->root_path;
	const char *name = args->spec->linux_.rootfs_propagation;

	if (!path)
		return err_set(e, -EINVAL, "root: missing");
	if (path[0] == '/')
		p->rootfs = strdup(path);
	else if (asprintf(&p->rootfs, "%s/%s", args->bundle ? args->bundle : "", path) < 0)
		p->rootfs = NULL;
	if (!p->rootfs)
		return err_code(e, -ENOMEM, "rootfs");
	p->propagation = MS_SLAVE | MS_REC;
	if (name && *name) {
		p->propagation = mount_propagation_parse(name);
		if (!p->propagation)
			return err_set(e, -EINVAL, "linux.rootfsPropagation: unknown value '%s'", name);
	}
	return 0;
}

/* What would change the host if it were applied without a namespace. `name` is `written` with dots. */
static int check_sysctl(const struct runtime_spec *spec, const char *name, const char *written, struct err *e)
{
	static const char *const IPC[] = { "kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
					   "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
					   "kernel.shmmni", "kernel.shm_rmid_forced" };

	if (strncmp(name, "net.", 4) == 0) {
		if (has_namespace(spec, SPEC_NS_NETWORK))
			return 0;
		return err_set(e, -EINVAL, "sysctl '%s' is not allowed in the host's network namespace",
			       written);
	}
	if (strcmp(name, "kernel.domainname") == 0 || strcmp(name, "kernel.hostname") == 0) {
		if (has_namespace(spec, SPEC_NS_UTS))
			return 0;
		return err_set(e, -EINVAL, "sysctl '%s' is not allowed in the host's UTS namespace", written);
	}
	for (size_t i = 0; i <= ARRAY_LEN(IPC); i++) {
		bool match =
			i < ARRAY_LEN(IPC) ? strcmp(name, IPC[i]) == 0 : strncmp(name, "fs.mqueue.", 10) == 0;

		if (match && has_namespace(spec, SPEC_NS_IPC))
			return 0;
		if (match)
			return err_set(e, -EINVAL, "sysctl '%s' is not allowed in the host's IPC namespace",
				       written);
	}
	return err_set(e, -EINVAL, "sysctl '%s' is not in a separate kernel namespace", written);
}

/* "net/ipv4/conf/eth0.1/mtu" -> "net.ipv4.conf.eth0/1.mtu": which of the two separates is up to the writer. sysctl(8) */
static void separate_by_dots(char *name)
{
	if (!strchr(name, '/'))
		return;
	for (; *name; name++) {
		if (*name == '/')
			*name = '.';
		else if (*name == '.')
			*name = '/';
	}
}

static int check_sysctls(const struct runtime_spec *spec, struct err *e)
{
	const struct strvec *sysctl = &spec->linux_.sysctl;

	for (size_t i = 0; i < sysctl->len; i++) {
		size_t len = strcspn(sysctl->items[i], "=");
		cleanup_free char *written = strndup(sysctl->items[i], len);
		cleanup_free char *name = strndup(sysctl->items[i], len);
		int r;

		if (!name || !written)
			return err_code(e, -ENOMEM, "sysctl");
		if (strstr(name, ".."))
			return err_set(e, -EINVAL, "bad sysctl name '%s'", name);
		separate_by_dots(name);
		r = check_sysctl(spec, name, written, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_process(const struct runtime_args *args, struct err *e)
{
	const struct spec_process *process = args->spec->process;

	if (!process)
		return err_set(e, -EINVAL, "process: missing");
	if (process->args.len == 0)
		return err_set(e, -EINVAL, "process.args: must not be empty");
	if (!process->cwd || process->cwd[0] != '/')
		return err_set(e, -EINVAL, "process.cwd: must be an absolute path");
	if (process->terminal && args->separate_start && !args->console_socket)
		return err_set(e, -EINVAL,
			       "process.terminal is set: a console socket is needed to pass the terminal on");
	if (!process->terminal && args->console_socket)
		return err_set(e, -EINVAL, "a console socket is of use only with process.terminal");
	return 0;
}

/* What config.json may ask for and this version cannot give is an error: nothing is dropped in silence. */
static int check_unsupported(const struct runtime_spec *spec, struct err *e)
{
	const struct spec_linux *linux_ = &spec->linux_;
	const struct {
		bool wanted;
		const char *name;
	} FEATURES[] = {
		{ linux_->has_intel_rdt, "linux.intelRdt" },
		{ linux_->net_devices_len != 0, "linux.netDevices" },
		{ linux_->memory_policy != NULL, "linux.memoryPolicy" },
	};

	for (size_t i = 0; i < ARRAY_LEN(FEATURES); i++)
		if (FEATURES[i].wanted)
			return err_set(e, -EOPNOTSUPP, "%s is not supported", FEATURES[i].name);
	return 0;
}

static int check_rest(const struct runtime_spec *spec, struct err *e)
{
	if (spec->hostname && *spec->hostname && !has_namespace(spec, SPEC_NS_UTS))
		return err_set(e, -EINVAL, "unable to set hostname without a private UTS namespace");
	if (spec->domainname && *spec->domainname && !has_namespace(spec, SPEC_NS_UTS))
		return err_set(e, -EINVAL, "unable to set domainname without a private UTS namespace");
	return check_sysctls(spec, e);
}

int plan_make(const struct runtime_args *args, struct plan *ret, struct err *e)
{
	cleanup_plan struct plan p = { 0 };
	int r = check_process(args, e);

	if (r == 0)
		r = check_unsupported(args->spec, e);
	if (r == 0)
		r = check_rest(args->spec, e);
	if (r == 0)
		r = plan_namespaces(&args->spec->linux_, &p, e);
	if (r == 0)
		r = plan_rootfs(args, &p, e);
	if (r == 0)
		r = plan_mounts(args, &p, e);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct plan){ 0 };
	return 0;
}

void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->mounts_len; i++) {
		mount_options_done(&p->mounts[i].options);
		free(p->mounts[i].owned_source);
	}
	free(p->mounts);
	free(p->rootfs);
	*p = (struct plan){ 0 };
}
