/* SPDX-License-Identifier: Apache-2.0 */
#include "build/device_allow.h"

#include <stddef.h>
#include <string.h>

#include "build/csv.h"
#include "common/cleanup.h"
#include "oci/cdi.h"

#define ALIAS "alias="

void device_allow_done(struct device_allow *a)
{
	strvec_done(&a->names);
	a->all = false;
}

/* "vendor.com/class=*". */
static bool is_kind(const char *name)
{
	size_t len = strlen(name);
	cleanup_free char *one = len > 2 && strcmp(name + len - 2, "=*") == 0 ? strdup(name) : NULL;

	if (one)
		one[len - 1] = 'x';
	return one && cdi_name_ok(one);
}

static int find_alias(const struct strvec *fields, const char **ret, struct err *e)
{
	for (size_t i = 1; i < fields->len; i++) {
		if (strncmp(fields->items[i], ALIAS, strlen(ALIAS)) != 0)
			return strchr(fields->items[i], '=')
				       ? err_set(e, -EINVAL, "unknown device config key \"%.*s\"",
						 (int)strcspn(fields->items[i], "="), fields->items[i])
				       : err_set(e, -EINVAL, "invalid device config \"%s\"",
						 fields->items[i]);
		*ret = fields->items[i] + strlen(ALIAS);
	}
	return **ret || fields->len == 1 ? 0 : err_set(e, -EINVAL, "a device's alias is empty");
}

int device_allow_add(struct device_allow *a, const char *text, struct err *e)
{
	cleanup_strvec struct strvec fields = { 0 };
	const char *name, *alias = "";
	int r;

	if (!*text) {
		a->all = true;
		return 0;
	}
	r = csv_fields(text, &fields, e);
	if (r < 0)
		return r;
	name = fields.len > 0 ? fields.items[0] : "";
	r = find_alias(&fields, &alias, e);
	if (r < 0)
		return r;
	if (!cdi_name_ok(name) && (*alias || !is_kind(name)))
		return err_set(e, -EINVAL, "'%s' is no CDI device (vendor.com/class=name%s)", name,
			       *alias ? "" : ", or vendor.com/class=*");
	if (strvec_add(&a->names, *alias ? alias : name) < 0 || strvec_add(&a->names, *alias ? name : "") < 0)
		return err_code(e, -ENOMEM, "cannot keep a device");
	return 0;
}

static bool matches(const char *allowed, const char *name)
{
	size_t len = strlen(allowed);

	if (strcmp(allowed, name) == 0)
		return true;
	return is_kind(allowed) && strncmp(allowed, name, len - 1) == 0;
}

/* An alias comes before what the name would be without it. */
const char *device_allow_find(const struct device_allow *a, const char *name)
{
	if (!a)
		return NULL;
	for (size_t i = 0; i + 1 < a->names.len; i += 2)
		if (*a->names.items[i + 1] && strcmp(a->names.items[i], name) == 0)
			return a->names.items[i + 1];
	if (a->all)
		return name;
	for (size_t i = 0; i + 1 < a->names.len; i += 2)
		if (!*a->names.items[i + 1] && matches(a->names.items[i], name))
			return name;
	return NULL;
}
