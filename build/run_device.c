/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build/csv.h"
#include "build/run_mount.h"
#include "build/suggest.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "common/strvec.h"

void run_device_done(struct run_device *d)
{
	free(d->name);
	*d = (struct run_device){ 0 };
}

static bool is_key(const char *field, const char *key)
{
	size_t len = strlen(key);

	return strncasecmp(field, key, len) == 0 && (field[len] == '=' || field[len] == '\0');
}

static int set_name(struct run_device *d, const char *name, struct err *e)
{
	if (d->name)
		return err_set(e, -EINVAL, "device name already set to %s", d->name);
	d->name = strdup(name);
	return d->name ? 0 : err_code(e, -ENOMEM, "cannot read a device");
}

static int unknown_key(const char *field, const char *equals, struct err *e)
{
	static const char *const KEYS[] = { "name", "required" };
	cleanup_free char *key = strndup(field, (size_t)(equals - field));

	if (!key)
		return err_code(e, -ENOMEM, "cannot read a device");
	return err_set(e, -EINVAL, "unexpected key '%s' in '%s'%s", key, field,
		       suggest(key, KEYS, ARRAY_LEN(KEYS), false).text);
}

/* The first field that is no key is the name, which may have a '=' itself. */
static int read_field(struct run_device *d, const char *field, struct err *e)
{
	const char *equals = strchr(field, '=');

	if (is_key(field, "name") && equals)
		return set_name(d, equals + 1, e);
	if (is_key(field, "required")) {
		d->required = true;
		if (equals && parse_bool(equals + 1, &d->required) < 0)
			return err_set(e, -EINVAL, "invalid value for required: %s", equals + 1);
		return 0;
	}
	if (!d->name)
		return set_name(d, field, e);
	if (!equals)
		return err_set(e, -EINVAL, "invalid field '%s' must be a key=value pair", field);
	return unknown_key(field, equals, e);
}

int run_device_parse(const char *text, struct run_device *ret, struct err *e)
{
	cleanup_run_device struct run_device d = { 0 };
	cleanup_strvec struct strvec fields = { 0 };
	int r = csv_fields(text, &fields, e);

	if (r < 0)
		return err_wrap(e, "failed to parse csv devices");
	for (size_t i = 0; r == 0 && i < fields.len; i++)
		r = read_field(&d, fields.items[i], e);
	if (r < 0)
		return r;
	*ret = d;
	d = (struct run_device){ 0 };
	return 0;
}
