/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/auth_file_json.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_write.h"

void auth_document_done(struct auth_document *d)
{
	json_doc_free(d->json);
	d->json = NULL;
}

int auth_document_parse(const char *text, size_t len, struct auth_document *ret, struct err *e)
{
	struct json_in top;
	int r = json_parse(text, len, AUTH_DEPTH_MAX, &ret->json, e);

	if (r < 0)
		return r;
	top = json_top(ret->json);
	if (!json_in_is_object(&top))
		return err_set(e, -EINVAL, "expected an object");
	return 0;
}

int auth_document_read(const char *file, struct auth_document *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(AUTH_FILE_MAX);
	int r = file_read(AT_FDCWD, file, &text, e);

	if (r < 0)
		return r;
	if (text.len == 0) /* "touch auth.json" */
		return auth_document_parse("{}", 2, ret, e);
	r = auth_document_parse(text.data, text.len, ret, e);
	explicit_bzero(text.data, text.len);
	return r < 0 ? err_wrap(e, "'%s'", file) : 0;
}

/* --- reading ----------------------------------------------------------------------------------------- */

struct search {
	const char *key;
	char **ret;               /* of a string, or */
	struct auth_entry *entry; /* of an object */
};

static const struct json_field ENTRY[] = {
	{ "auth", offsetof(struct auth_entry, auth), json_read_string },
	{ "identitytoken", offsetof(struct auth_entry, identity_token), json_read_string },
	{ 0 },
};

void auth_entry_done(struct auth_entry *entry)
{
	if (entry->auth)
		explicit_bzero(entry->auth, strlen(entry->auth));
	if (entry->identity_token)
		explicit_bzero(entry->identity_token, strlen(entry->identity_token));
	free(entry->auth);
	free(entry->identity_token);
	*entry = (struct auth_entry){ 0 };
}

/* The first of the members that mean the same key wins, as in podman. */
static int visit(const struct json_in *member, void *arg, struct err *e)
{
	const struct search *s = arg;
	cleanup_free char *key = auth_key(member->key);

	if (!key)
		return err_code(e, -ENOMEM, "cannot look for credentials");
	if (strcmp(key, s->key) != 0)
		return 0;
	if (s->ret)
		return *s->ret ? 0 : json_read_string(member, NULL, s->ret, e);
	return s->entry->auth ? 0 : json_read_object(member, ENTRY, s->entry, e);
}

static int search_in(const struct auth_document *d, const char *member, struct search *s, struct err *e)
{
	struct json_in top = json_top(d->json), in = json_get(&top, member);

	if (!in.value)
		return 0;
	if (!json_in_is_object(&in))
		return json_error(&in, -EINVAL, e, "expected an object");
	return json_each(&in, visit, s, e);
}

int auth_document_entry(const struct auth_document *d, const char *key, struct auth_entry *ret, struct err *e)
{
	struct search s = { .key = key, .entry = ret };

	return search_in(d, "auths", &s, e);
}

int auth_document_helper(const struct auth_document *d, const char *key, char **ret, struct err *e)
{
	struct search s = { .key = key, .ret = ret };

	return search_in(d, "credHelpers", &s, e);
}

int auth_document_store(const struct auth_document *d, char **ret, struct err *e)
{
	struct json_in top = json_top(d->json), in = json_get(&top, "credsStore");

	return in.value ? json_read_string(&in, NULL, ret, e) : 0;
}

static int count(const struct json_in *member, void *arg, struct err *e)
{
	(void)member;
	(void)e;
	++*(size_t *)arg;
	return 0;
}

bool auth_document_has_any(const struct auth_document *d)
{
	struct json_in top = json_top(d->json), in = json_get(&top, "auths");
	struct err ignored; /* count has none */
	size_t n = 0;

	return in.value && json_in_is_object(&in) && json_each(&in, count, &n, &ignored) == 0 && n > 0;
}

/* --- writing ----------------------------------------------------------------------------------------- */

struct rewriting {
	struct json_out *out;
	const char *key; /* of the entry that is not copied; NULL: all of them */
};

static int copy_raw(const struct json_in *member, struct json_out *out, struct err *e)
{
	cleanup_free char *raw = NULL;
	int r = json_read_raw(member, NULL, &raw, e);

	if (r == 0)
		json_out_raw(out, member->key, raw);
	if (raw)
		explicit_bzero(raw, strlen(raw));
	return r;
}

static int copy_entry(const struct json_in *member, void *arg, struct err *e)
{
	const struct rewriting *w = arg;
	cleanup_free char *key = auth_key(member->key);

	if (!key)
		return err_code(e, -ENOMEM, "cannot copy credentials");
	return !w->key || strcmp(key, w->key) == 0 ? 0 : copy_raw(member, w->out, e);
}

static int copy_other(const struct json_in *member, void *arg, struct err *e)
{
	const struct rewriting *w = arg;

	return strcmp(member->key, "auths") == 0 ? 0 : copy_raw(member, w->out, e);
}

static int write_secret(struct json_out *out, const char *key, const struct secret *s, struct err *e)
{
	cleanup_buf struct buf pair = BUF_INIT(AUTH_TOKEN_MAX);
	cleanup_free unsigned char *base64 = NULL;

	if (buf_printf(&pair, "%s:%s", s->user ? s->user : "", s->password ? s->password : "") < 0)
		return err_set(e, -EFBIG, "user name and password are too long");
	base64 = malloc(4 * ((pair.len + 2) / 3) + 1);
	if (!base64)
		return err_code(e, -ENOMEM, "cannot keep credentials");
	(void)EVP_EncodeBlock(base64, (const unsigned char *)pair.data, (int)pair.len); /* cannot fail */
	json_out_object(out, key);
	json_out_string(out, "auth", (const char *)base64);
	json_out_opt_string(out, "identitytoken", s->identity_token);
	json_out_end(out);
	explicit_bzero(pair.data, pair.len);
	return 0;
}

static int replace_file(const char *file, const char *text, size_t len, struct err *e)
{
	const char *slash = strrchr(file, '/');
	cleanup_free char *dir = slash ? strndup(file, (size_t)(slash - file) + 1) : strdup(".");
	cleanup_fd int fd = -1;
	int r;

	if (!dir)
		return err_code(e, -ENOMEM, "cannot write '%s'", file);
	r = dir_make_open(AT_FDCWD, dir, 0700, &fd, e);
	if (r == 0)
		r = file_write_durable(fd, slash ? slash + 1 : file, text, len, 0600, e);
	return r < 0 ? err_wrap(e, "cannot write '%s'", file) : 0;
}

int auth_document_write(const struct auth_document *d, const char *file, const char *key,
			const struct secret *s, struct err *e)
{
	cleanup_json_out struct json_out *out = json_out_new(true, AUTH_FILE_MAX);
	struct json_in top = json_top(d->json), auths = json_get(&top, "auths");
	struct rewriting w = { .out = out, .key = key };
	const char *text = "";
	size_t len = 0;
	int r = 0;

	json_out_object(out, NULL);
	json_out_object(out, "auths");
	if (auths.value)
		r = json_each(&auths, copy_entry, &w, e);
	if (r == 0 && s)
		r = write_secret(out, key, s, e);
	json_out_end(out);
	if (r == 0)
		r = json_each(&top, copy_other, &w, e);
	json_out_end(out);
	if (r == 0)
		r = json_out_finish(out, &text, &len, e);
	return r < 0 ? r : replace_file(file, text, len, e);
}
