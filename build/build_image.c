/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_image.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/encoder.h"
#include "pull/hash.h"
#include "pull/manifest_list.h"
#include "pull/repack.h"
#include "store/blob.h"

void build_image_done(struct build_image *i)
{
	image_record_done(&i->record);
	descriptor_done(&i->descriptor);
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

/* Docker's documents have no annotations. */
static bool is_docker_image(const struct build_result *r, const struct strvec *annotations)
{
	const struct manifest *base = base_manifest(r);

	return base && repack_is_docker(base) && (!annotations || annotations->len == 0);
}

/* The base's layers as its registry has them, and ours as plain tars: a push compresses these. */
static int write_manifest(const struct build_result *r, const struct strvec *annotations, struct documents *d,
			  struct err *e)
{
	const struct manifest *base = base_manifest(r);
	bool is_docker = is_docker_image(r, annotations);
	size_t below = base ? base->layers_len : 0, len = below + r->made_len;
	cleanup_free struct descriptor *layers = calloc(len + 1, sizeof(*layers));
	struct descriptor config = { .media_type = (char *)(uintptr_t)repack_config_type(is_docker),
				     .digest = d->config_digest,
				     .size_bytes = d->config.len };
	struct manifest manifest = { .layers_len = len };

	if (!layers)
		return no_memory(e);
	if (annotations)
		manifest.annotations = *annotations; /* a view */
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

static int write_documents(const struct build_result *r, const struct strvec *annotations,
			   struct documents *d, struct err *e)
{
	int n = image_config_write(&r->config, &d->config, e);

	if (n == 0)
		n = hash_bytes("sha256", d->config.data, d->config.len, &d->config_digest, e);
	if (n == 0)
		n = write_manifest(r, annotations, d, e);
	return n < 0 ? n : hash_bytes("sha256", d->manifest.data, d->manifest.len, &d->manifest_digest, e);
}

static int put(const struct store *s, const struct documents *d, bool *ret_new, struct err *e)
{
	int n;

	*ret_new = !blob_exists(s, &d->config_digest) || !blob_exists(s, &d->manifest_digest);
	n = blob_put(s, &d->config_digest, d->config.data, d->config.len, e);
	return n < 0 ? n : blob_put(s, &d->manifest_digest, d->manifest.data, d->manifest.len, e);
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

static int describe(const struct build_result *r, const struct documents *d, bool is_docker,
		    struct build_image *ret, struct err *e)
{
	int n = strvec_add_all(&ret->record.layers, &r->layers);

	ret->record.manifest = d->manifest_digest;
	ret->record.config = d->config_digest;
	if (n == 0)
		n = strvec_add_all(&ret->record.hidden, &r->hidden);
	ret->descriptor.media_type = strdup(repack_manifest_type(is_docker));
	ret->descriptor.digest = d->manifest_digest;
	ret->descriptor.size_bytes = d->manifest.len;
	if (n < 0 || !ret->descriptor.media_type)
		return no_memory(e);
	return image_config_describe(&r->config, &ret->descriptor, e);
}

int build_image_make(const struct build *b, const struct build_result *r, const struct strvec *annotations,
		     struct build_image *ret, struct err *e)
{
	cleanup_documents struct documents d = { .config = BUF_INIT(CONFIG_MAX_BYTES),
						 .manifest = BUF_INIT(MANIFEST_MAX_BYTES) };
	cleanup_build_image struct build_image image = { 0 };
	int n = write_documents(r, annotations, &d, e);

	if (n == 0)
		n = put(b->store, &d, &image.is_new, e);
	if (n == 0)
		n = describe(r, &d, is_docker_image(r, annotations), &image, e);
	if (n < 0)
		return store_explain_full(b->store, e);
	*ret = image;
	image = (struct build_image){ 0 };
	return 0;
}

/* --- names ------------------------------------------------------------------------------------------------ */

static bool is_bound(const struct store *s, const struct image_record *record, bool is_temporary)
{
	cleanup_image_record struct image_record found = { 0 };
	cleanup_reference struct reference ref = { 0 };
	struct err ignored;

	return reference_parse(record->name, &ref, &ignored) == 0 &&
	       image_lookup(s, &ref, &found, &ignored) == 0 && !found.is_additional &&
	       found.is_temporary == is_temporary && digest_equal(&found.manifest, &record->manifest) &&
	       digest_equal(&found.index, &record->index);
}

/* `name` is borrowed. */
static int bind(const struct store *s, struct build_image *i, char *name, struct err *e)
{
	int n = 0;

	i->record.name = name;
	if (!is_bound(s, &i->record, i->is_temporary)) {
		if (i->is_new)
			n = store_sync(s, e);
		i->is_new = i->is_new && n < 0;
		i->record.size_bytes = size_of(s, &i->record.layers);
		if (n == 0)
			n = i->is_temporary ? image_bind_temporary(s, &i->record, e)
					    : image_bind(s, &i->record, e);
	}
	i->record.name = NULL;
	return n;
}

static int give_name(const struct digest *id, struct strvec *names, struct err *e)
{
	if (names->len > 0)
		return 0;
	return strvec_addf(names, BUILD_NAMELESS ":%.12s", digest_hex(id)) < 0 ? no_memory(e) : 0;
}

int build_image_bind(const struct build *b, struct build_image *i, struct strvec *names, struct err *e)
{
	int n = give_name(&i->record.config, names, e);

	for (size_t k = 0; n == 0 && k < names->len; k++)
		n = bind(b->store, i, names->items[k], e);
	return n < 0 ? store_explain_full(b->store, e) : 0;
}

/* --- several platforms -------------------------------------------------------------------------------------- */

static int write_index(const struct build_image *images, size_t len, const struct descriptor *more,
		       size_t more_len, const struct strvec *annotations, struct image_index *ret,
		       struct err *e)
{
	int n = 0;

	ret->manifests = calloc(len + more_len + 1, sizeof(*ret->manifests));
	if (!ret->manifests || (annotations && strvec_add_all(&ret->annotations, annotations) < 0))
		return no_memory(e);
	for (size_t i = 0; n == 0 && i < len + more_len; i++) {
		n = descriptor_copy(i < len ? &images[i].descriptor : &more[i - len],
				    &ret->manifests[ret->manifests_len], e);
		ret->manifests_len += n == 0;
	}
	return n;
}

static int put_index(const struct store *s, const struct image_index *index, struct digest *ret,
		     struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	int n = manifest_list_text(index, false, &text, e);

	if (n == 0)
		n = hash_bytes("sha256", text.data, text.len, ret, e);
	return n < 0 ? n : blob_put(s, ret, text.data, text.len, e);
}

/* Each member, so that it has a root of its own: NAME without its tag, @DIGEST. */
static int bind_member(const struct store *s, struct build_image *i, const char *name, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *by_digest = NULL;
	int n = reference_parse(name, &ref, e);

	if (n < 0)
		return n;
	if (asprintf(&by_digest, "%s/%s@%s", ref.domain, ref.path, i->record.manifest.text) < 0) {
		by_digest = NULL;
		return no_memory(e);
	}
	return bind(s, i, by_digest, e);
}

/* The one that this machine runs. */
static size_t own_member(const struct build_image *images, size_t len)
{
	struct platform_list list;
	struct machine machine;
	size_t best = 0;
	int rank = -1;

	machine_detect(&machine);
	platform_list_for_machine(&machine, &list);
	for (size_t i = 0; i < len; i++) {
		int r = platform_rank(&list, &images[i].descriptor.platform);

		if (r >= 0 && (rank < 0 || r < rank)) {
			rank = r;
			best = i;
		}
	}
	return best;
}

/* Where a push finds the members. */
static int note_sources(struct image_index *index, size_t len, const char *name, struct err *e)
{
	for (size_t i = 0; i < len; i++)
		if (strvec_addf(&index->manifests[i].annotations,
				MANIFEST_LIST_SOURCE "=" MANIFEST_LIST_STORE "%s", name) < 0)
			return no_memory(e);
	return 0;
}

int build_index_bind(const struct build *b, struct build_image *images, size_t len,
		     const struct descriptor *more, size_t more_len, const struct strvec *annotations,
		     struct strvec *names, struct image_index *ret, struct digest *ret_digest, struct err *e)
{
	cleanup_image_index struct image_index index = { 0 };
	size_t own = own_member(images, len);
	int n = write_index(images, len, more, more_len, annotations, &index, e);

	if (n == 0)
		n = put_index(b->store, &index, ret_digest, e);
	if (n == 0)
		n = give_name(ret_digest, names, e);
	for (size_t i = 0; n == 0 && i < len; i++) {
		images[i].record.index = *ret_digest;
		images[i].is_new = images[i].is_new || i == 0; /* the index is */
	}
	for (size_t k = 0; n == 0 && k < names->len; k++) {
		for (size_t i = 0; n == 0 && i < len; i++)
			n = bind_member(b->store, &images[i], names->items[k], e);
		if (n == 0)
			n = bind(b->store, &images[own], names->items[k], e);
	}
	if (n == 0)
		n = note_sources(&index, len, names->items[0], e);
	if (n < 0)
		return store_explain_full(b->store, e);
	*ret = index;
	index = (struct image_index){ 0 };
	return 0;
}

int build_index_copy(const struct image_index *from, struct image_index *ret, struct err *e)
{
	int r = strvec_add_all(&ret->annotations, &from->annotations);

	ret->manifests = calloc(from->manifests_len + 1, sizeof(*ret->manifests));
	if (r < 0 || !ret->manifests)
		return err_code(e, -ENOMEM, "cannot copy an index");
	for (size_t i = 0; r == 0 && i < from->manifests_len; i++) {
		r = descriptor_copy(&from->manifests[i], &ret->manifests[i], e);
		ret->manifests_len += r == 0;
	}
	return r;
}
