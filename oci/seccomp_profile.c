/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp profiles in files: Docker's format, of which the OCI one is a subset. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "common/cleanup.h"
#include "common/names.h"
#include "common/parse.h"
#include "oci/runtime_spec_fields.h"
#include "oci/seccomp_default.h"

/* Go's name of this machine, as the filters have it, and the architecture that archMap goes by. */
#if defined(__x86_64__)
#define MACHINE      "amd64"
#define ARCHITECTURE "SCMP_ARCH_X86_64"
#elif defined(__aarch64__)
#define MACHINE      "arm64"
#define ARCHITECTURE "SCMP_ARCH_AARCH64"
#endif

#define MAX_ERRNO 4095 /* of the kernel, include/linux/err.h */

/* --- the document --- */

struct filter {
	struct strvec capabilities, machines;
	char *min_kernel; /* "4.8" */
};
struct profile_rule {
	struct spec_syscall rule; /* first: SPEC_SYSCALL_FIELDS' offsets hold */
	char *name;               /* the old form, instead of rule.names */
	struct filter includes, excludes;
};
struct arch_group {
	char *architecture;
	struct strvec others;
};
struct profile {
	struct spec_seccomp *s;
	struct arch_group *groups;
	size_t groups_len;
	struct profile_rule *rules;
	size_t rules_len;
};

static void filter_done(struct filter *f)
{
	strvec_done(&f->capabilities);
	strvec_done(&f->machines);
	free(f->min_kernel);
}

static void syscall_done(struct spec_syscall *s)
{
	strvec_done(&s->names);
	free(s->action);
	for (size_t i = 0; i < s->args_len; i++)
		free(s->args[i].op);
	free(s->args);
}

static void profile_done(struct profile *p)
{
	spec_seccomp_free(p->s);
	for (size_t i = 0; i < p->groups_len; i++) {
		free(p->groups[i].architecture);
		strvec_done(&p->groups[i].others);
	}
	free(p->groups);
	for (size_t i = 0; i < p->rules_len; i++) {
		syscall_done(&p->rules[i].rule);
		free(p->rules[i].name);
		filter_done(&p->rules[i].includes);
		filter_done(&p->rules[i].excludes);
	}
	free(p->rules);
}
#define cleanup_profile __attribute__((cleanup(profile_done)))

/* An errno by name, as Podman's profiles have it beside the number: "EPERM"; "" counts as absent. */
static int read_errno_name(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	cleanup_free char *name = NULL;
	int r = spec_read_text(in, arg, &name, e);

	if (r < 0 || !name)
		return r;
	for (int i = 1; i <= MAX_ERRNO; i++) {
		const char *known = errno_name(i);

		if (known && strcmp(known, name) == 0) {
			*(struct opt_u64 *)member = (struct opt_u64){ true, (uint64_t)i };
			return 0;
		}
	}
	return json_error(in, -EINVAL, e, "unknown errno '%s'", name);
}

static const uint64_t MAX_ERRNO_RET = UINT32_MAX;

static const struct json_field FILTER[] = {
	{ "caps", offsetof(struct filter, capabilities), json_read_strvec },
	{ "arches", offsetof(struct filter, machines), json_read_strvec },
	{ "minKernel", offsetof(struct filter, min_kernel), spec_read_text },
	{ 0 }
};

#define RULE(member) offsetof(struct profile_rule, member)
static const struct json_field RULE_FIELDS[] = {
	{ "names", RULE(rule.names), json_read_strvec },
	{ "name", RULE(name), spec_read_text },
	{ "action", RULE(rule.action), json_read_string, .required = true },
	{ "errno", RULE(rule.errno_ret), read_errno_name },
	{ "errnoRet", RULE(rule.errno_ret), spec_read_opt_max, &MAX_ERRNO_RET },
	{ "args", RULE(rule.args), json_read_array, &SPEC_SYSCALL_ARGS },
	{ "includes", RULE(includes), json_read_object, FILTER },
	{ "excludes", RULE(excludes), json_read_object, FILTER },
	{ 0 }
};
static const struct json_array RULES = { RULE_FIELDS, sizeof(struct profile_rule), SPEC_MAX_ITEMS };

static const struct json_field GROUP[] = {
	{ "architecture", offsetof(struct arch_group, architecture), json_read_string, .required = true },
	{ "subArchitectures", offsetof(struct arch_group, others), json_read_strvec },
	{ 0 }
};
static const struct json_array GROUPS = { GROUP, sizeof(struct arch_group), SPEC_MAX_ITEMS };

#define SECCOMP(member) offsetof(struct spec_seccomp, member)
static const struct json_field PROFILE[] = {
	{ "defaultAction", SECCOMP(default_action), json_read_string, .required = true },
	{ "defaultErrno", SECCOMP(default_errno_ret), read_errno_name },
	{ "defaultErrnoRet", SECCOMP(default_errno_ret), spec_read_opt_max, &MAX_ERRNO_RET },
	{ "architectures", SECCOMP(architectures), json_read_strvec },
	{ "flags", 0, spec_read_seccomp_flags },
	{ "listenerPath", SECCOMP(listener_path), spec_read_text },
	{ "listenerMetadata", SECCOMP(listener_metadata), spec_read_text },
	{ 0 }
};
static const struct json_field LISTS[] = {
	{ "archMap", offsetof(struct profile, groups), json_read_array, &GROUPS },
	{ "syscalls", offsetof(struct profile, rules), json_read_array, &RULES },
	{ 0 }
};

/* --- choosing what is meant for us --- */

/* "6.1.0-18-amd64" -> 6, 1. */
static int parse_kernel(const char *text, uint64_t *ret_major, uint64_t *ret_minor)
{
	uint64_t *numbers[] = { ret_major, ret_minor };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		size_t len = strspn(text, "0123456789");
		char digits[8];

		if (len == 0 || len >= sizeof(digits))
			return -EINVAL;
		memcpy(digits, text, len);
		digits[len] = '\0';
		if (parse_u64(digits, 0, UINT32_MAX, numbers[i]) < 0)
			return -EINVAL;
		text += len;
		if (i == 0 && *text++ != '.')
			return -EINVAL;
	}
	return 0;
}

/* Does this kernel have at least this version? */
static int kernel_at_least(const char *version, bool *ret, struct err *e)
{
	uint64_t want_major, want_minor, major, minor;
	struct utsname u;

	if (parse_kernel(version, &want_major, &want_minor) < 0)
		return err_set(e, -EINVAL, "minKernel: '%.40s' is not a kernel version", version);
	if (uname(&u) < 0 || parse_kernel(u.release, &major, &minor) < 0)
		return err_set(e, -EINVAL, "cannot tell the version of this kernel");
	*ret = major > want_major || (major == want_major && minor >= want_minor);
	return 0;
}

/* Docker's meaning: "includes" wants all of its capabilities, "excludes" drops the rule for any of them. */
static int applies(const struct profile_rule *rule, const struct strvec *bounding, bool *ret, struct err *e)
{
	const struct filter *in = &rule->includes, *ex = &rule->excludes;
	bool yes = true, new_enough = false;
	int r;

	for (size_t i = 0; i < in->capabilities.len; i++)
		yes = yes && strvec_has(bounding, in->capabilities.items[i]);
	for (size_t i = 0; i < ex->capabilities.len; i++)
		yes = yes && !strvec_has(bounding, ex->capabilities.items[i]);
	if (in->machines.len > 0)
		yes = yes && strvec_has(&in->machines, MACHINE);
	yes = yes && !strvec_has(&ex->machines, MACHINE);
	if (in->min_kernel) {
		r = kernel_at_least(in->min_kernel, &new_enough, e);
		if (r < 0)
			return r;
		yes = yes && new_enough;
	}
	if (ex->min_kernel) {
		r = kernel_at_least(ex->min_kernel, &new_enough, e);
		if (r < 0)
			return r;
		yes = yes && !new_enough;
	}
	*ret = yes;
	return 0;
}

static int resolve_architectures(struct profile *p, struct err *e)
{
	int r = 0;

	if (p->groups_len > 0 && p->s->architectures.len > 0)
		return err_set(e, -EINVAL,
			       "use either 'architectures' or 'archMap' in a seccomp profile, not both");
	for (size_t i = 0; i < p->groups_len && r == 0; i++) {
		if (strcmp(p->groups[i].architecture, ARCHITECTURE) != 0)
			continue;
		r = strvec_add(&p->s->architectures, ARCHITECTURE);
		if (r == 0)
			r = strvec_add_all(&p->s->architectures, &p->groups[i].others);
	}
	return r < 0 ? err_code(e, r, "cannot read the seccomp profile") : 0;
}

/* Moves what applies from p->rules to p->s->syscalls. */
static int resolve_rules(struct profile *p, const struct strvec *bounding, struct err *e)
{
	if (p->rules_len == 0)
		return 0;
	p->s->syscalls = calloc(p->rules_len, sizeof(*p->s->syscalls));
	if (!p->s->syscalls)
		return err_code(e, -ENOMEM, "cannot read the seccomp profile");
	for (size_t i = 0; i < p->rules_len; i++) {
		struct profile_rule *rule = &p->rules[i];
		bool yes = false;
		int r = applies(rule, bounding, &yes, e);

		if (r < 0)
			return err_wrap(e, "syscalls[%zu]", i);
		if (rule->name && rule->rule.names.len > 0)
			return err_set(e, -EINVAL, "syscalls[%zu]: use either 'name' or 'names', not both",
				       i);
		if (rule->name) {
			r = strvec_take(&rule->rule.names, ptr_take(rule->name));
			if (r < 0)
				return err_code(e, r, "syscalls[%zu]", i);
		}
		if (!yes)
			continue;
		p->s->syscalls[p->s->syscalls_len++] = rule->rule;
		rule->rule = (struct spec_syscall){ 0 };
	}
	return 0;
}

int spec_seccomp_decode_profile(const char *text, size_t len, const struct strvec *bounding_capabilities,
				struct spec_seccomp **ret, struct err *e)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_profile struct profile p = { .s = calloc(1, sizeof(*p.s)) };
	struct json_in top;
	int r;

	if (!p.s)
		return err_code(e, -ENOMEM, "cannot read the seccomp profile");
	if (len > SPEC_MAX_BYTES)
		return err_set(e, -EFBIG, "the seccomp profile is larger than %u bytes", SPEC_MAX_BYTES);
	r = json_parse(text, len, SPEC_MAX_DEPTH, &doc, e);
	if (r < 0)
		return r;
	top = json_top(doc);
	r = json_read_object(&top, PROFILE, p.s, e);
	if (r == 0)
		r = json_read_object(&top, LISTS, &p, e);
	if (r == 0)
		r = resolve_architectures(&p, e);
	if (r == 0)
		r = resolve_rules(&p, bounding_capabilities, e);
	if (r < 0)
		return r;
	*ret = ptr_take(p.s);
	return 0;
}
