/* SPDX-License-Identifier: Apache-2.0 */
/* RUN: a container of runtime/, whose upper directory becomes the layer. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "build/execution.h"
#include "build/leftovers.h"
#include "build/mount_stubs.h"
#include "build/owner.h"
#include "build/run_binds.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "oci/overlay.h"
#include "oci/seccomp_default.h"
#include "runtime/capabilities.h"
#include "runtime/runtime.h"

#define HOSTNAME       "buildkitsandbox" /* BuildKit's: builds write it into what they make */
#define PROGRAMS_DIR   "/dev/pipes/"
#define HOSTS_MAX      (1u << 20)
#define COMMAND_SHOWN  200                                        /* bytes of it in a message */
#define RESOLV_DEFAULT "nameserver 8.8.8.8\nnameserver 8.8.4.4\n" /* docker's, where the host has none */

/* A container in the making. */
struct running {
	const struct step_place *place;
	const struct plan_run *run;
	struct runtime_spec spec;
	struct run_binds binds;
	struct mount_stubs stubs;
	char *bundle;
	char id[96];
};

static void running_done(struct running *r)
{
	runtime_spec_done(&r->spec);
	run_binds_done(&r->binds);
	mount_stubs_done(&r->stubs);
	free(r->bundle);
}
#define cleanup_running __attribute__((cleanup(running_done)))

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot prepare a command");
}

static int set_text(char **member, const char *text, struct err *e)
{
	free(*member);
	*member = strdup(text);
	return *member ? 0 : no_memory(e);
}

/* --- the process ------------------------------------------------------------------------------------------ */

static int set_process(struct running *c, struct err *e)
{
	struct spec_process *p = c->spec.process;
	cleanup_free char *home = NULL;
	int r = strvec_add_all(&p->args, &c->run->argv);

	if (r == 0)
		r = strvec_add_all(&p->env, &c->run->env);
	for (size_t i = 0; r == 0 && i < c->run->proxy_env.len; i++)
		r = strvec_set_env(&p->env, c->run->proxy_env.items[i]);
	if (r < 0)
		return no_memory(e);
	r = owner_of_process(c->place->below_fd, c->run->user, &p->user, &home, e);
	if (r == 0 && !strvec_get_env(&p->env, "HOME")) {
		cleanup_free char *text = NULL;

		if (asprintf(&text, "HOME=%s", home) < 0) {
			text = NULL;
			return no_memory(e);
		}
		r = strvec_add(&p->env, text) < 0 ? no_memory(e) : 0;
	}
	return r < 0 ? r : set_text(&p->cwd, c->run->cwd, e);
}

/* --- what it may and may not -------------------------------------------------------------------------------- */

/* All of our own bounding set: what we do not have we cannot give. */
static int add_all_capabilities(struct strvec *to)
{
	const char *name;
	int r = 0;

	for (int n = 0; r == 0 && (name = capability_name(n)); n++)
		if (prctl(PR_CAPBSET_READ, (unsigned long)n, 0UL, 0UL, 0UL) == 1)
			r = strvec_add(to, name);
	return r;
}

static int set_insecure(struct running *c, struct err *e)
{
	static const char *const WRITABLE[] = { "/sys", "/sys/fs/cgroup" };
	struct spec_capabilities *caps = c->spec.process->capabilities;
	struct strvec *const sets[] = { &caps->bounding, &caps->effective, &caps->permitted };

	if (!c->place->x->params->allow_insecure)
		return err_set(e, -EACCES,
			       "security.insecure is not allowed (build with --allow security.insecure)");
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		strvec_done(sets[i]);
		if (add_all_capabilities(sets[i]) < 0)
			return no_memory(e);
	}
	strvec_done(&c->spec.linux_.masked_paths);
	strvec_done(&c->spec.linux_.readonly_paths);
	for (size_t i = 0; i < ARRAY_LEN(WRITABLE); i++) {
		struct spec_mount *m = spec_find_mount(&c->spec, WRITABLE[i]);

		for (size_t n = m ? m->options.len : 0; n > 0; n--)
			if (strcmp(m->options.items[n - 1], "ro") == 0)
				strvec_remove(&m->options, n - 1);
	}
	return spec_add_device_rule(c->spec.linux_.resources, true, 'a', -1, -1, "rwm") ? 0 : no_memory(e);
}

static int set_security(struct running *c, struct err *e)
{
	if (c->run->insecure)
		return set_insecure(c, e);
	return spec_seccomp_default(&c->spec.process->capabilities->bounding, &c->spec.linux_.seccomp, e);
}

static int set_network(struct running *c, struct err *e)
{
	const struct build_params *p = c->place->x->params;
	const char *mode = c->run->network;

	if (strcmp(mode, "host") == 0 && !p->allow_host_network)
		return err_set(e, -EACCES, "network.host is not allowed (build with --allow network.host)");
	if (strcmp(mode, "default") == 0 && p->limits.network)
		mode = p->limits.network;
	if (strcmp(mode, "none") != 0)
		spec_remove_namespace(&c->spec, SPEC_NS_NETWORK);
	return 0;
}

static int set_resources(struct running *c, const struct spec_resources *from, struct err *e)
{
	struct spec_resources *to = c->spec.linux_.resources;
	struct spec_resources all = *from; /* without lists: those of devices stay */

	all.devices = to->devices;
	all.devices_len = to->devices_len;
	all.cpu_cpus = from->cpu_cpus ? strdup(from->cpu_cpus) : NULL;
	all.cpu_mems = from->cpu_mems ? strdup(from->cpu_mems) : NULL;
	*to = all;
	return (from->cpu_cpus && !to->cpu_cpus) || (from->cpu_mems && !to->cpu_mems) ? no_memory(e) : 0;
}

static int set_shm_size(struct running *c, uint64_t bytes, struct err *e)
{
	struct spec_mount *shm = spec_find_mount(&c->spec, "/dev/shm");

	if (bytes == 0 || !shm)
		return 0;
	for (size_t i = shm->options.len; i > 0; i--)
		if (strncmp(shm->options.items[i - 1], "size=", 5) == 0)
			strvec_remove(&shm->options, i - 1);
	return strvec_addf(&shm->options, "size=%llu", (unsigned long long)bytes) < 0 ? no_memory(e) : 0;
}

static int set_cgroup(struct running *c, const char *parent, struct err *e)
{
	if (!parent)
		return 0;
	free(c->spec.linux_.cgroups_path);
	if (asprintf(&c->spec.linux_.cgroups_path, "%s/%s", parent, c->id) < 0) {
		c->spec.linux_.cgroups_path = NULL;
		return no_memory(e);
	}
	return 0;
}

static int set_limits(struct running *c, struct err *e)
{
	const struct build_limits *l = &c->place->x->params->limits;
	int r = set_resources(c, &l->resources, e);

	for (size_t i = 0; r == 0 && i < l->rlimits_len; i++)
		if (!spec_add_rlimit(c->spec.process, l->rlimits[i].type, l->rlimits[i].soft,
				     l->rlimits[i].hard))
			r = no_memory(e);
	if (r == 0)
		r = set_shm_size(c, l->shm_bytes, e);
	return r < 0 ? r : set_cgroup(c, l->cgroup_parent, e);
}

/* What is not there is no error unless it is required. */
static int set_device(struct running *c, const struct run_device *d, struct err *e)
{
	const struct build_params *p = c->place->x->params;
	const char *name = d->name ? d->name : "";
	const char *allowed = device_allow_find(p->allow_devices, name);
	int r = p->add_device ? p->add_device(allowed ? allowed : name, &c->spec, e)
			      : err_set(e, -ENOENT, "unresolvable CDI devices %s", name);

	if (r == -ENOENT && !d->required)
		return 0;
	if (r == 0 && !allowed)
		return err_set(e, -EACCES, "device %s is not allowed (build with --allow device=%s)", name,
			       name);
	return r;
}

static int set_devices(struct running *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->run->devices_len; i++)
		r = set_device(c, &c->run->devices[i], e);
	return r;
}

/* --- files of ours ------------------------------------------------------------------------------------------ */

static int add_hosts(struct running *c, struct err *e)
{
	const struct strvec *hosts = c->place->x->params->limits.add_hosts;
	cleanup_buf struct buf text = BUF_INIT(HOSTS_MAX);
	int r = buf_add_str(&text,
			    "127.0.0.1\tlocalhost " HOSTNAME "\n::1\tlocalhost ip6-localhost ip6-loopback\n");

	for (size_t i = 0; r == 0 && hosts && i < hosts->len; i++) {
		const char *host = hosts->items[i];
		size_t name = strcspn(host, ":=");

		r = buf_printf(&text, "%s\t%.*s\n", host[name] ? host + name + 1 : "", (int)name, host);
	}
	return r < 0 ? no_memory(e) : run_binds_add_file(&c->binds, "/etc/hosts", text.data, 0644, e);
}

static int add_resolv_conf(struct running *c, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(HOSTS_MAX);
	struct err ignored;
	int r = file_read(AT_FDCWD, "/etc/resolv.conf", &text, &ignored);

	if ((r < 0 || text.len == 0) && buf_add_str(&text, RESOLV_DEFAULT) < 0)
		return no_memory(e);
	return run_binds_add_file(&c->binds, "/etc/resolv.conf", text.data, 0644, e);
}

static int add_program(struct running *c, struct err *e)
{
	cleanup_free char *path = NULL;

	if (!c->run->program_name)
		return 0;
	if (asprintf(&path, PROGRAMS_DIR "%s", c->run->program_name) < 0) {
		path = NULL;
		return no_memory(e);
	}
	return run_binds_add_file(&c->binds, path, c->run->program_text, 0755, e);
}

/* --- the whole ---------------------------------------------------------------------------------------------- */

static int make_spec(struct running *c, struct err *e)
{
	int r = runtime_spec_docker_default(&c->spec, e);

	if (r == 0)
		r = set_text(&c->spec.hostname, HOSTNAME, e);
	if (r == 0)
		r = set_process(c, e);
	if (r == 0)
		r = set_security(c, e);
	if (r == 0)
		r = set_network(c, e);
	if (r == 0 && process_in_user_namespace())
		r = runtime_spec_bind_kernel_fs(&c->spec, e);
	if (r == 0)
		r = set_limits(c, e);
	if (r == 0)
		r = set_devices(c, e);
	if (r == 0)
		r = add_hosts(c, e);
	if (r == 0)
		r = add_resolv_conf(c, e);
	if (r == 0)
		r = add_program(c, e);
	if (r == 0)
		r = run_binds_add(&c->binds, e);
	for (size_t i = 0; r == 0 && i < c->spec.mounts_len; i++)
		r = mount_stubs_add(&c->stubs, c->place->below_fd, c->spec.mounts[i].destination, e);
	return r;
}

static int run(struct running *c, int *ret_status, struct err *e)
{
	const struct runtime_args args = { .state_root = c->bundle,
					   .id = c->id,
					   .bundle = c->bundle,
					   .spec = &c->spec,
					   .overlay = c->place->overlay,
					   .start_at_once = true,
					   .foreground = true };
	cleanup_runtime_container struct runtime_container container = RUNTIME_CONTAINER_EMPTY;
	struct err ignored;
	int r = runtime_create(&args, &container, e);

	if (r < 0)
		return r;
	r = runtime_start(&args, &container, e);
	if (r == 0) {
		r = process_wait(container.pidfd, ret_status);
		if (r < 0)
			(void)err_code(e, r, "cannot wait for it");
	}
	if (r < 0)
		IGNORE_RESULT(runtime_delete(args.state_root, args.id, true, &ignored));
	else
		r = runtime_delete_ended(&args, &container, e);
	return r;
}

/* As BuildKit shows it: its words with blanks between them. What is too long for a message is cut. */
static void show_command(const struct plan_run *run, char ret[COMMAND_SHOWN + sizeof("...")])
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < run->argv.len && len <= COMMAND_SHOWN; i++)
		len += (size_t)snprintf(ret + len, COMMAND_SHOWN + 1 - len, "%s%s", i ? " " : "",
					run->argv.items[i]);
	if (len > COMMAND_SHOWN)
		(void)snprintf(ret + COMMAND_SHOWN, sizeof("..."), "...");
}

static int command_failed(const struct running *c, const char *why, int code, struct err *e)
{
	char text[COMMAND_SHOWN + sizeof("...")];

	show_command(c->run, text);
	return err_set(e, code, "process \"%s\" did not complete successfully: %s", text, why);
}

static int judge(const struct running *c, int status, int32_t *ret_exit, struct err *e)
{
	char why[32];

	*ret_exit = process_exit_code(status);
	if (*ret_exit == 0)
		return 0;
	(void)snprintf(why, sizeof(why), "exit code: %d", (int)*ret_exit);
	return command_failed(c, why, -ECHILD, e);
}

static int remove_stubs(const struct running *c, struct err *e)
{
	cleanup_fd int upper_fd = open(c->place->overlay->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (upper_fd < 0)
		return err_errno(e, "cannot open '%s'", c->place->overlay->upper);
	mount_stubs_remove(&c->stubs, c->place->below_fd, upper_fd);
	return 0;
}

/* An overlay has something below: of an empty stage an empty directory. */
static int set_lower(const struct step_place *p, struct err *e)
{
	if (p->overlay->lower.len > 0)
		return 0;
	/* Its own mount point is one. */
	return strvec_add(&p->overlay->lower, p->overlay->target) < 0 ? no_memory(e) : 0;
}

int step_run_make(const struct step_place *p, int32_t *ret_exit, struct err *e)
{
	cleanup_running struct running c = { .place = p, .run = &p->step->run };
	const struct build *b = p->x->build;
	int status = 0, r = set_lower(p, e);

	c.binds = (struct run_binds){ .place = p, .spec = &c.spec };
	(void)snprintf(c.id, sizeof(c.id), "build-%s-%s", b->staging.name, p->job->name);
	if (r == 0 && asprintf(&c.bundle, "%s/staging/%s/%s" LEFTOVERS_STATE_SUFFIX,
			       store_root_path(b->store), b->staging.name, p->job->name) < 0) {
		c.bundle = NULL;
		r = no_memory(e);
	}
	if (r == 0)
		r = make_spec(&c, e);
	if (r < 0)
		return r;
	r = run(&c, &status, e);
	if (r < 0 && strstr(e->text, "exec: \"")) {
		const struct err cause = *e;

		return command_failed(&c, cause.text, r, e);
	}
	if (r < 0)
		return r;
	r = judge(&c, status, ret_exit, e);
	return r < 0 ? r : remove_stubs(&c, e);
}
