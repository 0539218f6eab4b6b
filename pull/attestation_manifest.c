/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/attestation_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_span.h"
#include "common/json_write.h"
#include "pull/hash.h"
#include "pull/repack.h"
#include "store/blob.h"

#define PREDICATE_KEY "in-toto.io/predicate-type"
#define PREDICATE_MAX 1024 /* bytes of a predicate's type */
#define NOWHERE       "unknown"

void attestation_manifest_done(struct attestation_manifest *a)
{
	strvec_done(&a->statements);
	free(a->digests);
	buf_done(&a->config);
	buf_done(&a->manifest);
	descriptor_done(&a->self);
	*a = (struct attestation_manifest){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot write an attestation");
}

/* --- documents ---------------------------------------------------------------------------------------- */

static int hash_statements(struct attestation_manifest *a, struct err *e)
{
	int r = 0;

	a->digests = calloc(a->statements.len + 1, sizeof(*a->digests));
	if (!a->digests)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < a->statements.len; i++) {
		const char *text = a->statements.items[i];

		r = hash_bytes("sha256", text, strlen(text), &a->digests[i], e);
	}
	return r;
}

static int write_config(struct attestation_manifest *a, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, CONFIG_MAX_BYTES);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_string(o, "architecture", NOWHERE);
	json_out_string(o, "os", NOWHERE);
	json_out_object(o, "config");
	json_out_end(o);
	json_out_object(o, "rootfs");
	json_out_string(o, "type", "layers");
	json_out_array(o, "diff_ids");
	for (size_t i = 0; i < a->statements.len; i++)
		json_out_string(o, NULL, a->digests[i].text);
	json_out_end(o);
	json_out_end(o);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(&a->config, text, len) < 0)
		r = no_memory(e);
	return r < 0 ? r : hash_bytes("sha256", text, len, &a->config_digest, e);
}

/* *ret: "in-toto.io/predicate-type=...". */
static int predicate_annotation(const char *statement, struct strvec *ret, struct err *e)
{
	static const char *const PLACE[] = { "predicateType", NULL };
	size_t at, len;

	if (!json_find_span(statement, strlen(statement), PLACE, &at, &len) || len < 3 ||
	    len > PREDICATE_MAX || statement[at] != '"' || memchr(statement + at, '\\', len))
		return err_set(e, -EINVAL, "a statement has no type of predicate");
	return strvec_addf(ret, PREDICATE_KEY "=%.*s", (int)(len - 2), statement + at + 1) < 0 ? no_memory(e)
											       : 0;
}

static int write_manifest(struct attestation_manifest *a, struct descriptor *layers, struct err *e)
{
	const struct descriptor config = { .media_type = (char *)(uintptr_t)repack_config_type(false),
					   .digest = a->config_digest,
					   .size_bytes = a->config.len };
	const struct manifest m = { .layers_len = a->statements.len };
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->statements.len; i++) {
		layers[i].media_type = (char *)(uintptr_t)ATTESTATION_STATEMENT_TYPE;
		layers[i].digest = a->digests[i];
		layers[i].size_bytes = strlen(a->statements.items[i]);
		r = predicate_annotation(a->statements.items[i], &layers[i].annotations, e);
	}
	return r < 0 ? r : repack_manifest(&m, false, &config, layers, &a->manifest, e);
}

static int write_layers(struct attestation_manifest *a, struct err *e)
{
	cleanup_free struct descriptor *layers = calloc(a->statements.len + 1, sizeof(*layers));
	int r = layers ? write_manifest(a, layers, e) : no_memory(e);

	for (size_t i = 0; layers && i < a->statements.len; i++)
		strvec_done(&layers[i].annotations);
	return r;
}

static int describe(struct attestation_manifest *a, struct err *e)
{
	struct descriptor *d = &a->self;

	*d = (struct descriptor){ .media_type = strdup(repack_manifest_type(false)),
				  .size_bytes = a->manifest.len,
				  .has_platform = true,
				  .platform = { .os = NOWHERE, .architecture = NOWHERE } };
	if (!d->media_type || strvec_addf(&d->annotations, ATTESTATION_DIGEST_KEY "=%s", a->image.text) < 0 ||
	    strvec_add(&d->annotations, ATTESTATION_TYPE_KEY "=" ATTESTATION_TYPE) < 0)
		return no_memory(e);
	return hash_bytes("sha256", a->manifest.data, a->manifest.len, &d->digest, e);
}

static int check(const struct strvec *statements, struct err *e)
{
	if (statements->len == 0)
		return err_set(e, -EINVAL, "an attestation has at least one statement");
	if (statements->len > ATTESTATION_STATEMENTS_MAX)
		return err_set(e, -EFBIG, "an attestation has at most %d statements",
			       ATTESTATION_STATEMENTS_MAX);
	for (size_t i = 0; i < statements->len; i++)
		if (strlen(statements->items[i]) > ATTESTATION_MAX_BYTES)
			return err_set(e, -EFBIG, "a statement has more than %zu bytes",
				       ATTESTATION_MAX_BYTES);
	return 0;
}

int attestation_manifest_make(const struct digest *image, const struct strvec *statements,
			      struct attestation_manifest *ret, struct err *e)
{
	cleanup_attestation_manifest struct attestation_manifest a = { .image = *image,
								       .config = BUF_INIT(CONFIG_MAX_BYTES),
								       .manifest =
									       BUF_INIT(MANIFEST_MAX_BYTES) };
	int r = check(statements, e);

	if (r == 0 && strvec_add_all(&a.statements, statements) < 0)
		r = no_memory(e);
	if (r == 0)
		r = hash_statements(&a, e);
	if (r == 0)
		r = write_config(&a, e);
	if (r == 0)
		r = write_layers(&a, e);
	if (r == 0)
		r = describe(&a, e);
	if (r < 0)
		return r;
	*ret = a;
	a = (struct attestation_manifest){ 0 };
	return 0;
}

/* --- about another manifest ------------------------------------------------------------------------------ */

/* A digest has the same length as any other of its kind: it is written over. */
static void move_subjects(char *statement, const char *from, const char *to)
{
	static const char *const PLACE[] = { "subject", NULL };
	size_t at, len, size = strlen(from);
	char *p;

	if (!json_find_span(statement, strlen(statement), PLACE, &at, &len) || strlen(to) != size)
		return;
	for (p = statement + at; (p = strstr(p, from)) && p + size <= statement + at + len; p += size)
		memcpy(p, to, size);
}

int attestation_manifest_move(const struct attestation_manifest *a, const struct digest *image,
			      struct attestation_manifest *ret, struct err *e)
{
	cleanup_strvec struct strvec statements = { 0 };

	if (strvec_add_all(&statements, &a->statements) < 0)
		return no_memory(e);
	for (size_t i = 0; i < statements.len; i++)
		move_subjects(statements.items[i], digest_hex(&a->image), digest_hex(image));
	return attestation_manifest_make(image, &statements, ret, e);
}

bool attestation_manifest_is(const struct descriptor *d)
{
	const char *type = strvec_get_env(&d->annotations, ATTESTATION_TYPE_KEY);

	return type && strcmp(type, ATTESTATION_TYPE) == 0;
}

/* --- the store -------------------------------------------------------------------------------------------- */

int attestation_manifest_keep(const struct store *s, const struct attestation_manifest *a, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->statements.len; i++)
		r = blob_put(s, &a->digests[i], a->statements.items[i], strlen(a->statements.items[i]), e);
	if (r == 0)
		r = blob_put(s, &a->config_digest, a->config.data, a->config.len, e);
	return r < 0 ? r : blob_put(s, &a->self.digest, a->manifest.data, a->manifest.len, e);
}

static int read_blob(const struct store *s, const struct digest *digest, struct buf *out, struct err *e)
{
	struct digest actual;
	int r = blob_get(s, digest, out, e);

	if (r == 0)
		r = hash_bytes(digest_algorithm(digest), out->data ? out->data : "", out->len, &actual, e);
	if (r == 0 && !digest_equal(&actual, digest))
		r = err_set(e, -EBADMSG, "blob '%s' is damaged", digest->text);
	return r;
}

static int read_statements(const struct store *s, const struct manifest *m, struct strvec *ret, struct err *e)
{
	int r = 0;

	if (m->layers_len > ATTESTATION_STATEMENTS_MAX)
		return err_set(e, -EFBIG, "an attestation has at most %d statements",
			       ATTESTATION_STATEMENTS_MAX);
	for (size_t i = 0; r == 0 && i < m->layers_len; i++) {
		cleanup_buf struct buf text = BUF_INIT(ATTESTATION_MAX_BYTES);

		r = read_blob(s, &m->layers[i].digest, &text, e);
		if (r == 0 && (!text.data || strlen(text.data) != text.len))
			r = err_set(e, -EBADMSG, "blob '%s' is no statement", m->layers[i].digest.text);
		if (r == 0 && strvec_take(ret, buf_take(&text)) < 0)
			r = no_memory(e);
	}
	return r;
}

/* Its own bytes, whoever wrote them, in place of ours. */
static int keep_own(const struct store *s, const struct manifest *m, struct buf *text,
		    struct attestation_manifest *a, struct err *e)
{
	cleanup_buf struct buf config = BUF_INIT(CONFIG_MAX_BYTES);
	int r = read_blob(s, &m->config.digest, &config, e);

	if (r < 0)
		return r;
	buf_done(&a->config);
	a->config = config;
	config = (struct buf){ 0 };
	a->config_digest = m->config.digest;
	buf_done(&a->manifest);
	a->manifest = *text;
	*text = (struct buf){ 0 };
	return 0;
}

static int load(const struct store *s, const struct descriptor *d, const struct digest *image,
		struct attestation_manifest *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	cleanup_manifest struct manifest m = { 0 };
	cleanup_strvec struct strvec statements = { 0 };
	int r = read_blob(s, &d->digest, &text, e);

	if (r == 0)
		r = manifest_decode(text.data ? text.data : "", text.len, &m, e);
	if (r == 0)
		r = read_statements(s, &m, &statements, e);
	if (r == 0)
		r = attestation_manifest_make(image, &statements, ret, e);
	if (r < 0 || digest_equal(&ret->self.digest, &d->digest))
		return r;
	r = keep_own(s, &m, &text, ret, e);
	if (r == 0) {
		descriptor_done(&ret->self);
		r = descriptor_copy(d, &ret->self, e);
	}
	return r;
}

int attestation_manifest_load(const struct store *s, const struct descriptor *d,
			      struct attestation_manifest *ret, struct err *e)
{
	const char *about = strvec_get_env(&d->annotations, ATTESTATION_DIGEST_KEY);
	cleanup_attestation_manifest struct attestation_manifest a = { 0 };
	struct digest image = { 0 };
	int r;

	if (!about || digest_parse(about, &image, e) < 0)
		return err_set(e, -EINVAL, "attestation %s does not say which manifest it is about",
			       d->digest.text);
	r = load(s, d, &image, &a, e);
	if (r < 0)
		return err_wrap(e, "attestation %s", d->digest.text);
	*ret = a;
	a = (struct attestation_manifest){ 0 };
	return 0;
}

/* --- files -------------------------------------------------------------------------------------------------- */

int attestation_manifest_put(const struct attestation_manifest *a, struct layout *layout, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->statements.len; i++)
		r = layout_put_document(layout, &a->digests[i], false, a->statements.items[i],
					strlen(a->statements.items[i]), e);
	if (r == 0)
		r = layout_put_document(layout, &a->config_digest, false, a->config.data, a->config.len, e);
	return r < 0 ? r
		     : layout_put_document(layout, &a->self.digest, false, a->manifest.data, a->manifest.len,
					   e);
}
