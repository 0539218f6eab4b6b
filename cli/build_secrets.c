/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_secrets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "build/csv.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"

void build_secrets_done(struct build_secrets *s)
{
	for (size_t i = 0; i < s->secrets_len; i++) {
		if (s->secrets[i].data)
			explicit_bzero(s->secrets[i].data, s->secrets[i].len);
		free(s->secrets[i].data);
		free(s->secrets[i].id);
	}
	build_ssh_done(s);
	free(s->secrets);
	*s = (struct build_secrets){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot keep a secret");
}

/* --- --secret ------------------------------------------------------------------------------------------- */

struct fields {
	const char *id, *source, *env, *type;
};

static int take_field(char *text, struct fields *f, struct err *e)
{
	char *equals = strchr(text, '=');
	const struct {
		const char *name;
		const char **member;
	} known[] = { { "id", &f->id },
		      { "src", &f->source },
		      { "source", &f->source },
		      { "env", &f->env },
		      { "type", &f->type } };

	if (!equals)
		return err_set(e, -EINVAL, "invalid field '%s' must be a key=value pair", text);
	*equals = '\0';
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i].name, text) == 0) {
			*known[i].member = equals + 1;
			return 0;
		}
	return err_set(e, -EINVAL, "unexpected key '%s' in '%s=%s'", text, text, equals + 1);
}

/* Of "type=env" src is a variable's name. Without either, a variable of the ID's name wins over a file. */
static int settle(struct fields *f, struct err *e)
{
	bool is_env = f->type && strcmp(f->type, "env") == 0;

	if (f->type && !is_env && strcmp(f->type, "file") != 0)
		return err_set(e, -EINVAL, "unsupported secret type '%s'", f->type);
	if (!f->id || !*f->id)
		return err_set(e, -EINVAL, "secret missing \"id\"");
	if (is_env && !f->env) {
		f->env = f->source ? f->source : f->id;
		f->source = NULL;
	}
	if (!f->env && !f->source && !f->type && getenv(f->id))
		f->env = f->id;
	if (!f->env && !f->source)
		f->source = f->id;
	return 0;
}

static int read_value(const struct fields *f, struct build_secret *s, struct err *e)
{
	struct buf data = BUF_INIT(BUILD_SECRET_MAX);
	const char *value = f->env ? getenv(f->env) : NULL;
	int r;

	if (f->env)
		r = value ? buf_add_str(&data, value)
			  : err_set(e, -ENOENT, "there is no variable '%s'", f->env);
	else
		r = file_read(AT_FDCWD, f->source, &data, e);
	if (r == -EFBIG)
		r = err_set(e, r, "it is larger than %u bytes", BUILD_SECRET_MAX);
	s->len = data.len;
	s->data = r < 0 ? NULL : buf_take(&data);
	if (r == 0 && !s->data)
		r = no_memory(e);
	buf_done(&data);
	return r < 0 ? err_wrap(e, "secret '%s'", f->id) : 0;
}

static int add_secret(const char *text, struct build_secrets *s, struct err *e)
{
	struct build_secret *secrets = reallocarray(s->secrets, s->secrets_len + 1, sizeof(*secrets));
	cleanup_strvec struct strvec words = { 0 };
	struct fields f = { 0 };
	int r;

	if (!secrets)
		return no_memory(e);
	s->secrets = secrets;
	if (s->secrets_len == BUILD_SECRETS_MAX)
		return err_set(e, -EFBIG, "more than %d secrets", BUILD_SECRETS_MAX);
	r = csv_fields(text, &words, e);
	for (size_t i = 0; r == 0 && i < words.len; i++)
		r = take_field(words.items[i], &f, e);
	if (r == 0)
		r = settle(&f, e);
	if (r < 0)
		return err_wrap(e, "invalid argument \"%s\" for \"--secret\" flag", text);
	secrets[s->secrets_len] = (struct build_secret){ .id = strdup(f.id ? f.id : "") };
	if (!secrets[s->secrets_len].id)
		return no_memory(e);
	return read_value(&f, &secrets[s->secrets_len++], e);
}

int build_secrets_read(const struct strvec *texts, struct build_secrets *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < texts->len; i++)
		r = add_secret(texts->items[i], s, e);
	return r;
}
