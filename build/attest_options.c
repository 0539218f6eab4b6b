/* SPDX-License-Identifier: Apache-2.0 */
#include "build/attest_options.h"

#include <stdlib.h>
#include <string.h>

#include "build/csv.h"
#include "common/cleanup.h"
#include "common/parse.h"

void attest_options_done(struct attest_options *o)
{
	free(o->builder_id);
	*o = (struct attest_options){ 0 };
}

static int read_bool(const char *key, const char *value, bool *ret, struct err *e)
{
	return parse_bool(value, ret) < 0
		       ? err_set(e, -EINVAL, "invalid value '%s' of '%s': it is true or false", value, key)
		       : 0;
}

static int set_mode(struct attest_options *o, const char *value, struct err *e)
{
	if (strcmp(value, "min") != 0 && strcmp(value, "max") != 0)
		return err_set(e, -EINVAL, "invalid value '%s' of 'mode': it is min or max", value);
	o->is_max = strcmp(value, "max") == 0;
	return 0;
}

static int set_version(struct attest_options *o, const char *value, struct err *e)
{
	o->is_v1 = strcmp(value, "v1") == 0;
	return o->is_v1 || strcmp(value, "v0.2") == 0
		       ? 0
		       : err_set(e, -EOPNOTSUPP,
				 "provenance of version '%s' is not supported (version=v0.2, version=v1)",
				 value);
}

static int set_builder(struct attest_options *o, const char *value, struct err *e)
{
	char *copy = strdup(value);

	if (!copy)
		return err_code(e, -ENOMEM, "cannot keep a builder's name");
	free(o->builder_id);
	o->builder_id = copy;
	return 0;
}

static int set_of_provenance(struct attest_options *o, const char *key, const char *value, struct err *e)
{
	if (strcmp(key, "mode") == 0)
		return set_mode(o, value, e);
	if (strcmp(key, "builder-id") == 0)
		return set_builder(o, value, e);
	if (strcmp(key, "reproducible") == 0)
		return read_bool(key, value, &o->reproducible, e);
	if (strcmp(key, "version") == 0)
		return set_version(o, value, e);
	return err_set(e, -EINVAL, "provenance has no '%s'", key);
}

static int set_of_sbom(const char *key, const char *value, struct err *e)
{
	if (strcmp(key, "generator") == 0)
		return err_set(e, -EOPNOTSUPP,
			       "generators like '%s' are not supported: packages are listed by sampan itself",
			       value);
	return err_set(e, -EINVAL, "sbom has no '%s'", key);
}

/* Splits "KEY=VALUE" where it stands. NULL: it is none. */
static char *value_of(char *field)
{
	char *equals = strchr(field, '=');

	if (equals)
		*equals++ = '\0';
	return equals;
}

/* Those of --attest. 1: `key` was one. */
static int read_common(const char *key, const char *value, const char **type, bool *wanted, struct err *e)
{
	int r;

	if (strcmp(key, "type") == 0) {
		*type = value;
		return 1;
	}
	if (strcmp(key, "disabled") != 0)
		return 0;
	r = read_bool(key, value, wanted, e);
	*wanted = !*wanted;
	return r < 0 ? r : 1;
}

static int set_fields(struct attest_options *o, bool is_provenance, char *const *keys, char *const *values,
		      size_t len, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++)
		if (keys[i])
			r = is_provenance ? set_of_provenance(o, keys[i], values[i], e)
					  : set_of_sbom(keys[i], values[i], e);
	return r;
}

static int read_fields(struct attest_options *o, const char *type, struct strvec *fields, struct err *e)
{
	cleanup_free char **keys = calloc(fields->len + 1, sizeof(*keys));
	cleanup_free char **values = calloc(fields->len + 1, sizeof(*values));
	bool wanted = true, is_provenance;
	int r = 0;

	if (!keys || !values)
		return err_code(e, -ENOMEM, "cannot read what is to be attested");
	for (size_t i = 0; i < fields->len; i++) {
		char *key = fields->items[i], *value = value_of(key);

		if (!value)
			return err_set(e, -EINVAL, "invalid value '%s': it is KEY=VALUE", key);
		r = read_common(key, value, &type, &wanted, e);
		if (r < 0)
			return r;
		keys[i] = r ? NULL : key;
		values[i] = value;
	}
	if (!type || (strcmp(type, "provenance") != 0 && strcmp(type, "sbom") != 0))
		return err_set(e, -EINVAL, "unknown type of attestation '%s' (provenance, sbom)",
			       type ? type : "");
	is_provenance = strcmp(type, "provenance") == 0;
	*(is_provenance ? &o->provenance : &o->sbom) = wanted;
	return set_fields(o, is_provenance, keys, values, fields->len, e);
}

int attest_options_add(struct attest_options *o, const char *type, const char *text, struct err *e)
{
	cleanup_strvec struct strvec fields = { 0 };
	bool wanted;
	int r;

	if (type && parse_bool(text, &wanted) == 0) {
		*(strcmp(type, "sbom") == 0 ? &o->sbom : &o->provenance) = wanted;
		return 0;
	}
	r = csv_fields(text, &fields, e);
	return r < 0 ? r : read_fields(o, type, &fields, e);
}
