/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/policy.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "pull/config_dirs.h"

void policy_requirements_done(struct policy_requirements *r)
{
	for (size_t i = 0; i < r->len; i++) {
		strvec_done(&r->items[i].keys);
		free(r->items[i].identity.name);
		free(r->items[i].identity.prefix);
		free(r->items[i].identity.signed_prefix);
	}
	free(r->items);
	*r = (struct policy_requirements){ 0 };
}

/* --- scopes ------------------------------------------------------------------------------------------ */

/* "a/b/c", "a/b", "a". */
static int add_parents(struct strvec *out, const char *text)
{
	cleanup_free char *copy = strdup(text);
	char *slash;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && *copy) {
		r = strvec_add(out, copy);
		slash = strrchr(copy, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return r;
}

/* "*.example.com", "*.com" for reg.example.com:5000. */
static int add_wildcards(struct strvec *out, const char *domain)
{
	cleanup_free char *host = strndup(domain, strcspn(domain, ":"));
	int r = host ? 0 : -ENOMEM;

	for (const char *dot = r == 0 ? strchr(host, '.') : NULL; r == 0 && dot; dot = strchr(dot + 1, '.'))
		r = strvec_addf(out, "*%s", dot);
	return r;
}

int policy_scopes_of_reference(const struct reference *ref, struct strvec *ret, struct err *e)
{
	cleanup_free char *full = reference_canonical(ref);
	cleanup_free char *name = NULL;
	int r = full && asprintf(&name, "%s/%s", ref->domain, ref->path) >= 0 ? 0 : -ENOMEM;

	if (r == 0)
		r = strvec_add(ret, full);
	if (r == 0)
		r = add_parents(ret, name);
	if (r == 0)
		r = add_wildcards(ret, ref->domain);
	if (r == 0)
		r = strvec_add(ret, "");
	return r < 0 ? err_code(e, r, "cannot look up the signature policy") : 0;
}

int policy_scopes_of_path(const char *path, struct strvec *ret, struct err *e)
{
	cleanup_free char *real = realpath(path, NULL);
	int r = real ? add_parents(ret, real) : 0; /* a file that is not there is somebody else's error */

	if (r == 0)
		r = strvec_add(ret, "");
	return r < 0 ? err_code(e, r, "cannot look up the signature policy") : 0;
}

/* --- requirements ------------------------------------------------------------------------------------ */

/* A member that we do not know may be a condition that we would not check. */
static int refuse_unknown(const struct json_in *member, void *arg, struct err *e)
{
	const char *const *known = arg;

	for (size_t i = 0; known[i]; i++)
		if (strcmp(known[i], member->key) == 0)
			return 0;
	return json_error(member, -EOPNOTSUPP, e, "this is not supported");
}

static const struct json_enum IDENTITY_KINDS[] = {
	{ "matchRepoDigestOrExact", IDENTITY_REPO_DIGEST_OR_EXACT },
	{ "matchExact", IDENTITY_EXACT },
	{ "matchRepository", IDENTITY_REPOSITORY },
	{ "exactReference", IDENTITY_EXACT_REFERENCE },
	{ "exactRepository", IDENTITY_EXACT_REPOSITORY },
	{ "remapIdentity", IDENTITY_REMAP },
	{ 0 },
};

struct identity_text {
	int kind;
	char *reference, *repository, *prefix, *signed_prefix;
};

static const struct json_field IDENTITY[] = {
	{ "type", offsetof(struct identity_text, kind), json_read_enum, IDENTITY_KINDS, .required = true },
	{ "dockerReference", offsetof(struct identity_text, reference), json_read_string },
	{ "dockerRepository", offsetof(struct identity_text, repository), json_read_string },
	{ "prefix", offsetof(struct identity_text, prefix), json_read_string },
	{ "signedPrefix", offsetof(struct identity_text, signed_prefix), json_read_string },
	{ 0 },
};

static int read_identity(const struct json_in *in, struct policy_identity *ret, struct err *e)
{
	struct identity_text t = { 0 };
	int r;

	if (!in->value)
		return 0;
	r = json_read_object(in, IDENTITY, &t, e);
	ret->kind = (enum policy_identity_kind)t.kind;
	if (ret->kind == IDENTITY_EXACT_REFERENCE)
		ret->name = ptr_take(t.reference);
	else if (ret->kind == IDENTITY_EXACT_REPOSITORY)
		ret->name = ptr_take(t.repository);
	ret->prefix = ptr_take(t.prefix);
	ret->signed_prefix = ptr_take(t.signed_prefix);
	free(t.reference);
	free(t.repository);
	if (r < 0)
		return r;
	if ((ret->kind == IDENTITY_EXACT_REFERENCE || ret->kind == IDENTITY_EXACT_REPOSITORY) && !ret->name)
		return json_error(in, -EINVAL, e, "a name is missing");
	if (ret->kind == IDENTITY_REMAP && (!ret->prefix || !ret->signed_prefix))
		return json_error(in, -EINVAL, e, "prefix or signedPrefix is missing");
	return 0;
}

static int add_key_file(struct strvec *keys, const char *path, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(POLICY_KEY_BYTES);
	int r = file_read(AT_FDCWD, path, &text, e);

	if (r == 0 && strvec_take(keys, buf_take(&text)) < 0)
		r = err_code(e, -ENOMEM, "cannot keep a key");
	return r;
}

static int add_key_data(const struct json_in *in, struct strvec *keys, const char *base64, struct err *e)
{
	size_t len = strlen(base64);
	cleanup_free char *text = calloc(1, len + 1);

	if (!text)
		return err_code(e, -ENOMEM, "cannot keep a key");
	if (len > POLICY_KEY_BYTES ||
	    EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)base64, (int)len) < 0)
		return json_error(in, -EINVAL, e, "keyData is no base64");
	return strvec_add(keys, text) < 0 ? err_code(e, -ENOMEM, "cannot keep a key") : 0;
}

struct key_texts {
	char *path, *data;
	struct strvec paths, datas;
};

static const struct json_field KEYS[] = {
	{ "keyPath", offsetof(struct key_texts, path), json_read_string },
	{ "keyData", offsetof(struct key_texts, data), json_read_string },
	{ "keyPaths", offsetof(struct key_texts, paths), json_read_strvec },
	{ "keyDatas", offsetof(struct key_texts, datas), json_read_strvec },
	{ 0 },
};

static int take_keys(const struct json_in *in, const struct key_texts *t, struct strvec *ret, struct err *e)
{
	int kinds = (t->path != NULL) + (t->data != NULL) + (t->paths.len > 0) + (t->datas.len > 0);
	int r = 0;

	if (kinds != 1)
		return json_error(in, -EINVAL, e, "expected one of keyPath, keyData, keyPaths and keyDatas");
	if (t->paths.len > POLICY_KEYS_MAX || t->datas.len > POLICY_KEYS_MAX)
		return json_error(in, -EFBIG, e, "more than %d keys", POLICY_KEYS_MAX);
	if (t->path)
		r = add_key_file(ret, t->path, e);
	if (t->data)
		r = add_key_data(in, ret, t->data, e);
	for (size_t i = 0; r == 0 && i < t->paths.len; i++)
		r = add_key_file(ret, t->paths.items[i], e);
	for (size_t i = 0; r == 0 && i < t->datas.len; i++)
		r = add_key_data(in, ret, t->datas.items[i], e);
	return r;
}

static int read_sigstore(const struct json_in *in, struct policy_requirement *ret, struct err *e)
{
	static const char *const KNOWN[] = { "type",     "keyPath",        "keyData", "keyPaths",
					     "keyDatas", "signedIdentity", NULL };
	struct json_in identity = json_get(in, "signedIdentity");
	struct key_texts t = { 0 };
	int r = json_each(in, refuse_unknown, (void *)(uintptr_t)KNOWN, e);

	if (r == 0)
		r = json_read_object(in, KEYS, &t, e);
	if (r == 0)
		r = take_keys(in, &t, &ret->keys, e);
	free(t.path);
	free(t.data);
	strvec_done(&t.paths);
	strvec_done(&t.datas);
	return r < 0 ? r : read_identity(&identity, &ret->identity, e);
}

static int read_requirement(const struct json_in *in, struct policy_requirement *ret, struct err *e)
{
	struct json_in type_in = json_get(in, "type");
	cleanup_free char *type = NULL;
	int r;

	if (!json_in_is_object(in))
		return json_error(in, -EINVAL, e, "expected an object");
	if (!type_in.value)
		return json_error(in, -EINVAL, e, "'type' is missing");
	r = json_read_string(&type_in, NULL, &type, e);
	if (r < 0)
		return r;
	if (strcmp(type, "insecureAcceptAnything") == 0) {
		ret->kind = POLICY_ACCEPT;
	} else if (strcmp(type, "reject") == 0) {
		ret->kind = POLICY_REJECT;
	} else if (strcmp(type, "sigstoreSigned") == 0) {
		ret->kind = POLICY_SIGSTORE;
		r = read_sigstore(in, ret, e);
	} else {
		r = json_error(
			in, -EOPNOTSUPP, e,
			"'%.40s' is not supported (sigstoreSigned, insecureAcceptAnything and reject are)",
			type);
	}
	return r;
}

static int read_list(const struct json_in *in, struct policy_requirements *ret, struct err *e)
{
	size_t len = json_len(in);
	int r = 0;

	if (!json_in_is_array(in) || len == 0)
		return json_error(in, -EINVAL, e, "expected an array with a requirement in it");
	if (len > POLICY_REQUIREMENTS_MAX)
		return json_error(in, -EFBIG, e, "more than %d requirements", POLICY_REQUIREMENTS_MAX);
	ret->items = calloc(len, sizeof(*ret->items));
	if (!ret->items)
		return err_code(e, -ENOMEM, "cannot keep the signature policy");
	ret->len = len;
	for (size_t i = 0; r == 0 && i < len; i++) {
		struct json_in item = json_at(in, i);

		r = read_requirement(&item, &ret->items[i], e);
	}
	return r;
}

int policy_decode(const char *text, size_t len, const char *transport, const struct strvec *scopes,
		  struct policy_requirements *ret, struct err *e)
{
	cleanup_policy_requirements struct policy_requirements found = { 0 };
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_in top, transports, of_transport, list = { 0 };
	int r = json_parse(text, len, POLICY_DEPTH_MAX, &doc, e);

	if (r < 0)
		return r;
	top = json_top(doc);
	transports = json_get(&top, "transports");
	of_transport = transports.value ? json_get(&transports, transport) : transports;
	for (size_t i = 0; of_transport.value && !list.value && i < scopes->len; i++)
		list = json_get(&of_transport, scopes->items[i]);
	if (!list.value)
		list = json_get(&top, "default");
	if (!list.value)
		return err_set(e, -EINVAL, "'default' is missing");
	r = read_list(&list, &found, e);
	if (r < 0)
		return r;
	*ret = found;
	found = (struct policy_requirements){ 0 };
	return 0;
}

int policy_load(const char *transport, const struct strvec *scopes, struct policy_requirements *ret,
		char **ret_path, struct err *e)
{
	cleanup_strvec struct strvec dirs = { 0 };
	int r = config_dirs("containers", &dirs, e);

	for (size_t i = dirs.len; r == 0 && i > 0; i--) {
		cleanup_buf struct buf text = BUF_INIT(POLICY_MAX_BYTES);
		cleanup_free char *path = NULL;

		if (asprintf(&path, "%s/policy.json", dirs.items[i - 1]) < 0)
			return err_code(e, -ENOMEM, "cannot read the signature policy");
		r = file_read(AT_FDCWD, path, &text, e);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (r < 0)
			return r;
		r = policy_decode(text.data ? text.data : "", text.len, transport, scopes, ret, e);
		if (r < 0)
			return err_wrap(e, "'%s'", path);
		*ret_path = ptr_take(path);
		return 0;
	}
	return r;
}
