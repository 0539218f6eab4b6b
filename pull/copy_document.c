/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/copy_document.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "pull/manifest_list.h"
#include "pull/repack.h"

void copy_document_done(struct copy_document *d)
{
	descriptor_done(&d->self);
	buf_done(&d->text);
	manifest_done(&d->manifest);
}

bool copy_document_is_plain(const struct manifest *m, size_t n)
{
	const char *config = m->config.media_type, *layer = m->layers[n].media_type;

	return config && media_kind_of(config) == MEDIA_CONFIG && layer &&
	       (strcmp(layer, compression_media_type(COMPRESSION_NONE, false)) == 0 ||
		strcmp(layer, compression_media_type(COMPRESSION_NONE, true)) == 0) &&
	       strcmp(digest_algorithm(&m->layers[n].digest), "sha256") == 0;
}

static int take_text(struct copy_document *d, struct buf *text, struct err *e)
{
	d->was = d->self.digest;
	buf_done(&d->text);
	d->text = *text;
	*text = (struct buf){ 0 };
	d->self.size_bytes = d->text.len;
	return hash_bytes("sha256", d->text.data, d->text.len, &d->self.digest, e);
}

/* `blob` is that of the first layer. */
static int rewrite_manifest(struct copy_document *d, const struct transfer *t, size_t blob, struct err *e)
{
	struct manifest *m = &d->manifest;
	bool is_docker = repack_is_docker(m), is_changed = false;
	cleanup_free struct descriptor *layers = calloc(m->layers_len + 1, sizeof(*layers));
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	int r;

	if (!layers)
		return err_code(e, -ENOMEM, "cannot rewrite a manifest");
	for (size_t n = 0; n < m->layers_len; n++) {
		struct encoder_result out;

		layers[n] = m->layers[n]; /* owns nothing */
		transfer_outcome(t, blob + n, &out);
		if (digest_equal(&out.digest, &m->layers[n].digest))
			continue;
		is_changed = true;
		layers[n].digest = out.digest;
		layers[n].size_bytes = out.size_bytes;
		layers[n].media_type =
			(char *)(uintptr_t)compression_media_type(t->compression.kind, is_docker);
	}
	if (!is_changed)
		return 0;
	r = repack_manifest(m, is_docker, &m->config, layers, &text, e);
	return r < 0 ? r : take_text(d, &text, e);
}

static const struct copy_document *successor_of(const struct copy_document *documents, size_t len,
						const struct digest *digest)
{
	for (size_t i = 0; i < len; i++)
		if (digest_is_set(&documents[i].was) && digest_equal(&documents[i].was, digest))
			return &documents[i];
	return NULL;
}

/* documents[at] is an index; what it names comes before it. */
static int rewrite_index(struct copy_document *documents, size_t at, struct err *e)
{
	struct copy_document *d = &documents[at];
	cleanup_image_index struct image_index index = { 0 };
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	const char *type;
	bool is_changed = false;
	int r = image_index_decode(d->text.data, d->text.len, &index, e);

	for (size_t i = 0; r == 0 && i < index.manifests_len; i++) {
		const struct copy_document *now = successor_of(documents, at, &index.manifests[i].digest);

		if (!now)
			continue;
		is_changed = true;
		index.manifests[i].digest = now->self.digest;
		index.manifests[i].size_bytes = now->self.size_bytes;
	}
	if (r < 0 || !is_changed)
		return r;
	type = d->self.media_type ? d->self.media_type : index.media_type;
	r = manifest_list_text(&index, type && strcmp(type, manifest_list_type(true)) == 0, &text, e);
	return r < 0 ? r : take_text(d, &text, e);
}

int copy_documents_rewrite(struct copy_document *documents, size_t len, const struct transfer *t,
			   struct err *e)
{
	size_t blob = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		if (!documents[i].is_manifest) {
			r = rewrite_index(documents, i, e);
			continue;
		}
		r = rewrite_manifest(&documents[i], t, blob, e);
		blob += documents[i].manifest.layers_len + 1;
	}
	return r;
}
