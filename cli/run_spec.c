/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_spec.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_cdi.h"
#include "cli/run_devices.h"
#include "cli/run_env.h"
#include "cli/run_mount_text.h"
#include "cli/run_namespaces.h"
#include "cli/run_resources.h"
#include "cli/run_security.h"
#include "oci/image_user.h"
#include "common/cleanup.h"
#include "oci/cdi.h"

#define SHORT_ID_LEN 12

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static int set_text(char **member, const char *text, struct err *e)
{
	free(*member);
	*member = strdup(text);
	return *member ? 0 : no_memory(e);
}

int run_args(const struct run_flags *f, const struct image_config *image, const struct strvec *args,
	     struct strvec *ret, struct err *e)
{
	const struct strvec *tail = args;
	int r = 0;

	if (f->entrypoint) {
		if (f->entrypoint[0])
			r = strvec_add(ret, f->entrypoint);
	} else {
		r = strvec_add_all(ret, &image->entrypoint);
		if (args->len == 0)
			tail = &image->cmd;
	}
	if (r == 0)
		r = strvec_add_all(ret, tail);
	if (r < 0)
		return no_memory(e);
	if (ret->len == 0)
		return err_set(e, -EINVAL, "no command specified");
	return 0;
}

int run_mounts_from_flags(const struct run_flags *f, struct run_mounts *ret, struct err *e)
{
	cleanup_free char *here = getcwd(NULL, 0);
	int r = 0;

	if (!here)
		return err_errno(e, "cannot find out the working directory");
	for (size_t i = 0; r == 0 && i < f->volumes.len; i++)
		r = run_mounts_add_volume(ret, f->volumes.items[i], here, e);
	for (size_t i = 0; r == 0 && i < f->mounts.len; i++) {
		r = run_mounts_add_mount(ret, f->mounts.items[i], here, e);
		if (r < 0)
			return err_wrap(e, "invalid argument \"%s\" for \"--mount\" flag",
					f->mounts.items[i]);
	}
	for (size_t i = 0; r == 0 && i < f->tmpfs.len; i++)
		r = run_mounts_add_tmpfs(ret, f->tmpfs.items[i], e);
	return r == 0 ? run_mounts_check(ret, e) : r;
}

const char *run_hostname(const struct run_flags *f, const struct run_context *c, char out[64])
{
	if (f->hostname)
		return f->hostname;
	if (f->network.mode == NETWORK_HOST || (f->uts && strcmp(f->uts, "host") == 0))
		return c->host_name;
	(void)snprintf(out, 64, "%.*s", SHORT_ID_LEN, c->id);
	return out;
}

static int set_process(const struct run_flags *f, const struct image_config *image,
		       const struct run_context *c, const char *hostname, struct spec_process *p,
		       struct err *e)
{
	const char *who = f->user ? f->user : c->user ? c->user : image->user ? image->user : "";
	const char *workdir = f->workdir ? f->workdir : image->working_dir;
	cleanup_free char *home = NULL;
	int r = run_args(f, image, c->args, &p->args, e);

	if (r == 0)
		r = image_user_resolve(who, c->passwd, c->group, &f->groups, &p->user, &home, e);
	if (r == 0) {
		const struct run_env_sources sources = { .hostname = hostname,
							 .home = home,
							 .tty = f->tty,
							 .image = &image->env,
							 .files = &f->env_files,
							 .flags = &f->env,
							 .own = c->env };

		r = run_env_build(&sources, &p->env, e);
	}
	if (r < 0)
		return r;
	p->terminal = f->tty;
	free(p->cwd);
	p->cwd = run_clean_path(workdir ? workdir : "/");
	return p->cwd ? 0 : no_memory(e);
}

/* Where the cgroup goes: an absolute --cgroup-parent counts from the top of the hierarchy, another from our own place. */
static int set_cgroup(const struct run_flags *f, const struct run_context *c, struct runtime_spec *s,
		      struct err *e)
{
	if (!f->cgroup_parent || !f->cgroup_parent[0])
		return 0;
	if (strstr(f->cgroup_parent, ".."))
		return err_set(e, -EINVAL, "invalid --cgroup-parent: '%s'", f->cgroup_parent);
	free(s->linux_.cgroups_path);
	if (asprintf(&s->linux_.cgroups_path, "%s/%s", f->cgroup_parent, c->id) < 0) {
		s->linux_.cgroups_path = NULL;
		return no_memory(e);
	}
	return 0;
}

static int replace_option(struct strvec *options, const char *old, const char *replacement)
{
	for (size_t i = 0; i < options->len; i++) {
		if (strcmp(options->items[i], old) == 0) {
			strvec_remove(options, i);
			return strvec_add(options, replacement);
		}
	}
	return 0;
}

static int set_privileged(struct runtime_spec *s, struct err *e)
{
	static const char *const WRITABLE[] = { "/sys", "/sys/fs/cgroup" };
	struct spec_mount *m;

	for (size_t i = 0; i < ARRAY_LEN(WRITABLE); i++) {
		m = spec_find_mount(s, WRITABLE[i]);
		if (m && replace_option(&m->options, "ro", "rw") < 0)
			return no_memory(e);
	}
	return run_devices_add_all(s, e);
}

static int set_shm_size(const struct run_flags *f, struct runtime_spec *s, struct err *e)
{
	struct spec_mount *m = spec_find_mount(s, "/dev/shm");

	if (!f->shm_size.set || !m)
		return 0;
	for (size_t i = m->options.len; i > 0; i--)
		if (strncmp(m->options.items[i - 1], "size=", 5) == 0)
			strvec_remove(&m->options, i - 1);
	return strvec_addf(&m->options, "size=%llu", (unsigned long long)f->shm_size.value) < 0 ? no_memory(e)
												: 0;
}

static int add_annotations(const struct run_flags *f, struct runtime_spec *s, struct err *e)
{
	for (size_t i = 0; i < f->annotations.len; i++) {
		const char *text = f->annotations.items[i];

		if (!strchr(text, '=') || text[0] == '=')
			return err_set(e, -EINVAL, "invalid annotation '%s': expected KEY=VALUE", text);
		if (strvec_set_env(&s->annotations, text) < 0)
			return no_memory(e);
	}
	return 0;
}

static int set_labels(struct strvec *ret, const struct strvec *labels)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < labels->len; i++)
		r = strvec_set_env(ret, labels->items[i]);
	return r;
}

int run_spec_labels(const struct run_flags *f, const struct image_config *image, struct strvec *ret,
		    struct err *e)
{
	int r = set_labels(ret, &image->labels);

	if (r == 0)
		r = set_labels(ret, &f->file_labels);
	for (size_t i = 0; r == 0 && i < f->labels.len; i++) {
		cleanup_free char *bare = NULL;
		const char *label = f->labels.items[i];

		if (!strchr(label, '=')) {
			if (asprintf(&bare, "%s=", label) < 0) {
				bare = NULL;
				return no_memory(e);
			}
			label = bare;
		}
		if (label[0] == '=')
			return err_set(e, -EINVAL, "invalid label: '%s'", label);
		r = strvec_set_env(ret, label);
	}
	return r < 0 ? no_memory(e) : 0;
}

/* image-spec conversion.md: labels and what has no place of its own in a runtime spec become annotations. */
static int set_annotations(const struct run_flags *f, const struct image_config *image,
			   struct runtime_spec *s, struct err *e)
{
	const char *stop = f->stop_signal ? f->stop_signal : image->stop_signal;
	int r = 0;

	if (stop && strvec_addf(&s->annotations, "org.opencontainers.image.stopSignal=%s", stop) < 0)
		return no_memory(e);
	r = run_spec_labels(f, image, &s->annotations, e);
	return r < 0 ? r : add_annotations(f, s, e);
}

static int set_host(const struct run_flags *f, const struct run_context *c, const char *hostname,
		    struct runtime_spec *s, struct err *e)
{
	int r = set_text(&s->hostname, hostname, e);

	if (r == 0 && f->domainname)
		r = set_text(&s->domainname, f->domainname, e);
	if (f->network.mode == NETWORK_HOST)
		spec_remove_namespace(s, SPEC_NS_NETWORK);
	return r == 0 ? set_cgroup(f, c, s, e) : r;
}

static int add_devices(const struct run_flags *f, struct runtime_spec *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->devices.len; i++)
		r = cdi_name_ok(f->devices.items[i]) ? 0 : run_device_add(s, f->devices.items[i], e);
	return r == 0 ? run_cdi_apply(f, s, e) : r;
}

static int fill(const struct run_flags *f, const struct image_config *image, const struct run_context *c,
		struct run_mounts *mounts, struct runtime_spec *s, struct err *e)
{
	char short_id[64];
	const char *hostname = run_hostname(f, c, short_id);
	int r = runtime_spec_docker_default(s, e);

	if (r == 0)
		r = set_process(f, image, c, hostname, s->process, e);
	if (r == 0)
		r = set_host(f, c, hostname, s, e);
	if (r == 0)
		r = run_resources_apply(f, s, e);
	if (r == 0)
		r = run_security_apply(f, s, e);
	if (r == 0 && f->privileged)
		r = set_privileged(s, e);
	if (r == 0)
		r = add_devices(f, s, e);
	if (r == 0)
		r = set_shm_size(f, s, e);
	if (r == 0)
		r = set_annotations(f, image, s, e);
	if (r == 0)
		r = run_namespaces_apply(f, s, e);
	if (r == 0 && c->rootfs)
		r = set_text(&s->root_path, c->rootfs, e);
	s->root_readonly = f->read_only;
	return r == 0 ? run_mounts_apply(mounts, s, e) : r;
}

int run_spec_build(const struct run_flags *f, const struct image_config *image, const struct run_context *c,
		   struct run_mounts *mounts, struct runtime_spec *ret, struct err *e)
{
	cleanup_runtime_spec struct runtime_spec s = { 0 };
	int r = fill(f, image, c, mounts, &s, e);

	if (r < 0)
		return r;
	*ret = s;
	s = (struct runtime_spec){ 0 };
	return 0;
}
