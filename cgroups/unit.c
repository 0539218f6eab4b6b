/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/unit.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define SLICE_SUFFIX ".slice"
#define SCOPE_SUFFIX ".scope"

/* What the name of a unit may have beside '\', which begins an escape. systemd.unit(5) */
static const char UNIT_BYTES[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:_.";

/* A slice is named after its path: "a-b.slice" is below "a.slice", so that no part between dashes may be empty; "-.slice" is the
 * root of all. */
static bool is_slice(const char *name, size_t len)
{
	const size_t suffix = sizeof(SLICE_SUFFIX) - 1;
	char last = '-';

	if (len <= suffix || len > UNIT_NAME_MAX || memcmp(name + len - suffix, SLICE_SUFFIX, suffix) != 0)
		return false;
	len -= suffix;
	if (len == 1 && name[0] == '-')
		return true;
	for (size_t i = 0; i < len; i++) {
		if ((name[i] == '-' && last == '-') || (name[i] != '\\' && !strchr(UNIT_BYTES, name[i])))
			return false;
		last = name[i];
	}
	return last != '-';
}

static int add_name(struct buf *out, const char *name)
{
	int r = 0;

	for (; r == 0 && *name != '\0'; name++) {
		if (strchr(UNIT_BYTES, *name) || *name == '\\')
			r = buf_add_char(out, *name);
		else
			r = buf_printf(out, "\\x%02x", (unsigned int)(unsigned char)*name);
	}
	return r;
}

static int make_scope(const char *prefix, size_t prefix_len, const char *name, struct unit_names *ret,
		      struct err *e)
{
	cleanup_buf struct buf scope = BUF_INIT(UNIT_NAME_MAX);
	int r = 0;

	for (size_t i = 0; i < prefix_len; i++) {
		if (!strchr(UNIT_BYTES, prefix[i]))
			return err_set(e, -EINVAL, "bad prefix '%.*s' of a systemd scope", (int)prefix_len,
				       prefix);
	}
	if (prefix_len > 0) {
		r = buf_add(&scope, prefix, prefix_len);
		if (r == 0)
			r = buf_add_char(&scope, '-');
	}
	if (r == 0)
		r = add_name(&scope, name);
	if (r == 0)
		r = buf_add_str(&scope, SCOPE_SUFFIX);
	if (r == -EFBIG)
		return err_set(e, -EINVAL, "the name '%.100s' is too long for a systemd scope (%d bytes)",
			       name, UNIT_NAME_MAX);
	if (r < 0)
		return err_code(e, r, "cannot name the systemd scope");
	memcpy(ret->scope, scope.data, scope.len + 1);
	return 0;
}

int unit_names_parse(const char *cgroups_path, const char *id, bool user, struct unit_names *ret,
		     struct err *e)
{
	const char *prefix = UNIT_DEFAULT_PREFIX, *name = id, *slice = user ? "user.slice" : "system.slice";
	size_t slice_len = strlen(slice), prefix_len = strlen(prefix);

	if (cgroups_path && *cgroups_path) {
		size_t len = strcspn(cgroups_path, ":");

		prefix = cgroups_path + len + (cgroups_path[len] == ':');
		prefix_len = strcspn(prefix, ":");
		name = prefix + prefix_len + (prefix[prefix_len] == ':');
		if (*name == '\0' || strchr(name, ':'))
			return err_set(e, -EINVAL,
				       "bad linux.cgroupsPath '%s': the systemd cgroup driver wants "
				       "\"slice:prefix:name\"",
				       cgroups_path);
		if (len > 0) {
			slice = cgroups_path;
			slice_len = len;
		}
	}
	if (!is_slice(slice, slice_len))
		return err_set(e, -EINVAL, "bad linux.cgroupsPath '%s': '%.*s' is no name of a systemd slice",
			       cgroups_path, (int)slice_len, slice);
	memcpy(ret->slice, slice, slice_len);
	ret->slice[slice_len] = '\0';
	return make_scope(prefix, prefix_len, name, ret, e);
}
