/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_secrets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
	for (size_t i = 0; i < s->ssh_len; i++) {
		free(s->ssh[i].id);
		free(s->ssh[i].socket_path);
	}
	free(s->secrets);
	free(s->ssh);
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

/* --- --ssh ---------------------------------------------------------------------------------------------- */

static int add_ssh(const char *text, struct build_secrets *s, struct err *e)
{
	struct build_ssh *ssh = reallocarray(s->ssh, s->ssh_len + 1, sizeof(*ssh));
	const char *equals = strchr(text, '=');
	const char *path = equals ? equals + 1 : getenv("SSH_AUTH_SOCK");
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	struct stat st;

	if (!ssh)
		return no_memory(e);
	s->ssh = ssh;
	if (s->ssh_len == BUILD_SECRETS_MAX || len == 0)
		return err_set(e, -EINVAL, "invalid argument \"%s\" for \"--ssh\" flag", text);
	if (!path || !*path)
		return err_set(e, -EINVAL, "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
	if (stat(path, &st) < 0)
		return err_errno(e, "--ssh %s: '%s'", text, path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, -EINVAL,
			       "--ssh %s: '%s' is no socket of an agent (keys: ssh-add them to one)", text,
			       path);
	ssh[s->ssh_len] = (struct build_ssh){ .id = strndup(text, len), .socket_path = strdup(path) };
	s->ssh_len++;
	return ssh[s->ssh_len - 1].id && ssh[s->ssh_len - 1].socket_path ? 0 : no_memory(e);
}

int build_ssh_read(const struct strvec *texts, struct build_secrets *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < texts->len; i++)
		r = add_ssh(texts->items[i], s, e);
	return r;
}
