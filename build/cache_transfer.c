/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache_transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "oci/image_config.h"
#include "pull/hash.h"
#include "pull/layer_keys.h"
#include "pull/layout.h"
#include "pull/repack.h"
#include "store/blob.h"
#include "store/layer.h"
#include "store/step_cache.h"

#define LAYOUT_NAME "localhost/build-cache" /* of the image in a folder */

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot move a build cache");
}

static const char *tag_of(const struct build_cache_place *p)
{
	return p->tag ? p->tag : BUILD_CACHE_TAG;
}

/* As pull/transport.h has it. Owned; NULL: out of memory. */
static char *source_of(const struct build_cache_place *p)
{
	char *text = NULL;
	int n;

	if (p->kind == BUILD_CACHE_REGISTRY)
		return strdup(p->ref);
	if (digest_is_set(&p->digest))
		n = asprintf(&text, "oci:%s:@%s", p->dir, p->digest.text);
	else
		n = asprintf(&text, "oci:%s:%s", p->dir, tag_of(p));
	return n < 0 ? NULL : text;
}

/* --- from ----------------------------------------------------------------------------------------------- */

struct import {
	const struct store *store;
	int64_t now_s;
	struct cache_records records;
	int refused; /* what is wrong with it: the code of `why` */
	struct err why;
	bool knows_all;
};

static void import_done(struct import *i)
{
	cache_records_done(&i->records);
}
#define cleanup_import __attribute__((cleanup(import_done)))

static bool knows(const struct import *i, const struct digest *key)
{
	cleanup_step_record struct step_record record = { 0 };
	struct err ignored; /* what cannot be read is not known */

	return step_cache_find(i->store, key, i->now_s, &record, &ignored) == 0;
}

/* Before any layer is downloaded. */
static int accept_cache(void *arg, const struct image_config *config, const struct digest *digest,
			struct err *e)
{
	struct import *i = arg;
	int r = cache_records_read(config, &i->records, e);

	(void)digest;
	if (r < 0) {
		i->refused = r;
		i->why = *e;
		return r;
	}
	i->knows_all = true;
	for (size_t n = 0; n < i->records.len; n++)
		i->knows_all = i->knows_all && knows(i, &i->records.items[n].key);
	return i->knows_all ? err_set(e, -EALREADY, "all its steps are known") : 0;
}

/* A layer that looks otherwise on others is none of a step's: those describe whatever they have. */
static int put_step(const struct import *i, const struct cache_step *step, struct build_cache_imported *ret,
		    struct err *e)
{
	struct layer_keys keys;
	struct step_record record = { .key = step->key,
				      .before = step->before,
				      .diff_id = step->diff_id,
				      .size_bytes = step->size_bytes,
				      .created = step->created, /* views */
				      .text = step->text };
	int r;

	if (knows(i, &step->key))
		return 0;
	r = layer_keys_make(&step->diff_id, 1, &keys, e);
	if (r < 0 || !layer_exists(i->store, keys.plain))
		return r;
	record.layer = keys.plain;
	r = step_cache_put(i->store, &record, e);
	if (r == 0)
		ret->news++;
	return r;
}

/* What is wrong with this machine, or asked for by the user, is not to be passed over. */
static bool is_ours(int code)
{
	return code == -EINTR || code == -ENOMEM || code == -ENOSPC || code == -EDQUOT || code == -EROFS;
}

static bool is_malformed(const struct import *i)
{
	return i->refused == -EINVAL || i->refused == -EFBIG;
}

static int fetch(struct import *i, const char *source, const struct pull_options *options, struct err *e)
{
	cleanup_pull_result struct pull_result result = { 0 };
	struct pull_options o = *options;
	int r;

	o.any_platform = true;
	o.nameless = true;
	o.accept = accept_cache;
	o.accept_arg = i;
	r = pull_image(i->store, source, &o, &result, e);
	if (i->knows_all && r < 0)
		return 0;
	if (i->refused) {
		*e = i->why;
		return is_malformed(i) ? i->refused : i->refused == -ENOMEM ? -ENOMEM : 1;
	}
	return r < 0 && !is_ours(r) ? 1 : r;
}

int build_cache_import(const struct build *b, const struct build_cache_place *from,
		       const struct pull_options *options, struct build_cache_imported *ret, struct err *e)
{
	cleanup_import struct import i = { .store = b->store, .now_s = (int64_t)time(NULL) };
	cleanup_free char *source = source_of(from);
	struct build_cache_imported result = { 0 };
	int r = source ? fetch(&i, source, options, e) : no_memory(e);

	if (r != 0) {
		if (r != -EINTR)
			(void)err_wrap(e, "build cache '%s'",
				       from->kind == BUILD_CACHE_REGISTRY ? from->ref : from->dir);
		return r;
	}
	result.steps = i.records.len;
	for (size_t n = 0; r == 0 && n < i.records.len; n++)
		r = put_step(&i, &i.records.items[n], &result, e);
	if (r < 0)
		return store_explain_full(b->store, e);
	*ret = result;
	return 0;
}

/* --- to ------------------------------------------------------------------------------------------------- */

/* The image that the cache travels as. */
struct parcel {
	struct descriptor *layers; /* media types are borrowed from `types` or static */
	struct digest *diff_ids;
	size_t len, steps;
	struct strvec types;
	struct buf config, manifest;
	struct digest config_digest, manifest_digest;
};

static void parcel_done(struct parcel *p)
{
	free(p->layers);
	free(p->diff_ids);
	strvec_done(&p->types);
	buf_done(&p->config);
	buf_done(&p->manifest);
}
#define cleanup_parcel __attribute__((cleanup(parcel_done)))

/* A layer that was pulled is what its registry has: that may be where it goes, and need not be compressed again to find out. */
static int describe(const struct build *b, const struct step_layer *layer, struct parcel *p, struct err *e)
{
	struct descriptor *d = &p->layers[p->len];
	struct layer_meta meta = { 0 };
	int r = layer_meta_read(b->store, layer->key, &meta, e);

	if (r < 0)
		return r;
	*d = (struct descriptor){ .media_type =
					  (char *)(uintptr_t)compression_media_type(COMPRESSION_NONE, false),
				  .digest = layer->diff_id,
				  .size_bytes = layer->tar_bytes };
	if (meta.media_type && !digest_equal(&meta.blob, &meta.diff_id)) {
		enum compression_kind kind = compression_of(media_kind_of(meta.media_type));

		d->media_type = (char *)(uintptr_t)compression_media_type(kind, false);
		d->digest = meta.blob;
		d->size_bytes = meta.blob_size;
	}
	layer_meta_done(&meta);
	p->diff_ids[p->len++] = layer->diff_id;
	return 0;
}

static bool has_layer(const struct parcel *p, const struct digest *diff_id)
{
	for (size_t i = 0; i < p->len; i++)
		if (digest_equal(&p->diff_ids[i], diff_id))
			return true;
	return false;
}

static int list_layers(const struct build *b, const struct cache_steps *steps, bool is_max, struct parcel *p,
		       struct err *e)
{
	int ret = 0;

	p->layers = calloc(MANIFEST_MAX_LAYERS, sizeof(*p->layers));
	p->diff_ids = calloc(MANIFEST_MAX_LAYERS, sizeof(*p->diff_ids));
	if (!p->layers || !p->diff_ids)
		return no_memory(e);
	for (size_t i = 0; ret == 0 && i < steps->len; i++) {
		const struct build_step *step = &steps->items[i];

		if (!cache_has_step(step, is_max))
			continue;
		p->steps++;
		if (has_layer(p, &step->layer.diff_id))
			continue;
		if (p->len == MANIFEST_MAX_LAYERS)
			return err_set(e, -EFBIG, "a build cache has at most %d layers (mode=min has fewer)",
				       MANIFEST_MAX_LAYERS);
		ret = describe(b, &step->layer, p, e);
	}
	return ret;
}

static int write_config(const struct cache_steps *steps, bool is_max, struct parcel *p, struct err *e)
{
	struct image_config config = { .platform = steps->platform,
				       .diff_ids = p->diff_ids, /* a view */
				       .diff_ids_len = p->len };
	struct buf label = BUF_INIT(CACHE_LABEL_MAX + sizeof(CACHE_LABEL));
	int ret = buf_add_str(&label, CACHE_LABEL "=") < 0 ? no_memory(e) : 0;

	if (ret == 0)
		ret = cache_records_write(steps->items, steps->len, is_max, &label, e);
	if (ret == 0 && strvec_add(&config.labels, label.data) < 0)
		ret = no_memory(e);
	if (ret == 0)
		ret = image_config_write(&config, &p->config, e);
	strvec_done(&config.labels);
	buf_done(&label);
	return ret < 0 ? ret : hash_bytes("sha256", p->config.data, p->config.len, &p->config_digest, e);
}

static int write_manifest(struct parcel *p, struct err *e)
{
	const struct descriptor config = { .media_type = (char *)(uintptr_t)repack_config_type(false),
					   .digest = p->config_digest,
					   .size_bytes = p->config.len };
	const struct manifest manifest = { .layers_len = p->len };
	int r = repack_manifest(&manifest, false, &config, p->layers, &p->manifest, e);

	return r < 0 ? r : hash_bytes("sha256", p->manifest.data, p->manifest.len, &p->manifest_digest, e);
}

/* Nothing refers to them: they are the next collection's. */
static int put_documents(const struct store *s, const struct parcel *p, struct err *e)
{
	int r = blob_put(s, &p->config_digest, p->config.data, p->config.len, e);

	return r < 0 ? r : blob_put(s, &p->manifest_digest, p->manifest.data, p->manifest.len, e);
}

static int write_folder(const struct build *b, const struct build_cache_place *to,
			const struct push_options *o, struct err *e)
{
	cleanup_layout struct layout *layout = NULL;
	cleanup_strvec struct strvec names = { 0 };
	struct push_result result;
	int r = layout_open_dir(to->dir, &layout, e);

	if (r == 0 && strvec_addf(&names, LAYOUT_NAME ":%s", tag_of(to)) < 0)
		r = no_memory(e);
	if (r == 0)
		r = push_to_layout(b->store, to->dir, &names, o, layout, &result, e);
	return r < 0 ? r : layout_finish(layout, e);
}

static int send_parcel(const struct build *b, const struct build_cache_place *to, const struct parcel *p,
		       const struct push_options *options, struct digest *ret, struct err *e)
{
	struct push_options o = *options;
	struct push_result result;
	int r = put_documents(b->store, p, e);

	if (r < 0)
		return store_explain_full(b->store, e);
	o.manifest = &p->manifest_digest;
	o.untagged = false;
	o.anew = to->has_compression;
	o.compress_tars = true;
	o.compression =
		to->has_compression ? to->compression : (struct compression){ .kind = COMPRESSION_GZIP };
	*ret = (struct digest){ 0 };
	if (to->kind == BUILD_CACHE_LOCAL)
		return write_folder(b, to, &o, e);
	r = push_image(b->store, to->ref, to->ref, &o, &result, e);
	if (r == 0)
		*ret = result.digest;
	return r;
}

static int export_steps(const struct build *b, const struct cache_steps *steps,
			const struct build_cache_place *to, const struct push_options *options,
			struct build_cache_exported *ret, struct err *e)
{
	cleanup_parcel struct parcel p = { .config = BUF_INIT(CONFIG_MAX_BYTES),
					   .manifest = BUF_INIT(MANIFEST_MAX_BYTES) };
	struct digest digest;
	int n = list_layers(b, steps, to->is_max, &p, e);

	if (n < 0 || p.steps == 0)
		return n;
	n = write_config(steps, to->is_max, &p, e);
	if (n == 0)
		n = write_manifest(&p, e);
	if (n == 0)
		n = send_parcel(b, to, &p, options, &digest, e);
	if (n == 0)
		*ret = (struct build_cache_exported){ .digest = digest, .steps = p.steps, .layers = p.len };
	return n;
}

int build_cache_export(const struct build *b, const struct cache_steps *steps,
		       const struct build_cache_place *to, const struct push_options *options,
		       struct build_cache_exported *ret, struct err *e)
{
	int n;

	*ret = (struct build_cache_exported){ 0 };
	if (to->kind == BUILD_CACHE_INLINE)
		return 0;
	n = export_steps(b, steps, to, options, ret, e);
	if (n == 0 || n == -EINTR)
		return n;
	(void)err_wrap(e, "cannot write the build cache");
	return to->ignore_error ? 1 : n;
}

int build_cache_label(struct build_result *r, bool with, struct err *e)
{
	struct buf label = BUF_INIT(CACHE_LABEL_MAX + sizeof(CACHE_LABEL));
	int n = 0;

	for (size_t i = r->config.labels.len; !with && i > 0; i--)
		if (strncmp(r->config.labels.items[i - 1], CACHE_LABEL "=", sizeof(CACHE_LABEL)) == 0)
			strvec_remove(&r->config.labels, i - 1);
	if (!with)
		return 0;
	if (buf_add_str(&label, CACHE_LABEL "=") < 0)
		n = no_memory(e);
	if (n == 0)
		n = cache_records_write(r->steps, r->steps_len, false, &label, e);
	if (n == 0 && strvec_set_env(&r->config.labels, label.data) < 0)
		n = no_memory(e);
	buf_done(&label);
	return n;
}
