/* SPDX-License-Identifier: Apache-2.0 */
/* Specs that we write ourselves, from tables. */
#include "oci/runtime_spec.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define MAX_OPTIONS 6

struct default_mount {
	const char *destination, *type, *source;
	const char *options[MAX_OPTIONS + 1];
};

/* --- steps; each returns 0 or -ENOMEM (strvec's -EFBIG is out of reach) --- */

static int set_text(char **member, const char *text)
{
	free(*member);
	*member = strdup(text);
	return *member ? 0 : -ENOMEM;
}

/* Appends `items`, which a NULL ends. */
static int add_all(struct strvec *v, const char *const *items)
{
	int r = 0;

	for (; *items && r == 0; items++)
		r = strvec_add(v, *items);
	return r;
}

static int add_mounts(struct runtime_spec *s, const struct default_mount *mounts, size_t len)
{
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++) {
		struct spec_mount *m =
			spec_add_mount(s, mounts[i].destination, mounts[i].type, mounts[i].source);

		r = m ? add_all(&m->options, mounts[i].options) : -ENOMEM;
	}
	return r;
}

static int add_namespaces(struct runtime_spec *s, const int *types, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!spec_add_namespace(s, types[i], NULL))
			return -ENOMEM;
	return 0;
}

/* A process in "/" with these capabilities: bounding, effective, permitted and, if asked for, ambient. */
static int add_process(struct runtime_spec *s, const char *const *caps, bool ambient)
{
	struct spec_process *p = calloc(1, sizeof(*p));
	struct spec_capabilities *c = calloc(1, sizeof(*c));
	int r;

	if (!p || !c) {
		free(p);
		free(c);
		return -ENOMEM;
	}
	s->process = p;
	p->capabilities = c;
	r = set_text(&p->cwd, "/");
	if (r == 0)
		r = add_all(&c->bounding, caps);
	if (r == 0)
		r = add_all(&c->effective, caps);
	if (r == 0)
		r = add_all(&c->permitted, caps);
	if (r == 0 && ambient)
		r = add_all(&c->ambient, caps);
	return r;
}

static int add_resources(struct runtime_spec *s)
{
	s->linux_.resources = calloc(1, sizeof(*s->linux_.resources));
	return s->linux_.resources ? 0 : -ENOMEM;
}

/* Empties a half-built spec. */
static int failed(struct runtime_spec *s, int r, struct err *e)
{
	runtime_spec_done(s);
	return err_code(e, r, "cannot build a runtime spec");
}

/* --- what both have --- */

static const char *const READONLY_PATHS[] = { "/proc/bus",           "/proc/fs", "/proc/irq", "/proc/sys",
					      "/proc/sysrq-trigger", NULL };

/* clang-format off */
#define MOUNT_DEV    { "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } }
#define MOUNT_DEVPTS { "/dev/pts", "devpts", "devpts", \
		       { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } }
#define MOUNT_MQUEUE { "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } }
#define MOUNT_SYSFS  { "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } }
/* clang-format on */

/* --- `spec` --- */

static const struct default_mount EXAMPLE_MOUNTS[] = {
	{ "/proc", "proc", "proc", { NULL } },
	MOUNT_DEV,
	MOUNT_DEVPTS,
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } },
	MOUNT_MQUEUE,
	MOUNT_SYSFS,
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" } },
};

static const char *const EXAMPLE_MASKED[] = { "/proc/acpi",
					      "/proc/asound",
					      "/proc/kcore",
					      "/proc/keys",
					      "/proc/latency_stats",
					      "/proc/timer_list",
					      "/proc/timer_stats",
					      "/proc/sched_debug",
					      "/sys/firmware",
					      "/proc/scsi",
					      NULL };

static int fill_example_process(struct runtime_spec *s)
{
	static const char *const caps[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL };
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", NULL
	};
	int r = add_process(s, caps, true);

	if (r < 0)
		return r;
	s->process->terminal = true;
	s->process->no_new_privileges = true;
	if (!spec_add_rlimit(s->process, "RLIMIT_NOFILE", 1024, 1024))
		return -ENOMEM;
	r = strvec_add(&s->process->args, "sh");
	return r < 0 ? r : add_all(&s->process->env, env);
}

static int fill_example(struct runtime_spec *s)
{
	static const int namespaces[] = { SPEC_NS_PID, SPEC_NS_NETWORK, SPEC_NS_IPC, SPEC_NS_UTS,
					  SPEC_NS_MOUNT };
	int r = set_text(&s->oci_version, "1.0.2-dev");

	if (r == 0)
		r = set_text(&s->root_path, "rootfs");
	s->root_readonly = true;
	if (r == 0)
		r = set_text(&s->hostname, "sampan");
	if (r == 0)
		r = fill_example_process(s);
	if (r == 0)
		r = add_mounts(s, EXAMPLE_MOUNTS, ARRAY_LEN(EXAMPLE_MOUNTS));
	if (r == 0)
		r = add_resources(s);
	if (r == 0 && !spec_add_device_rule(s->linux_.resources, false, 'a', -1, -1, "rwm"))
		r = -ENOMEM;
	if (r == 0)
		r = add_namespaces(s, namespaces, ARRAY_LEN(namespaces));
	if (r == 0)
		r = add_all(&s->linux_.masked_paths, EXAMPLE_MASKED);
	return r < 0 ? r : add_all(&s->linux_.readonly_paths, READONLY_PATHS);
}

int runtime_spec_example(struct runtime_spec *ret, struct err *e)
{
	int r;

	*ret = (struct runtime_spec){ 0 };
	r = fill_example(ret);
	return r < 0 ? failed(ret, r, e) : 0;
}

/* --- `spec --rootless` --- */

/* sysfs can only be mounted by the owner of the network namespace, which is the host's here. */
static int bind_sys(struct spec_mount *m)
{
	static const char *const options[] = { "rbind", "nosuid", "noexec", "nodev", "ro", NULL };
	int r = set_text(&m->type, "none");

	strvec_done(&m->options);
	if (r == 0)
		r = set_text(&m->source, "/sys");
	return r < 0 ? r : add_all(&m->options, options);
}

/* A user without subordinate IDs has one ID: options that name others cannot work. */
static void drop_id_options(struct strvec *options)
{
	for (size_t i = options->len; i-- > 0;)
		if (strncmp(options->items[i], "gid=", 4) == 0 || strncmp(options->items[i], "uid=", 4) == 0)
			strvec_remove(options, i);
}

static int map_to_root(struct spec_id_mapping **mappings, size_t *len, uint32_t host_id)
{
	free(*mappings);
	*len = 0;
	*mappings = calloc(1, sizeof(**mappings));
	if (!*mappings)
		return -ENOMEM;
	(*mappings)[0] = (struct spec_id_mapping){ .host_id = host_id, .size = 1 };
	*len = 1;
	return 0;
}

int runtime_spec_make_rootless(struct runtime_spec *s, uint32_t uid, uint32_t gid, struct err *e)
{
	struct runtime_spec emptied = { .linux_.resources = s->linux_.resources };
	int r = 0;

	spec_remove_namespace(s, SPEC_NS_NETWORK);
	spec_remove_namespace(s, SPEC_NS_USER);
	for (size_t i = 0; i < s->mounts_len && r == 0; i++) {
		if (strcmp(s->mounts[i].destination, "/sys") == 0)
			r = bind_sys(&s->mounts[i]);
		else
			drop_id_options(&s->mounts[i].options);
	}
	s->linux_.resources = NULL;
	runtime_spec_done(&emptied);
	if (r == 0 && !spec_add_namespace(s, SPEC_NS_USER, NULL))
		r = -ENOMEM;
	if (r == 0)
		r = map_to_root(&s->linux_.uid_mappings, &s->linux_.uid_mappings_len, uid);
	if (r == 0)
		r = map_to_root(&s->linux_.gid_mappings, &s->linux_.gid_mappings_len, gid);
	return r < 0 ? err_code(e, r, "cannot make the spec rootless") : 0;
}

/* Only who owns the namespace that it shows may mount procfs or sysfs. */
static int bind_kernel_fs(struct runtime_spec *s, int namespace, const char *path, struct err *e)
{
	static const char *const OPTIONS[] = { "rbind", "rslave", "nosuid", "noexec", "nodev" };
	const struct spec_namespace *ns = spec_find_namespace(s, namespace);
	struct spec_mount *m = spec_find_mount(s, path);
	int r = 0;

	if ((ns && !ns->path) || !m || (m->type && strcmp(m->type, "bind") == 0))
		return 0;
	free(m->type);
	free(m->source);
	m->type = strdup("bind");
	m->source = strdup(path);
	strvec_done(&m->options);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(OPTIONS); i++)
		r = strvec_add(&m->options, OPTIONS[i]);
	if (r == 0 && namespace == SPEC_NS_NETWORK)
		r = strvec_add(&m->options, "ro");
	return r < 0 || !m->type || !m->source ? err_code(e, -ENOMEM, "cannot build a runtime spec") : 0;
}

int runtime_spec_bind_kernel_fs(struct runtime_spec *s, struct err *e)
{
	int r = bind_kernel_fs(s, SPEC_NS_NETWORK, "/sys", e);

	return r == 0 ? bind_kernel_fs(s, SPEC_NS_PID, "/proc", e) : r;
}

/* --- what Docker gives a container --- */

static const struct default_mount DOCKER_MOUNTS[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	MOUNT_DEV,
	MOUNT_DEVPTS,
	MOUNT_SYSFS,
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "ro", "nosuid", "noexec", "nodev" } },
	MOUNT_MQUEUE,
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=67108864" } },
};

static const char *const DOCKER_MASKED[] = { "/proc/asound",
					     "/proc/acpi",
					     "/proc/interrupts",
					     "/proc/kcore",
					     "/proc/keys",
					     "/proc/latency_stats",
					     "/proc/timer_list",
					     "/proc/timer_stats",
					     "/proc/sched_debug",
					     "/proc/scsi",
					     "/sys/firmware",
					     "/sys/devices/virtual/powercap",
					     NULL };

static const char *const DOCKER_CAPABILITIES[] = { "CAP_CHOWN",
						   "CAP_DAC_OVERRIDE",
						   "CAP_FSETID",
						   "CAP_FOWNER",
						   "CAP_MKNOD",
						   "CAP_NET_RAW",
						   "CAP_SETGID",
						   "CAP_SETUID",
						   "CAP_SETFCAP",
						   "CAP_SETPCAP",
						   "CAP_NET_BIND_SERVICE",
						   "CAP_SYS_CHROOT",
						   "CAP_KILL",
						   "CAP_AUDIT_WRITE",
						   NULL };

/* Docker's rules, and behind them what runc adds on its own: mknod of anything (access is another matter), the
 * terminals, and net/tun left out as runc has since 1.2. */
static int add_docker_device_rules(struct spec_resources *r)
{
	static const struct {
		bool allow;
		char type;
		int major, minor;
		const char *access;
	} rules[] = {
		{ false, 'a', -1, -1, "rwm" },  /* nothing but */
		{ true, 'c', 1, 5, "rwm" },     /* zero */
		{ true, 'c', 1, 3, "rwm" },     /* null */
		{ true, 'c', 1, 9, "rwm" },     /* urandom */
		{ true, 'c', 1, 8, "rwm" },     /* random */
		{ true, 'c', 1, 7, "rwm" },     /* full */
		{ true, 'c', 5, 0, "rwm" },     /* tty */
		{ true, 'c', 5, 1, "rwm" },     /* console */
		{ false, 'c', 10, 229, "rwm" }, /* fuse */
		{ true, 'c', -1, -1, "m" },     { true, 'b', -1, -1, "m" },
		{ true, 'c', 136, -1, "rwm" }, /* pts */
		{ true, 'c', 5, 2, "rwm" },    /* ptmx */
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (!spec_add_device_rule(r, rules[i].allow, rules[i].type, rules[i].major, rules[i].minor,
					  rules[i].access))
			return -ENOMEM;
	return 0;
}

static int fill_docker(struct runtime_spec *s)
{
	static const int namespaces[] = { SPEC_NS_MOUNT, SPEC_NS_NETWORK, SPEC_NS_UTS,
					  SPEC_NS_PID,   SPEC_NS_IPC,     SPEC_NS_CGROUP };
	int r = set_text(&s->oci_version, "1.0.2");

	if (r == 0)
		r = set_text(&s->root_path, "rootfs");
	if (r == 0)
		r = add_process(s, DOCKER_CAPABILITIES, false);
	if (r == 0)
		r = add_mounts(s, DOCKER_MOUNTS, ARRAY_LEN(DOCKER_MOUNTS));
	if (r == 0)
		r = add_resources(s);
	if (r == 0)
		r = add_docker_device_rules(s->linux_.resources);
	if (r == 0)
		r = add_namespaces(s, namespaces, ARRAY_LEN(namespaces));
	if (r == 0)
		r = add_all(&s->linux_.masked_paths, DOCKER_MASKED);
	return r < 0 ? r : add_all(&s->linux_.readonly_paths, READONLY_PATHS);
}

int runtime_spec_docker_default(struct runtime_spec *ret, struct err *e)
{
	int r;

	*ret = (struct runtime_spec){ 0 };
	r = fill_docker(ret);
	return r < 0 ? failed(ret, r, e) : 0;
}
