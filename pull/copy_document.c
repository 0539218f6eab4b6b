/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/copy_document.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/attestation_manifest.h"
#include "pull/hash.h"
#include "pull/manifest_list.h"
#include "pull/repack.h"

void copy_document_done(struct copy_document *d)
{
	descriptor_done(&d->self);
	buf_done(&d->text);
	manifest_done(&d->manifest);
}

bool copy_document_compression(const struct manifest *m, size_t n, enum compression_kind *ret)
{
	const char *config = m->config.media_type, *layer = m->layers[n].media_type;
	enum compression_kind kind;

	if (!config || media_kind_of(config) != MEDIA_CONFIG || !layer)
		return false;
	kind = compression_of(media_kind_of(layer));
	*ret = kind;
	return (strcmp(layer, compression_media_type(kind, false)) == 0 ||
		strcmp(layer, compression_media_type(kind, true)) == 0) &&
	       strcmp(digest_algorithm(&m->layers[n].digest), "sha256") == 0;
}

int copy_document_become(struct copy_document *d, struct buf *text, const char *media_type, struct err *e)
{
	d->was = d->self.digest;
	buf_done(&d->text);
	d->text = *text;
	*text = (struct buf){ 0 };
	d->self.size_bytes = d->text.len;
	return descriptor_set_media_type(&d->self, media_type, e) < 0
		       ? e->code
		       : hash_bytes("sha256", d->text.data, d->text.len, &d->self.digest, e);
}

/* What has become of layer `n`, which borrows what it points at. True: it is another. */
static bool describe_layer(const struct manifest *m, size_t n, const struct transfer *t, size_t blob,
			   bool is_docker, struct descriptor *ret)
{
	enum compression_kind kind;
	struct encoder_result out;

	*ret = m->layers[n];
	transfer_outcome(t, blob + n, &out);
	if (digest_equal(&out.digest, &ret->digest)) {
		if (!is_docker && copy_document_compression(m, n, &kind))
			ret->media_type = (char *)(uintptr_t)compression_media_type(kind, false);
		return false;
	}
	ret->digest = out.digest;
	ret->size_bytes = out.size_bytes;
	if (media_kind_of(ret->media_type) != MEDIA_LAYER)
		ret->annotations =
			(struct strvec){ 0 }; /* they may be about offsets in the blob that it was */
	ret->media_type = (char *)(uintptr_t)compression_media_type(t->compression.kind, is_docker);
	return true;
}

/* `blob` is that of the first layer. */
static int rewrite_manifest(struct copy_document *d, const struct transfer *t, size_t blob, struct err *e)
{
	struct manifest *m = &d->manifest;
	bool was_docker = repack_is_docker(m), is_changed = false;
	bool is_docker = was_docker && t->compression.kind != COMPRESSION_ZSTD;
	cleanup_free struct descriptor *layers = calloc(m->layers_len + 1, sizeof(*layers));
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct descriptor config = m->config;
	int r;

	if (!layers)
		return err_code(e, -ENOMEM, "cannot rewrite a manifest");
	for (size_t n = 0; n < m->layers_len; n++)
		is_changed |= describe_layer(m, n, t, blob, is_docker, &layers[n]);
	if (!is_changed)
		return 0;
	if (was_docker)
		config.media_type = (char *)(uintptr_t)repack_config_type(is_docker);
	r = repack_manifest(m, is_docker, &config, layers, &text, e);
	return r < 0 ? r : copy_document_become(d, &text, repack_manifest_type(is_docker), e);
}

const struct copy_document *copy_documents_successor(const struct copy_document *documents, size_t len,
						     const struct digest *was)
{
	for (size_t i = 0; i < len; i++)
		if (digest_is_set(&documents[i].was) && digest_equal(&documents[i].was, was))
			return &documents[i];
	return NULL;
}

/* What is attested is attested of the image as it arrives. */
static int follow_image(struct descriptor *d, const struct copy_document *documents, size_t len,
			struct err *e)
{
	const char *about = strvec_get_env(&d->annotations, ATTESTATION_DIGEST_KEY);
	cleanup_free char *text = NULL;
	const struct copy_document *now;
	struct digest image;
	struct err ignored; /* then it is about nothing */

	if (!about || digest_parse(about, &image, &ignored) < 0)
		return 0;
	now = copy_documents_successor(documents, len, &image);
	if (!now)
		return 0;
	if (asprintf(&text, ATTESTATION_DIGEST_KEY "=%s", now->self.digest.text) < 0)
		text = NULL;
	return !text || strvec_set_env(&d->annotations, text) < 0
		       ? err_code(e, -ENOMEM, "cannot rewrite an index")
		       : 0;
}

static int follow(struct descriptor *d, const struct copy_document *documents, size_t len, struct err *e)
{
	const struct copy_document *now = copy_documents_successor(documents, len, &d->digest);

	if (follow_image(d, documents, len, e) < 0)
		return e->code;
	if (!now)
		return 0;
	d->digest = now->self.digest;
	d->size_bytes = now->self.size_bytes;
	return descriptor_set_media_type(d, now->self.media_type, e);
}

/* documents[at] is an index; what it names comes before it. */
static int rewrite_index(struct copy_document *documents, size_t at, struct err *e)
{
	struct copy_document *d = &documents[at];
	cleanup_image_index struct image_index index = { 0 };
	cleanup_free struct digest *was = NULL;
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct manifest_list_origin origin = { .text = &d->text };
	struct push_result result = { 0 };
	int r = image_index_decode(d->text.data, d->text.len, &index, e);

	if (r < 0)
		return r;
	origin.media_type = d->self.media_type ? d->self.media_type : index.media_type;
	was = manifest_list_digests(&index);
	if (!was)
		return err_code(e, -ENOMEM, "cannot rewrite an index");
	for (size_t i = 0; r == 0 && i < index.manifests_len; i++)
		r = follow(&index.manifests[i], documents, at, e);
	if (r == 0)
		r = manifest_list_finish(&index, was, &origin, false, &text, &result, e);
	return r < 0 || !result.is_changed ? r : copy_document_become(d, &text, result.media_type, e);
}

int copy_documents_rewrite(struct copy_document *documents, size_t len, const struct transfer *t,
			   struct err *e)
{
	size_t blob = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		if (!documents[i].is_manifest)
			continue;
		r = rewrite_manifest(&documents[i], t, blob, e);
		blob += documents[i].manifest.layers_len + 1;
	}
	return r;
}

int copy_documents_rewrite_indexes(struct copy_document *documents, size_t len, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++)
		if (!documents[i].is_manifest)
			r = rewrite_index(documents, i, e);
	return r;
}
