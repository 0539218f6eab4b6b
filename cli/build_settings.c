/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_cdi.h"
#include "cli/run_resources.h"
#include "common/cleanup.h"
#include "oci/cdi.h"

void build_settings_done(struct build_settings *s)
{
	strvec_done(&s->args);
	build_secrets_done(&s->secrets);
	device_allow_done(&s->devices);
	runtime_spec_done(&s->limits);
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot build");
}

/* "NAME" alone is our environment's; what that does not have is not given. */
static int read_args(const struct build_flags *f, struct strvec *ret, struct err *e)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int r = 0;

	if (f->timestamp.set)
		r = strvec_addf(ret, "SOURCE_DATE_EPOCH=%lld", (long long)f->timestamp.value);
	else if (epoch && *epoch)
		r = strvec_addf(ret, "SOURCE_DATE_EPOCH=%s", epoch);
	for (size_t i = 0; r == 0 && i < f->build_args.len; i++) {
		const char *text = f->build_args.items[i];
		const char *value = strchr(text, '=') ? NULL : getenv(text);

		if (strchr(text, '='))
			r = strvec_set_env(ret, text);
		else if (value)
			r = strvec_addf(ret, "%s=%s", text, value);
	}
	return r < 0 ? no_memory(e) : 0;
}

static int add_device(const char *name, struct runtime_spec *spec, struct err *e)
{
	struct run_flags f = { 0 };
	int r;

	if (!cdi_name_ok(name))
		return err_set(e, -ENOENT, "unresolvable CDI devices %s", name);
	r = strvec_add(&f.devices, name) < 0 ? no_memory(e) : run_cdi_apply(&f, spec, e);
	strvec_done(&f.devices);
	return r;
}

/* "device" and "device=...". */
static int allow_device(const char *what, struct build_settings *s, struct err *e)
{
	const char *rest = what + strlen("device");
	int r = device_allow_add(&s->devices, *rest ? rest + 1 : rest, e);

	return r < 0 ? err_wrap(e, "invalid argument \"%s\" for \"--allow\" flag", what) : 0;
}

static int read_allow(const struct strvec *allow, struct build_settings *s, struct err *e)
{
	struct build_params *p = &s->params;
	int r = 0;

	p->allow_devices = &s->devices;
	for (size_t i = 0; r == 0 && i < allow->len; i++) {
		const char *what = allow->items[i];

		if (strcmp(what, "network.host") == 0)
			p->allow_host_network = true;
		else if (strcmp(what, "security.insecure") == 0)
			p->allow_insecure = true;
		else if (strcmp(what, "device") == 0 || strncmp(what, "device=", strlen("device=")) == 0)
			r = allow_device(what, s, e);
		else
			return err_set(e, -EINVAL,
				       "invalid argument \"%s\" for \"--allow\" flag: there is no such "
				       "entitlement",
				       what);
	}
	return r;
}

static int check_network(const char *mode, struct err *e)
{
	static const char *const MODES[] = { "default", "host", "none" };

	for (size_t i = 0; mode && i < ARRAY_LEN(MODES); i++)
		if (strcmp(mode, MODES[i]) == 0)
			return 0;
	return mode ? err_set(e, -EINVAL,
			      "invalid argument \"%s\" for \"--network\" flag: builds have default, "
			      "host and none",
			      mode)
		    : 0;
}

/* The flags of `run`, of a container that is nobody's so far. */
static int read_limits(const struct build_flags *f, struct build_settings *b, struct err *e)
{
	struct build_limits *to = &b->params.limits;
	int r = run_flags_check(&f->limits, (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), e);

	b->limits.process = calloc(1, sizeof(*b->limits.process));
	b->limits.linux_.resources = calloc(1, sizeof(*b->limits.linux_.resources));
	if (!b->limits.process || !b->limits.linux_.resources)
		return no_memory(e);
	if (r == 0)
		r = run_resources_apply(&f->limits, &b->limits, e);
	if (r == 0)
		r = check_network(f->network, e);
	to->resources = *b->limits.linux_.resources;
	to->rlimits = b->limits.process->rlimits;
	to->rlimits_len = b->limits.process->rlimits_len;
	to->shm_bytes = f->limits.shm_size.value;
	to->cgroup_parent = f->limits.cgroup_parent;
	to->add_hosts = &f->add_hosts;
	to->network = f->network;
	return r;
}

/* --- platforms ------------------------------------------------------------------------------------------ */

static void find_own(struct platform *ret)
{
	struct platform_list list;
	struct machine machine;

	machine_detect(&machine);
	platform_list_for_machine(&machine, &list);
	*ret = list.items[0];
	if (strcmp(ret->architecture, "amd64") == 0)
		ret->variant[0] = '\0'; /* levels are no names of platforms that people use */
}

static bool is_same(const struct platform *a, const struct platform *b)
{
	return strcmp(a->os, b->os) == 0 && strcmp(a->architecture, b->architecture) == 0 &&
	       strcmp(a->variant, b->variant) == 0;
}

static bool has_platform(const struct build_settings *s, const struct platform *p)
{
	for (size_t i = 0; i < s->platforms_len; i++)
		if (is_same(&s->platforms[i], p))
			return true;
	return false;
}

static int add_platform(struct build_settings *s, const char *text, struct err *e)
{
	struct platform p = { 0 };
	int r = strcmp(text, "local") == 0 ? 0 : platform_parse(text, &p, e);

	if (r < 0)
		return r;
	if (strcmp(text, "local") == 0)
		p = s->own;
	if (has_platform(s, &p))
		return 0;
	if (s->platforms_len == BUILD_PLATFORMS_MAX)
		return err_set(e, -EFBIG, "more than %d platforms", BUILD_PLATFORMS_MAX);
	s->platforms[s->platforms_len++] = p;
	return 0;
}

/* "--platform A,B" and "--platform A --platform B" are the same. */
static int read_platforms(const struct strvec *texts, struct build_settings *s, struct err *e)
{
	cleanup_strvec struct strvec all = { 0 };
	int r = 0;

	for (size_t i = 0; i < texts->len; i++)
		if (strvec_split(&all, texts->items[i], ',') < 0)
			return no_memory(e);
	for (size_t i = 0; r == 0 && i < all.len; i++)
		r = add_platform(s, all.items[i], e);
	return r;
}

/* --- all of it ------------------------------------------------------------------------------------------ */

int build_settings_read(const struct build_flags *f, struct build_settings *ret, struct err *e)
{
	struct build_params *p = &ret->params;
	int r = read_args(f, &ret->args, e);

	find_own(&ret->own);
	if (f->jobs.set && (f->jobs.value < 1 || f->jobs.value > BUILD_JOBS_MAX))
		return err_set(e, -EINVAL, "--jobs takes a number from 1 to %d", BUILD_JOBS_MAX);
	p->jobs = (unsigned int)f->jobs.value;
	p->no_cache = f->no_cache;
	p->no_cache_stages = f->no_cache_filters.len > 0 ? &f->no_cache_filters : NULL;
	if (r == 0)
		r = read_platforms(&f->platforms, ret, e);
	if (r == 0)
		r = read_allow(&f->allow, ret, e);
	p->add_device = add_device;
	if (r == 0)
		r = read_limits(f, ret, e);
	if (r == 0)
		r = build_secrets_read(&f->secrets, &ret->secrets, e);
	if (r == 0)
		r = build_ssh_read(&f->ssh, &ret->secrets, e);
	p->secrets = ret->secrets.secrets;
	p->secrets_len = ret->secrets.secrets_len;
	p->ssh = ret->secrets.ssh;
	p->ssh_len = ret->secrets.ssh_len;
	return r;
}
