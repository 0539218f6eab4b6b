/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/repair_image.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "oci/descriptor.h"
#include "oci/image_config.h"
#include "pull/source.h"
#include "pull/transport.h"
#include "pull/unpack.h"
#include "pull/worker.h"
#include "store/blob.h"
#include "store/layer.h"

struct repair {
	const struct store *store;
	const struct image_record *image;
	struct strvec *layers, *blobs;
	struct staging staging;
	struct transport transport;
	struct endpoints endpoints;
	struct source *source;
	struct worker worker;
	struct manifest manifest;
	struct image_config config;
};

static void repair_done(struct repair *p)
{
	worker_stop(&p->worker);
	source_free(p->source);
	endpoints_done(&p->endpoints);
	transport_done(&p->transport);
	manifest_done(&p->manifest);
	image_config_done(&p->config);
	staging_end(p->store, &p->staging);
}
#define cleanup_repair __attribute__((cleanup(repair_done)))

/* The image's record has its layers in two lists. */
static size_t layers_of(const struct image_record *image)
{
	return image->hidden.len + image->layers.len;
}

static const char *layer_of(const struct image_record *image, size_t index)
{
	return index < image->hidden.len ? image->hidden.items[index]
					 : image->layers.items[index - image->hidden.len];
}

/* True, and out of the list, if it was in it. */
static bool take(struct strvec *list, const char *text)
{
	for (size_t i = 0; i < list->len; i++) {
		if (strcmp(list->items[i], text) != 0)
			continue;
		strvec_remove(list, i);
		return true;
	}
	return false;
}

static bool is_needed(const struct repair *p)
{
	const struct image_record *i = p->image;
	bool needed = strvec_has(p->blobs, i->manifest.text) || strvec_has(p->blobs, i->config.text) ||
		      strvec_has(p->blobs, i->index.text);

	for (size_t n = 0; !needed && n < layers_of(i); n++)
		needed = strvec_has(p->layers, layer_of(i, n));
	return needed;
}

static int open_nameless(const struct repair *p, int *ret_fd, struct err *e)
{
	int fd = openat(p->staging.fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "cannot make a temporary file");
	*ret_fd = fd;
	return 0;
}

/* From where a pull of the same name would take it. */
static int open_source(struct repair *p, const struct repair_options *o, struct err *e)
{
	cleanup_registries_conf struct registries_conf conf = { 0 };
	const struct endpoint_options options = { .tls_verify = o->tls_verify, .conf = &conf };
	const char *from = o->from ? o->from : p->image->name;
	int r = transport_parse(from, &p->transport, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", from);
	r = registries_conf_load(&conf, e);
	return r < 0 ? r : source_open(&p->transport, &options, p->staging.fd, &p->endpoints, &p->source, e);
}

static int begin(struct repair *p, const struct repair_options *o, struct err *e)
{
	int r = staging_begin(p->store, &p->staging, e);

	if (r == 0)
		r = open_source(p, o, e);
	return r < 0 ? r : worker_start(p->source, &p->worker, e);
}

/* --- documents ---------------------------------------------------------------------------------------- */

static int repair_document(struct repair *p, enum source_item item, const struct digest *digest,
			   struct err *e)
{
	cleanup_buf struct buf body = BUF_INIT(CONFIG_MAX_BYTES);
	struct source_answer answer;
	int r;

	if (!digest_is_set(digest) || !strvec_has(p->blobs, digest->text))
		return 0;
	r = worker_document(&p->worker, p->source, item, digest, 0, -1, &body, &answer, e);
	if (r == 0)
		r = blob_drop(p->store, digest, e);
	if (r == 0)
		r = blob_put(p->store, digest, body.data, body.len, e);
	if (r < 0)
		return err_wrap(e, "blob '%s'", digest->text);
	(void)take(p->blobs, digest->text);
	return 0;
}

static int repair_documents(struct repair *p, struct err *e)
{
	int r = repair_document(p, SOURCE_MANIFEST, &p->image->index, e);

	if (r == 0)
		r = repair_document(p, SOURCE_MANIFEST, &p->image->manifest, e);
	if (r == 0)
		r = repair_document(p, SOURCE_BLOB, &p->image->config, e);
	return r == 0 ? store_sync(p->store, e) : r;
}

static int load_documents(struct repair *p, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	int r = blob_get(p->store, &p->image->manifest, &text, e);

	if (r == 0)
		r = manifest_decode(text.data, text.len, &p->manifest, e);
	if (r == 0)
		r = image_load_config(p->store, p->image, &p->config, NULL, e);
	if (r == 0 && (p->manifest.layers_len != p->config.diff_ids_len ||
		       layers_of(p->image) > p->manifest.layers_len))
		r = err_set(e, -EINVAL, "its manifest and its config do not have the same layers");
	return r;
}

/* --- layers --------------------------------------------------------------------------------------------- */

static int download(struct repair *p, const struct descriptor *blob, int fd, struct err *e)
{
	struct worker_event event = { 0 };
	int r = worker_fetch(&p->worker, p->source, &blob->digest, blob->size_bytes, fd, false, e);

	while (r == 0 && event.kind != WORKER_DONE) {
		r = worker_receive(&p->worker, &event, NULL, e);
		if (r == 0 && event.kind == WORKER_FAILED) {
			*e = event.error;
			return e->code;
		}
	}
	return r;
}

static int unpack(const struct repair *p, const struct descriptor *blob, const struct digest *diff_id, int fd,
		  const char *subdir, struct unpack_result *ret, struct err *e)
{
	struct unpack_job job = { 0 };
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, "cannot rewind a file");
	r = unpack_start(fd, media_kind_of(blob->media_type), p->staging.fd, subdir, diff_id, NULL, &job, e);
	return r < 0 ? r : unpack_wait(&job, ret, e);
}

/* What the layer takes from those below it, as in a pull. */
static int fix_implied(const struct repair *p, size_t index, const char *subdir, struct err *e)
{
	cleanup_strvec struct strvec lower = { 0 };
	size_t last = index < p->image->hidden.len ? 0 : p->image->hidden.len;
	int r = 0;

	for (size_t i = index; r == 0 && i > last; i--)
		r = strvec_take(&lower, layer_tree_path(p->store, layer_of(p->image, i - 1)));
	return r < 0 ? err_code(e, r, "cannot list the layers")
		     : unpack_fix_implied(p->staging.fd, subdir, &lower, e);
}

/* Layer `index` of the image's record, whose layers are the last ones of the manifest's. */
static int stage_layer(struct repair *p, size_t index, const char *subdir, struct err *e)
{
	size_t position = p->manifest.layers_len - layers_of(p->image) + index;
	const struct descriptor *blob = &p->manifest.layers[position];
	const struct digest *diff_id = &p->config.diff_ids[position];
	struct unpack_result result = { 0 };
	struct layer_meta meta = { .diff_id = *diff_id,
				   .blob = blob->digest,
				   .blob_size = blob->size_bytes,
				   .media_type = blob->media_type };
	cleanup_fd int fd = -1;
	int r = open_nameless(p, &fd, e);

	if (r == 0)
		r = download(p, blob, fd, e);
	if (r == 0)
		r = unpack(p, blob, diff_id, fd, subdir, &result, e);
	if (r == 0 && result.has_implied_dirs)
		r = fix_implied(p, index, subdir, e);
	meta.unpacked_size = result.unpacked_bytes;
	return r < 0 ? r : layer_seal(p->store, &p->staging, subdir, &meta, e);
}

static int repair_layer(struct repair *p, size_t index, struct err *e)
{
	const char *key = layer_of(p->image, index);
	char subdir[24];
	int r;

	(void)snprintf(subdir, sizeof(subdir), "%zu", index);
	r = stage_layer(p, index, subdir, e);
	if (r == 0)
		r = store_sync(p->store, e);
	if (r == 0)
		r = layer_replace(p->store, &p->staging, subdir, key, e);
	if (r < 0)
		return err_wrap(e, "layer '%.12s'", key);
	(void)take(p->layers, key);
	return 0;
}

/* Base first: a layer may take attributes from those below it. */
static int repair_layers(struct repair *p, struct err *e)
{
	int r = load_documents(p, e);

	for (size_t i = 0; r == 0 && i < layers_of(p->image); i++)
		if (strvec_has(p->layers, layer_of(p->image, i)))
			r = repair_layer(p, i, e);
	return r;
}

int repair_image(const struct store *s, const struct image_record *image,
		 const struct repair_options *options, struct strvec *layers, struct strvec *blobs,
		 struct err *e)
{
	cleanup_repair struct repair p = {
		.store = s, .image = image, .layers = layers, .blobs = blobs, .staging.fd = -1
	};
	int r;

	if (!is_needed(&p))
		return 0;
	r = begin(&p, options, e);
	if (r == 0)
		r = repair_documents(&p, e);
	return r < 0 ? r : repair_layers(&p, e);
}
