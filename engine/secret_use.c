/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/secret_use.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

#define SECRETS_DIR  "/run/secrets"
#define MODE_DEFAULT 0444

void secret_use_done(struct secret_use *u)
{
	free(u->name);
	free(u->target);
	*u = (struct secret_use){ 0 };
}

static int set_text(char **member, const char *text, struct err *e)
{
	free(*member);
	*member = strdup(text);
	return *member ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int read_id(const char *key, const char *value, uint32_t *ret, struct err *e)
{
	uint64_t id = 0;

	if (parse_u64(value, 0, UINT32_MAX - 1, &id) < 0)
		return err_set(e, -EINVAL, "invalid %s '%s': expected a number", key, value);
	*ret = (uint32_t)id;
	return 0;
}

static int read_mode(const char *value, uint32_t *ret, struct err *e)
{
	uint64_t mode = 0;

	if (parse_octal(value, 07777, &mode) < 0)
		return err_set(e, -EINVAL, "invalid mode '%s': expected octal digits", value);
	*ret = (uint32_t)mode;
	return 0;
}

static int read_type(const char *value, bool *ret_env, struct err *e)
{
	*ret_env = strcmp(value, "env") == 0;
	if (!*ret_env && strcmp(value, "mount") != 0)
		return err_set(e, -EINVAL, "type %s is invalid: expected mount or env", value);
	return 0;
}

/* `value` is NULL where there is no '='. */
static int read_field(struct secret_use *u, const char *key, const char *value, struct err *e)
{
	if (!value)
		return u->name ? err_set(e, -EINVAL, "no secret field has the name '%s'", key)
			       : set_text(&u->name, key, e);
	if (strcmp(key, "source") == 0 || strcmp(key, "src") == 0 || strcmp(key, "id") == 0)
		return set_text(&u->name, value, e);
	if (strcmp(key, "target") == 0 || strcmp(key, "dst") == 0 || strcmp(key, "destination") == 0)
		return set_text(&u->target, value, e);
	if (strcmp(key, "type") == 0)
		return read_type(value, &u->env, e);
	if (strcmp(key, "uid") == 0)
		return read_id(key, value, &u->uid, e);
	if (strcmp(key, "gid") == 0)
		return read_id(key, value, &u->gid, e);
	if (strcmp(key, "mode") == 0)
		return read_mode(value, &u->mode, e);
	return err_set(e, -EINVAL, "no secret field has the name '%s'", key);
}

static int complete_variable(struct secret_use *u, struct err *e)
{
	if (!u->target)
		return set_text(&u->target, u->name, e);
	if (!*u->target || strchr(u->target, '='))
		return err_set(e, -EINVAL, "invalid target '%s' for an environment variable", u->target);
	return 0;
}

static int complete(struct secret_use *u, struct err *e)
{
	cleanup_free char *given = NULL;

	if (!u->name || !*u->name)
		return err_set(e, -EINVAL, "no secret name given");
	if (u->env)
		return complete_variable(u, e);
	if (u->target && u->target[0] == '/')
		return 0;
	given = ptr_take(u->target);
	if (given && (!*given || strstr(given, "..")))
		return err_set(e, -EINVAL, "invalid target '%s'", given);
	if (asprintf(&u->target, SECRETS_DIR "/%s", given ? given : u->name) < 0) {
		u->target = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

int secret_use_parse(const char *text, struct secret_use *ret, struct err *e)
{
	cleanup_secret_use struct secret_use u = { .mode = MODE_DEFAULT };
	cleanup_free char *copy = strdup(text);
	char *rest = copy;
	int r = copy ? 0 : err_set(e, -ENOMEM, "out of memory");

	for (char *field = strsep(&rest, ","); r == 0 && field; field = strsep(&rest, ",")) {
		char *equals = strchr(field, '=');

		if (equals)
			*equals = '\0';
		r = read_field(&u, field, equals ? equals + 1 : NULL, e);
	}
	if (r == 0)
		r = complete(&u, e);
	if (r < 0)
		return err_wrap(e, "invalid secret '%s'", text);
	*ret = u;
	u = (struct secret_use){ 0 };
	return 0;
}
