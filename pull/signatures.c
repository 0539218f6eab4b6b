/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/signatures.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "oci/descriptor.h"
#include "pull/sigstore.h"

void signatures_done(struct signatures *s)
{
	for (size_t i = 0; i < s->len; i++) {
		buf_done(&s->items[i].payload);
		free(s->items[i].base64);
	}
	free(s->items);
	*s = (struct signatures){ 0 };
}

/* --- fetching ---------------------------------------------------------------------------------------- */

static int append(struct signatures *s, struct buf *payload, const char *base64, struct err *e)
{
	struct signature *longer;
	char *copy;

	if (s->len == SIGSTORE_SIGNATURES_MAX)
		return err_set(e, -EFBIG, "it has more than %d signatures", SIGSTORE_SIGNATURES_MAX);
	longer = reallocarray(s->items, s->len + 1, sizeof(*longer));
	if (longer)
		s->items = longer;
	copy = longer ? strdup(base64) : NULL;
	if (!copy)
		return err_code(e, -ENOMEM, "cannot keep a signature");
	s->items[s->len++] = (struct signature){ .payload = *payload, .base64 = copy };
	*payload = (struct buf){ 0 };
	return 0;
}

/* What is wrong with one signature does not hinder the others; what is wrong with the line or with us does. */
static bool is_its_own_fault(int code)
{
	return code == -ENOENT || code == -EBADMSG || code == -EFBIG || code == -EINVAL ||
	       code == -EOPNOTSUPP;
}

static int fetch_one(const struct signature_reader *reader, const struct descriptor *layer,
		     struct signatures *ret, struct err *e)
{
	const char *base64 = strvec_get_env(&layer->annotations, SIGSTORE_SIGNATURE_KEY);
	cleanup_buf struct buf payload = BUF_INIT(SIGSTORE_PAYLOAD_MAX);
	struct source_answer answer = { 0 };
	int r;

	if (!base64 || !layer->media_type || strcmp(layer->media_type, SIGSTORE_PAYLOAD_TYPE) != 0 ||
	    layer->size_bytes == 0 || layer->size_bytes > SIGSTORE_PAYLOAD_MAX)
		return 0;
	r = worker_document(reader->worker, reader->source, SOURCE_BLOB, &layer->digest, layer->size_bytes,
			    reader->cancel_fd, &payload, &answer, e);
	if (r < 0)
		return is_its_own_fault(r) ? 0 : r;
	return append(ret, &payload, base64, e);
}

static int fetch_all_of(const struct signature_reader *reader, const struct buf *text, struct signatures *ret,
			struct err *e)
{
	cleanup_manifest struct manifest m = { 0 };
	struct err ignored; /* no manifest, no signatures */
	int r = 0;

	if (manifest_decode(text->data ? text->data : "", text->len, &m, &ignored) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < m.layers_len; i++)
		r = fetch_one(reader, &m.layers[i], ret, e);
	return r;
}

static int fetch_manifest(const struct signature_reader *reader, enum source_item item,
			  const struct digest *digest, struct signatures *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct source_answer answer = { 0 };
	int r = worker_document(reader->worker, reader->source, item, digest, 0, reader->cancel_fd, &text,
				&answer, e);

	if (r < 0)
		return is_its_own_fault(r) ? 0 : r;
	return fetch_all_of(reader, &text, ret, e);
}

/* distribution-spec "Listing Referrers". Registries that have never heard of it answer in many ways. */
static int fetch_referrers(const struct signature_reader *reader, const struct digest *subject,
			   struct signatures *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	cleanup_image_index struct image_index index = { 0 };
	struct source_answer answer = { 0 };
	struct err ignored; /* no index, no signatures */
	int r = worker_document(reader->worker, reader->source, SOURCE_REFERRERS, subject, 0,
				reader->cancel_fd, &text, &answer, e);

	if (r < 0)
		return is_its_own_fault(r) || r == -EPROTO ? 0 : r;
	if (image_index_decode(text.data ? text.data : "", text.len, &index, &ignored) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < index.manifests_len; i++) {
		const struct descriptor *d = &index.manifests[i];

		if (d->artifact_type && strcmp(d->artifact_type, SIGSTORE_ARTIFACT_TYPE) == 0)
			r = fetch_manifest(reader, SOURCE_MANIFEST, &d->digest, ret, e);
	}
	return r;
}

int signatures_fetch(const struct signature_reader *reader, const struct digest *subject,
		     struct signatures *ret, struct err *e)
{
	int r = fetch_manifest(reader, SOURCE_SIGNATURE, subject, ret, e);

	if (r == 0)
		r = fetch_referrers(reader, subject, ret, e);
	return r < 0 ? err_wrap(e, "the signatures of %s", subject->text) : 0;
}

/* --- checking ---------------------------------------------------------------------------------------- */

static bool is_among(const struct digest *d, const struct digest *all, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (digest_equal(d, &all[i]))
			return true;
	return false;
}

/* First whether the key has made it: of what it has not made nothing is believed. */
static int check_one(const struct signature *s, const struct policy_requirement *r,
		     const struct reference *wanted, const struct digest *subjects, size_t len,
		     char **ret_name, struct err *e)
{
	cleanup_sigstore_payload struct sigstore_payload p = { 0 };
	int code = sigstore_verify(&r->keys, s->payload.data, s->payload.len, s->base64, e);

	if (code == 0)
		code = sigstore_payload_decode(s->payload.data, s->payload.len, &p, e);
	if (code < 0)
		return code;
	if (!is_among(&p.digest, subjects, len))
		return err_set(e, -EACCES, "it is a signature for %s", p.digest.text);
	code = policy_identity_check(&r->identity, wanted, p.name, e);
	if (code == 0 && ret_name)
		*ret_name = ptr_take(p.name);
	return code;
}

int signatures_check(const struct signatures *s, const struct policy_requirement *r,
		     const struct reference *wanted, const struct digest *subjects, size_t len,
		     char **ret_name, struct err *e)
{
	int code;

	(void)err_set(e, -EACCES, "there is no signature");
	for (size_t i = 0; i < s->len; i++) {
		code = check_one(&s->items[i], r, wanted, subjects, len, ret_name, e);
		if (code == 0 || code == -ENOMEM || code == -EOPNOTSUPP)
			return code;
		(void)err_wrap(e, "signature %zu of %zu", i + 1, s->len);
	}
	e->code = -EACCES; /* whatever it was in the last one */
	return e->code;
}
