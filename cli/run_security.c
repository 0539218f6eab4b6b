/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_security.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "oci/seccomp_default.h"
#include "runtime/seccomp.h"
#include "runtime/capabilities.h"

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* As the spec wants it: "CAP_CHOWN", or "ALL". NULL: there is no such capability. */
static const char *canonical_name(const char *text)
{
	int number = capability_number(text);

	if (strcasecmp(text, "all") == 0)
		return "ALL";
	return number >= 0 ? capability_name(number) : NULL;
}

static int canonical_list(const struct strvec *from, struct strvec *ret, struct err *e)
{
	for (size_t i = 0; i < from->len; i++) {
		const char *name = canonical_name(from->items[i]);

		if (!name)
			return err_set(e, -EINVAL, "invalid capability: \"%s\"", from->items[i]);
		if (strvec_add(ret, name) < 0)
			return no_memory(e);
	}
	return 0;
}

/* All of our own bounding set: what we do not have we cannot give. */
static int all_capabilities(struct strvec *ret, struct err *e)
{
	const char *name;

	for (int c = 0; (name = capability_name(c)) != NULL; c++)
		if (prctl(PR_CAPBSET_READ, (unsigned long)c, 0UL, 0UL, 0UL) == 1 && strvec_add(ret, name) < 0)
			return no_memory(e);
	return 0;
}

static int add_unless(struct strvec *ret, const struct strvec *from, const struct strvec *unless,
		      struct err *e)
{
	for (size_t i = 0; i < from->len; i++) {
		const char *name = from->items[i];

		if (strvec_has(unless, name) || strvec_has(ret, name) || strcmp(name, "ALL") == 0)
			continue;
		if (strvec_add(ret, name) < 0)
			return no_memory(e);
	}
	return 0;
}

int run_capabilities(const struct strvec *defaults, const struct strvec *add, const struct strvec *drop,
		     bool privileged, struct strvec *ret, struct err *e)
{
	static const struct strvec NOTHING = { 0 };
	cleanup_strvec struct strvec added = { 0 };
	cleanup_strvec struct strvec dropped = { 0 };
	cleanup_strvec struct strvec all = { 0 };
	int r = canonical_list(add, &added, e);

	if (r == 0)
		r = canonical_list(drop, &dropped, e);
	if (r == 0 && (privileged || strvec_has(&added, "ALL")))
		r = all_capabilities(&all, e);
	if (r < 0)
		return r;
	if (privileged)
		return add_unless(ret, &all, &NOTHING, e);
	if (strvec_has(&added, "ALL"))
		return add_unless(ret, &all, &dropped, e);
	if (!strvec_has(&dropped, "ALL")) {
		r = add_unless(ret, defaults, &dropped, e);
		if (r < 0)
			return r;
	}
	return add_unless(ret, &added, &NOTHING, e);
}

static int set_capabilities(const struct run_flags *f, struct spec_process *p, struct err *e)
{
	struct spec_capabilities *c = p->capabilities;
	cleanup_strvec struct strvec wanted = { 0 };
	int r = run_capabilities(&c->bounding, &f->cap_add, &f->cap_drop, f->privileged, &wanted, e);

	if (r < 0)
		return r;
	strvec_done(&c->bounding);
	strvec_done(&c->effective);
	strvec_done(&c->permitted);
	if (strvec_add_all(&c->bounding, &wanted) < 0 || strvec_add_all(&c->effective, &wanted) < 0 ||
	    strvec_add_all(&c->permitted, &wanted) < 0)
		return no_memory(e);
	return 0;
}

static void unmask_paths(struct runtime_spec *s)
{
	strvec_done(&s->linux_.masked_paths);
	strvec_done(&s->linux_.readonly_paths);
}

/* What --security-opt said of seccomp: NULL, "unconfined", or a file. */
struct security_opts {
	const char *seccomp;
};

static int set_apparmor(const char *value, struct runtime_spec *s, struct err *e)
{
	if (strcmp(value, "unconfined") == 0)
		return 0;
	free(s->process->apparmor_profile);
	s->process->apparmor_profile = strdup(value);
	return s->process->apparmor_profile ? 0 : no_memory(e);
}

static int set_no_new_privileges(const char *value, struct runtime_spec *s, const char *opt, struct err *e)
{
	s->process->no_new_privileges = true;
	if (value && parse_bool(value, &s->process->no_new_privileges) < 0)
		return err_set(e, -EINVAL, "invalid --security-opt: '%s'", opt);
	return 0;
}

/* "KEY=VALUE", "KEY:VALUE" (docker's old form) or "KEY". */
static int apply_opt(const char *opt, struct runtime_spec *s, struct security_opts *so, struct err *e)
{
	size_t len = strcspn(opt, "=:");
	const char *value = opt[len] ? opt + len + 1 : NULL;
	cleanup_free char *key = strndup(opt, len);

	if (!key)
		return no_memory(e);
	if (strcmp(key, "no-new-privileges") == 0)
		return set_no_new_privileges(value, s, opt, e);
	if (!value || !value[0])
		return err_set(e, -EINVAL, "invalid --security-opt: '%s'", opt);
	if (strcmp(key, "seccomp") == 0) {
		so->seccomp = value;
		return 0;
	}
	if (strcmp(key, "apparmor") == 0)
		return set_apparmor(value, s, e);
	if (strcmp(key, "label") == 0 && strcmp(value, "disable") == 0)
		return 0;
	if (strcmp(key, "label") == 0)
		return err_set(e, -EOPNOTSUPP, "--security-opt label: SELinux labels are not supported: '%s'",
			       value);
	if (strcmp(key, "systempaths") == 0 && strcmp(value, "unconfined") == 0) {
		unmask_paths(s);
		return 0;
	}
	return err_set(e, -EINVAL, "invalid --security-opt: '%s'", opt);
}

static int seccomp_from_file(const char *path, struct runtime_spec *s, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(RUN_SECCOMP_FILE_MAX);
	int r = file_read(AT_FDCWD, path, &text, e);

	if (r < 0)
		return err_wrap(e, "opening seccomp profile (%s) failed", path);
	r = spec_seccomp_decode_profile(text.data ? text.data : "", text.len,
					&s->process->capabilities->bounding, &s->linux_.seccomp, e);
	if (r == 0)
		r = seccomp_check_program(s->linux_.seccomp, e);
	return r < 0 ? err_wrap(e, "seccomp profile '%s'", path) : 0;
}

static int set_seccomp(const struct run_flags *f, const struct security_opts *so, struct runtime_spec *s,
		       struct err *e)
{
	if (so->seccomp && strcmp(so->seccomp, "unconfined") == 0)
		return 0;
	if (so->seccomp && strcmp(so->seccomp, "builtin") != 0)
		return seccomp_from_file(so->seccomp, s, e);
	if (f->privileged)
		return 0;
	return spec_seccomp_default(&s->process->capabilities->bounding, &s->linux_.seccomp, e);
}

int run_security_apply(const struct run_flags *f, struct runtime_spec *s, struct err *e)
{
	struct security_opts so = { 0 };
	int r = set_capabilities(f, s->process, e);

	for (size_t i = 0; r == 0 && i < f->security_opts.len; i++)
		r = apply_opt(f->security_opts.items[i], s, &so, e);
	if (r == 0)
		r = set_seccomp(f, &so, s, e);
	if (f->privileged)
		unmask_paths(s);
	return r;
}
