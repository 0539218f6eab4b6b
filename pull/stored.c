/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/stored.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "pull/layer_keys.h"
#include "pull/repack.h"
#include "store/blob.h"
#include "store/layer.h"

void stored_image_done(struct stored_image *i)
{
	image_record_done(&i->record);
	buf_done(&i->manifest_text);
	buf_done(&i->config_text);
	manifest_done(&i->manifest);
	image_config_done(&i->config);
	free(i->diff_ids);
	*i = (struct stored_image){ 0 };
}

static int load(const struct store *s, struct stored_image *i, struct err *e)
{
	int r = blob_get(s, &i->record.manifest, &i->manifest_text, e);

	if (r == 0)
		r = manifest_decode(i->manifest_text.data ? i->manifest_text.data : "", i->manifest_text.len,
				    &i->manifest, e);
	if (r == 0 && !digest_is_set(&i->record.config))
		i->record.config = i->manifest.config.digest;
	if (r == 0)
		r = image_load_config(s, &i->record, &i->config, &i->config_text, e);
	if (r == 0 && i->config.diff_ids_len != i->manifest.layers_len)
		r = err_set(e, -EBADMSG, "its manifest has %zu layers where its config has %zu",
			    i->manifest.layers_len, i->config.diff_ids_len);
	return r;
}

int stored_image_load(const struct store *s, const char *what, struct stored_image *ret, struct err *e)
{
	cleanup_stored_image struct stored_image i = { .manifest_text = BUF_INIT(MANIFEST_MAX_BYTES),
						       .config_text = BUF_INIT(CONFIG_MAX_BYTES) };
	int r = image_find(s, what, &i.record, e);

	if (r < 0)
		return r;
	r = load(s, &i, e);
	if (r < 0)
		return err_wrap(e, "image '%s'", what);
	*ret = i;
	i = (struct stored_image){ 0 };
	return 0;
}

int stored_image_open(const struct store *s, const struct digest *manifest, struct stored_image *ret,
		      struct err *e)
{
	cleanup_stored_image struct stored_image i = { .record.manifest = *manifest,
						       .manifest_text = BUF_INIT(MANIFEST_MAX_BYTES),
						       .config_text = BUF_INIT(CONFIG_MAX_BYTES) };
	int r;

	i.record.name = strdup(manifest->text); /* for messages */
	r = i.record.name ? load(s, &i, e) : err_code(e, -ENOMEM, "cannot load an image");
	if (r < 0)
		return err_wrap(e, "image %s", manifest->text);
	*ret = i;
	i = (struct stored_image){ 0 };
	return 0;
}

/* --- where else the registry may have a layer --------------------------------------------------------------- */

static bool has_layer(const struct manifest *m, const struct digest *digest)
{
	for (size_t i = 0; i < m->layers_len; i++)
		if (digest_equal(&m->layers[i].digest, digest))
			return true;
	return false;
}

static void add_mount(struct upload_mounts *m, const char *path)
{
	for (uint32_t i = 0; i < m->len; i++)
		if (strcmp(m->paths[i], path) == 0)
			return;
	if (m->len < UPLOADER_MOUNTS_MAX && strlen(path) < sizeof(m->paths[0]))
		(void)snprintf(m->paths[m->len++], sizeof(m->paths[0]), "%s", path);
}

/* An image of the same registry that was pulled from, or pushed to, another repository. Only for speed: what cannot be read is passed over. */
static void add_mounts_from(const struct store *s, const struct image_record *other, const char *domain,
			    const char *path, struct transfer *t)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_manifest struct manifest m = { 0 };
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct err ignored;

	if (reference_parse(other->name, &ref, &ignored) < 0 || strcmp(ref.domain, domain) != 0 ||
	    strcmp(ref.path, path) == 0)
		return;
	if (blob_get(s, &other->manifest, &text, &ignored) < 0 || text.len == 0 ||
	    manifest_decode(text.data, text.len, &m, &ignored) < 0)
		return;
	for (size_t i = 0; i < t->len; i++)
		if (has_layer(&m, &t->blobs[i].digest))
			add_mount(&t->blobs[i].mounts, ref.path);
}

static void find_mounts(const struct store *s, const char *domain, const char *path, struct transfer *t)
{
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	struct err ignored; /* see above */

	if (image_list(s, &items, &len, &damaged, &ignored) < 0)
		return;
	for (size_t i = 0; i < len; i++)
		add_mounts_from(s, &items[i], domain, path, t);
	image_list_free(items, len);
}

static bool is_made_here(const struct store *s, const char *key)
{
	struct layer_meta meta = { 0 };
	struct err ignored; /* what cannot be read goes as it is listed */
	bool is = layer_meta_read(s, key, &meta, &ignored) == 0 && meta.is_made_here;

	layer_meta_done(&meta);
	return is;
}

/* --- the list of layers --------------------------------------------------------------------------------------- */

int stored_image_list(const struct store *s, const struct stored_image *i, const char *domain,
		      const char *path, struct transfer *t, struct err *e)
{
	size_t len = i->manifest.layers_len;
	cleanup_free struct layer_keys *keys = calloc(len + 1, sizeof(*keys));
	int r;

	if (!keys)
		return err_code(e, -ENOMEM, "cannot list the layers");
	r = layer_keys_make(i->config.diff_ids, len, keys, e);
	if (r == 0)
		r = transfer_begin(t, len, e);
	if (r < 0)
		return r;
	for (size_t n = 0; n < len; n++) {
		struct transfer_blob *b = &t->blobs[n];
		const char *key = layer_keys_find(&keys[n], s);

		b->digest = i->manifest.layers[n].digest;
		b->size_bytes = i->manifest.layers[n].size_bytes;
		b->diff_id = i->config.diff_ids[n];
		b->is_lost = !key;
		b->kind = media_kind_of(i->manifest.layers[n].media_type ? i->manifest.layers[n].media_type
									 : "");
		if (key)
			(void)snprintf(b->key, sizeof(b->key), "%s", key);
		b->is_made_here = key && b->kind == MEDIA_LAYER && is_made_here(s, key);
		b->phase =
			transfer_makes_anew(t, b) && key && !t->reuses ? TRANSFER_ABSENT : TRANSFER_WAITING;
	}
	if (domain)
		find_mounts(s, domain, path, t);
	return 0;
}

/* --- what has become of it ------------------------------------------------------------------------------------ */

static int hash_into(const struct buf *text, struct digest *ret, struct err *e)
{
	return hash_bytes("sha256", text->data ? text->data : "", text->len, ret, e);
}

static int rewrite_config(struct stored_image *i, struct err *e)
{
	struct buf out = BUF_INIT(CONFIG_MAX_BYTES);
	int r = repack_config(i->config_text.data, i->config_text.len, i->diff_ids, i->manifest.layers_len,
			      &out, e);

	if (r < 0) {
		buf_done(&out);
		return r;
	}
	buf_done(&i->config_text);
	i->config_text = out;
	return hash_into(&i->config_text, &i->config_digest, e);
}

/* Whether layer `n` went out as another blob than the one that was pulled. */
static bool is_other(const struct stored_image *i, const struct transfer *t, size_t n)
{
	struct encoder_result out;

	transfer_outcome(t, n, &out);
	return !digest_equal(&out.digest, &i->manifest.layers[n].digest);
}

/* Borrows what it points at. */
static void describe_layer(const struct stored_image *i, const struct transfer *t, size_t n, bool is_docker,
			   struct descriptor *ret)
{
	const struct transfer_blob *b = &t->blobs[n];
	struct encoder_result out;

	if (b->twin != TRANSFER_NO_TWIN)
		b = &t->blobs[b->twin];
	transfer_outcome(t, n, &out);
	*ret = i->manifest.layers[n];
	ret->digest = out.digest;
	ret->size_bytes = out.size_bytes;
	if (is_other(i, t, n)) {
		ret->media_type = (char *)(uintptr_t)compression_media_type(b->made.compression, is_docker);
		ret->annotations =
			(struct strvec){ 0 }; /* they may be about offsets in the blob that it was */
	} else if (!is_docker && ret->media_type) {
		ret->media_type = (char *)(uintptr_t)
			compression_media_type(compression_of(media_kind_of(ret->media_type)), false);
	}
}

static int rewrite_manifest(struct stored_image *i, const struct transfer *t, bool is_docker, struct err *e)
{
	cleanup_free struct descriptor *layers = calloc(i->manifest.layers_len + 1, sizeof(*layers));
	struct buf out = BUF_INIT(MANIFEST_MAX_BYTES);
	struct descriptor config = i->manifest.config;
	int r;

	if (!layers)
		return err_code(e, -ENOMEM, "cannot rewrite a manifest");
	config.digest = i->config_digest;
	config.size_bytes = i->config_text.len;
	config.media_type = (char *)(uintptr_t)repack_config_type(is_docker);
	for (size_t n = 0; n < i->manifest.layers_len; n++)
		describe_layer(i, t, n, is_docker, &layers[n]);
	r = repack_manifest(&i->manifest, is_docker, &config, layers, &out, e);
	if (r < 0) {
		buf_done(&out);
		return r;
	}
	buf_done(&i->manifest_text);
	i->manifest_text = out;
	i->manifest_type = repack_manifest_type(is_docker);
	i->is_changed = true;
	return hash_into(&i->manifest_text, &i->manifest_digest, e);
}

int stored_image_finish(struct stored_image *i, const struct transfer *t, bool to_oci, struct err *e)
{
	bool was_docker = repack_is_docker(&i->manifest), is_docker = was_docker && !to_oci;
	bool others = was_docker != is_docker;
	int r = 0;

	i->diff_ids = calloc(t->len + 1, sizeof(*i->diff_ids));
	if (!i->diff_ids)
		return err_code(e, -ENOMEM, "cannot list the layers");
	for (size_t n = 0; n < t->len; n++) {
		struct encoder_result out;

		transfer_outcome(t, n, &out);
		i->diff_ids[n] = out.diff_id;
		i->has_other_diff_ids |= !digest_equal(&out.diff_id, &i->config.diff_ids[n]);
		if (!is_other(i, t, n))
			continue;
		others = true;
		/* zstd is none of docker's schema 2. */
		if (t->blobs[n].was_made && t->blobs[n].made.compression == COMPRESSION_ZSTD)
			is_docker = false;
	}
	i->manifest_digest = i->record.manifest;
	i->config_digest = i->record.config;
	i->manifest_type = i->manifest.media_type ? i->manifest.media_type : repack_manifest_type(is_docker);
	if (i->has_other_diff_ids)
		r = rewrite_config(i, e);
	return r == 0 && (others || i->has_other_diff_ids) ? rewrite_manifest(i, t, is_docker, e) : r;
}
