/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/runtime_spec_check.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

#define VERSION_MAJOR     1
#define VERSION_MAX_MINOR 3

/* "1.0.2-dev" -> 1, 0. Semantic versioning 2.0.0, as far as the numbers go. */
static int parse_version(const char *version, uint64_t *ret_major, uint64_t *ret_minor)
{
	uint64_t *numbers[] = { ret_major, ret_minor, &(uint64_t){ 0 } };
	const char *p = version;

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		size_t len = strspn(p, "0123456789");
		char digits[8];

		if (len == 0 || len >= sizeof(digits))
			return -EINVAL;
		memcpy(digits, p, len);
		digits[len] = '\0';
		if (parse_u64(digits, 0, UINT32_MAX, numbers[i]) < 0)
			return -EINVAL;
		p += len;
		if (i + 1 < ARRAY_LEN(numbers) && *p++ != '.')
			return -EINVAL;
	}
	return *p == '\0' || *p == '-' || *p == '+' ? 0 : -EINVAL;
}

int spec_check_version(const char *version, struct err *e)
{
	uint64_t major, minor;

	if (parse_version(version, &major, &minor) < 0)
		return err_set(e, -EINVAL, "ociVersion: '%.40s' is not a version", version);
	if (major != VERSION_MAJOR || minor > VERSION_MAX_MINOR)
		return err_set(
			e, -EOPNOTSUPP,
			"ociVersion: version '%.40s' is not supported (this runtime knows " SPEC_VERSION_MIN
			" to " SPEC_VERSION_MAX ")",
			version);
	return 0;
}

int spec_process_check(const struct spec_process *p, const char *where, struct err *e)
{
	for (size_t i = 0; i < p->rlimits_len; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(p->rlimits[i].type, p->rlimits[j].type) == 0)
				return err_set(e, -EINVAL, "%srlimits[%zu].type: duplicate rlimit '%s'",
					       where, i, p->rlimits[i].type);
	return 0;
}

/* "Runtimes MUST generate an error" for two of a type: runtime-spec config-linux.md#namespaces. */
static int check_namespaces(const struct spec_linux *l, struct err *e)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < l->namespaces_len; i++) {
		int type = l->namespaces[i].type;

		if (seen & (1u << type))
			return err_set(e, -EINVAL,
				       "linux.namespaces[%zu]: malformed spec file: duplicate ns '%s'", i,
				       spec_namespace_name(type));
		seen |= 1u << type;
	}
	return 0;
}

static int check_propagation(const struct spec_linux *l, struct err *e)
{
	static const char *const known[] = { "private", "rprivate", "slave",      "rslave",
					     "shared",  "rshared",  "unbindable", "runbindable" };
	const char *p = l->rootfs_propagation;

	if (!p)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i], p) == 0)
			return 0;
	return err_set(e, -EINVAL, "linux.rootfsPropagation: rootfsPropagation=%s is not supported", p);
}

static int check_clocks(const struct spec_linux *l, struct err *e)
{
	for (size_t i = 0; i < l->time_offsets_len; i++) {
		const struct spec_time_offset *t = &l->time_offsets[i];

		if (strcmp(t->clock, "monotonic") != 0 && strcmp(t->clock, "boottime") != 0)
			return err_set(e, -EINVAL,
				       "linux.timeOffsets: unknown clock '%s' (monotonic, boottime)",
				       t->clock);
		if (t->nanosecs >= 1000000000)
			return err_set(e, -EINVAL, "linux.timeOffsets.%s.nanosecs: is larger than 999999999",
				       t->clock);
	}
	return 0;
}

void spec_fill_resources(struct spec_resources *r)
{
	r->has_network = r->network_class_id.set || r->network_priorities_len > 0;
	for (size_t i = 0; i < r->devices_len; i++)
		if (!r->devices[i].type)
			r->devices[i].type = 'a';
}

int spec_check(struct runtime_spec *s, struct err *e)
{
	struct spec_linux *l = &s->linux_;
	int r = 0;

	if (!s->root_path)
		return err_set(e, -EINVAL, "root: Root must be specified");
	if (!*s->root_path)
		return err_set(e, -EINVAL, "root.path: must not be empty");
	l->has_intel_rdt = l->intel_rdt != NULL;
	l->has_personality = l->personality_domain != NULL;
	if (l->resources)
		spec_fill_resources(l->resources);
	if (s->process)
		r = spec_process_check(s->process, "process.", e);
	if (r == 0)
		r = check_namespaces(l, e);
	if (r == 0)
		r = check_propagation(l, e);
	if (r == 0)
		r = check_clocks(l, e);
	return r;
}
