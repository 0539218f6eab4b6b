/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_image.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/encoder.h"
#include "pull/hash.h"
#include "pull/repack.h"
#include "store/blob.h"
#include "store/image.h"

void build_image_done(struct build_image *i)
{
	strvec_done(&i->names);
	*i = (struct build_image){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot put an image together");
}

/* --- documents -------------------------------------------------------------------------------------------- */

struct documents {
	struct buf config, manifest;
	struct digest config_digest, manifest_digest;
};

static void documents_done(struct documents *d)
{
	buf_done(&d->config);
	buf_done(&d->manifest);
}
#define cleanup_documents __attribute__((cleanup(documents_done)))

static const struct manifest *base_manifest(const struct build_result *r)
{
	return r->base ? &r->base->image.manifest : NULL;
}

/* The base's layers as its registry has them, and ours as plain tars: a push compresses these. */
static int write_manifest(const struct build_result *r, const struct build_image_options *o,
			  struct documents *d, struct err *e)
{
	const struct manifest *base = base_manifest(r);
	bool is_docker = base && repack_is_docker(base);
	size_t below = base ? base->layers_len : 0, len = below + r->made_len;
	cleanup_free struct descriptor *layers = calloc(len + 1, sizeof(*layers));
	struct descriptor config = { .media_type = (char *)(uintptr_t)repack_config_type(is_docker),
				     .digest = d->config_digest,
				     .size_bytes = d->config.len };
	struct manifest manifest = { .layers_len = len };

	if (!layers)
		return no_memory(e);
	if (o->annotations && o->annotations->len > 0) {
		manifest.annotations = *o->annotations; /* a view */
		is_docker = false;
		config.media_type = (char *)(uintptr_t)repack_config_type(false);
	}
	for (size_t i = 0; i < below; i++)
		layers[i] = base->layers[i]; /* views */
	for (size_t i = 0; i < r->made_len; i++)
		layers[below + i] = (struct descriptor){
			.media_type = (char *)(uintptr_t)compression_media_type(COMPRESSION_NONE, is_docker),
			.digest = r->made[i].diff_id,
			.size_bytes = r->made[i].tar_bytes,
		};
	return repack_manifest(&manifest, is_docker, &config, layers, &d->manifest, e);
}

static int write_documents(const struct build_result *r, const struct build_image_options *o,
			   struct documents *d, struct err *e)
{
	int n = image_config_write(&r->config, &d->config, e);

	if (n == 0)
		n = hash_bytes("sha256", d->config.data, d->config.len, &d->config_digest, e);
	if (n == 0)
		n = write_manifest(r, o, d, e);
	return n < 0 ? n : hash_bytes("sha256", d->manifest.data, d->manifest.len, &d->manifest_digest, e);
}

/* --- names ------------------------------------------------------------------------------------------------ */

static int list_names(const struct build_image_options *o, const struct documents *d, struct strvec *ret,
		      struct err *e)
{
	int r;

	if (o->names && o->names->len > 0)
		r = strvec_add_all(ret, o->names);
	else
		r = strvec_addf(ret, BUILD_NAMELESS ":%.12s", digest_hex(&d->config_digest));
	return r < 0 ? no_memory(e) : 0;
}

static bool is_bound(const struct store *s, const char *name, const struct documents *d)
{
	cleanup_image_record struct image_record record = { 0 };
	cleanup_reference struct reference ref = { 0 };
	struct err ignored;

	return reference_parse(name, &ref, &ignored) == 0 &&
	       image_lookup(s, &ref, &record, &ignored) == 0 && !record.is_additional &&
	       digest_equal(&record.manifest, &d->manifest_digest);
}

static uint64_t size_of(const struct store *s, const struct strvec *layers)
{
	uint64_t size = 0;

	for (size_t i = 0; i < layers->len; i++) {
		struct layer_meta meta = { 0 };
		struct err ignored; /* a size that is not known counts as 0 */

		if (layer_meta_read(s, layers->items[i], &meta, &ignored) == 0)
			size += meta.unpacked_size;
		layer_meta_done(&meta);
	}
	return size;
}

static int keep(const struct store *s, const struct documents *d, const struct build_result *r, struct err *e)
{
	int n = blob_put(s, &d->config_digest, d->config.data, d->config.len, e);

	(void)r; /* its layers are in place */
	if (n == 0)
		n = blob_put(s, &d->manifest_digest, d->manifest.data, d->manifest.len, e);
	return n < 0 ? n : store_sync(s, e);
}

static int bind_all(const struct store *s, const struct documents *d, const struct build_result *r,
		    const struct strvec *names, struct err *e)
{
	struct image_record record = { .manifest = d->manifest_digest,
				       .config = d->config_digest,
				       .layers = r->layers,   /* views, as is the name */
				       .hidden = r->hidden };
	bool kept = false;
	int n = 0;

	for (size_t i = 0; n == 0 && i < names->len; i++) {
		if (is_bound(s, names->items[i], d))
			continue;
		if (!kept) {
			n = keep(s, d, r, e);
			record.size_bytes = size_of(s, &r->layers);
			kept = true;
		}
		record.name = names->items[i];
		if (n == 0)
			n = image_bind(s, &record, e);
	}
	return n;
}

int build_image_keep(const struct build *b, const struct build_result *r, const struct build_image_options *o,
		     struct build_image *ret, struct err *e)
{
	cleanup_documents struct documents d = { .config = BUF_INIT(CONFIG_MAX_BYTES),
						 .manifest = BUF_INIT(MANIFEST_MAX_BYTES) };
	cleanup_strvec struct strvec names = { 0 };
	int n = write_documents(r, o, &d, e);

	if (n == 0)
		n = list_names(o, &d, &names, e);
	if (n == 0)
		n = bind_all(b->store, &d, r, &names, e);
	if (n < 0)
		return store_explain_full(b->store, e);
	*ret = (struct build_image){ .id = d.config_digest, .manifest = d.manifest_digest, .names = names };
	names = (struct strvec){ 0 };
	return 0;
}
