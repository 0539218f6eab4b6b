/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/copy_attestation.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

void copy_attestations_done(struct copy_attestations *a)
{
	for (size_t i = 0; i < a->len; i++)
		attestation_manifest_done(&a->items[i]);
	free(a->items);
	*a = (struct copy_attestations){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot move an attestation");
}

/* --- one of them ------------------------------------------------------------------------------------------- */

static bool is_statements(const struct manifest *m)
{
	for (size_t i = 0; i < m->layers_len; i++)
		if (!m->layers[i].media_type ||
		    strcmp(m->layers[i].media_type, ATTESTATION_STATEMENT_TYPE) != 0 ||
		    m->layers[i].size_bytes > ATTESTATION_MAX_BYTES)
			return false;
	return m->layers_len > 0 && m->layers_len <= ATTESTATION_STATEMENTS_MAX;
}

static int count(struct copy_attestations *to, size_t bytes, struct err *e)
{
	to->bytes += bytes;
	return to->bytes > COPY_STATEMENTS_MAX
		       ? err_set(e, -EFBIG, "the statements of all attestations have more than %zu bytes",
				 COPY_STATEMENTS_MAX)
		       : 0;
}

/* *ret_is: all of them are text. */
static int read_statements(const struct manifest *m, const struct signature_reader *reader,
			   struct copy_attestations *to, struct strvec *ret, bool *ret_is, struct err *e)
{
	int r = 0;

	*ret_is = true;
	for (size_t i = 0; r == 0 && *ret_is && i < m->layers_len; i++) {
		const struct descriptor *d = &m->layers[i];
		cleanup_buf struct buf text = BUF_INIT(ATTESTATION_MAX_BYTES);
		struct source_answer answer = { 0 };

		r = worker_document(reader->worker, reader->source, SOURCE_BLOB, &d->digest, d->size_bytes,
				    reader->cancel_fd, &text, &answer, e);
		if (r < 0)
			return r == -EINTR ? r : err_wrap(e, "statement %s", d->digest.text);
		r = count(to, text.len, e);
		*ret_is = text.data && strlen(text.data) == text.len;
		if (r == 0 && *ret_is && strvec_take(ret, buf_take(&text)) < 0)
			r = no_memory(e);
	}
	return r;
}

/* `a`: what was attested of `image`. */
static int move(struct copy_document *d, struct attestation_manifest *a, const struct digest *image,
		struct copy_attestations *to, struct err *e)
{
	struct attestation_manifest *more = reallocarray(to->items, to->len + 1, sizeof(*more));
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	int r;

	if (!more)
		return no_memory(e);
	to->items = more;
	r = attestation_manifest_move(a, image, &to->items[to->len], e);
	if (r < 0)
		return r == -EINVAL ? 0 : r; /* statements in no form that we know */
	a = &to->items[to->len++];
	if (buf_add(&text, a->manifest.data, a->manifest.len) < 0)
		return no_memory(e);
	return copy_document_become(d, &text, a->self.media_type, e);
}

static int move_about(struct copy_document *d, const struct digest *was, const struct digest *is,
		      const struct signature_reader *reader, struct copy_attestations *to, struct err *e)
{
	struct attestation_manifest a = { .image = *was };
	bool is_text = false;
	int r = is_statements(&d->manifest)
			? read_statements(&d->manifest, reader, to, &a.statements, &is_text, e)
			: 0;

	if (r == 0 && is_text)
		r = move(d, &a, is, to, e);
	strvec_done(&a.statements);
	return r;
}

/* --- all of them ------------------------------------------------------------------------------------------- */

static struct copy_document *find(struct copy_document *documents, size_t len, const struct digest *digest)
{
	for (size_t i = 0; i < len; i++)
		if (documents[i].is_manifest && digest_equal(&documents[i].self.digest, digest))
			return &documents[i];
	return NULL; /* also one that has been moved: it is in two indexes */
}

static int move_entry(struct copy_document *documents, size_t len, const struct descriptor *entry,
		      const struct signature_reader *reader, struct copy_attestations *to, struct err *e)
{
	const char *about = strvec_get_env(&entry->annotations, ATTESTATION_DIGEST_KEY);
	struct copy_document *d = find(documents, len, &entry->digest);
	const struct copy_document *now;
	struct digest image;
	struct err ignored; /* then it is about nothing */
	int r;

	if (!d || !attestation_manifest_is(entry) || !about || digest_parse(about, &image, &ignored) < 0)
		return 0;
	now = copy_documents_successor(documents, len, &image);
	if (!now)
		return 0;
	r = move_about(d, &image, &now->self.digest, reader, to, e);
	return r < 0 && r != -EINTR ? err_wrap(e, "attestation %s", entry->digest.text) : r;
}

int copy_attestations_move(struct copy_document *documents, size_t len, const struct signature_reader *reader,
			   struct copy_attestations *ret, struct err *e)
{
	cleanup_copy_attestations struct copy_attestations a = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		cleanup_image_index struct image_index index = { 0 };

		if (!documents[i].is_manifest)
			r = image_index_decode(documents[i].text.data, documents[i].text.len, &index, e);
		for (size_t n = 0; r == 0 && n < index.manifests_len; n++)
			r = move_entry(documents, i, &index.manifests[n], reader, &a, e);
	}
	if (r < 0)
		return r;
	*ret = a;
	a = (struct copy_attestations){ 0 };
	return 0;
}

/* --- their blobs ------------------------------------------------------------------------------------------- */

static void set_blob(struct transfer_blob *b, const struct digest *digest, const char *text, size_t len)
{
	b->digest = *digest;
	b->text = text;
	b->size_bytes = len;
}

int copy_attestations_send(const struct copy_attestations *a, struct transfer *t, struct err *e)
{
	size_t len = 0, at = 0;
	int r;

	for (size_t i = 0; i < a->len; i++)
		len += a->items[i].statements.len + 1;
	r = transfer_begin(t, len, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < a->len; i++) {
		const struct attestation_manifest *m = &a->items[i];

		for (size_t n = 0; n < m->statements.len; n++)
			set_blob(&t->blobs[at++], &m->digests[n], m->statements.items[n],
				 strlen(m->statements.items[n]));
		set_blob(&t->blobs[at++], &m->config_digest, m->config.data, m->config.len);
	}
	t->observer.blobs = NULL; /* nothing that anybody waits for */
	t->observer.blob = NULL;
	return transfer_run(t, e);
}
