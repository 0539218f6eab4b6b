/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/docker_archive.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_read.h"
#include "common/json_stream.h"
#include "common/json_write.h"
#include "oci/image_config.h"
#include "oci/descriptor.h"
#include "oci/reference.h"
#include "pull/hash.h"

#define INDEX_TYPE    "application/vnd.oci.image.index.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar"

/* One element of manifest.json. */
struct saved_image {
	char *config;
	struct strvec repo_tags, layers;
};

static const struct json_field SAVED_IMAGE[] = {
	{ "Config", offsetof(struct saved_image, config), json_read_string, .required = true },
	{ "RepoTags", offsetof(struct saved_image, repo_tags), json_read_strvec },
	{ "Layers", offsetof(struct saved_image, layers), json_read_strvec },
	{ 0 },
};
static const struct json_array SAVED_IMAGES = { SAVED_IMAGE, sizeof(struct saved_image),
						DOCKER_ARCHIVE_IMAGES_MAX };

static void saved_images_done(struct json_items *all)
{
	struct saved_image *items = all->items;

	for (size_t i = 0; i < all->len; i++) {
		free(items[i].config);
		strvec_done(&items[i].repo_tags);
		strvec_done(&items[i].layers);
	}
	free(items);
	*all = (struct json_items){ 0 };
}
#define cleanup_saved_images __attribute__((cleanup(saved_images_done)))

void docker_archive_done(struct docker_archive *d)
{
	for (size_t i = 0; i < d->blobs_len; i++)
		free(d->blobs[i].text);
	free(d->blobs);
	free(d->index);
	*d = (struct docker_archive){ 0 };
}

const struct docker_blob *docker_archive_find(const struct docker_archive *d, const struct digest *digest)
{
	for (size_t i = 0; i < d->blobs_len; i++)
		if (digest_equal(&d->blobs[i].digest, digest))
			return &d->blobs[i];
	return NULL;
}

/* Takes `text`. One of a digest is enough. */
static int add_blob(struct docker_archive *d, const struct digest *digest, char *text, size_t len,
		    const char *member, struct err *e)
{
	cleanup_free char *owned = text;

	if (docker_archive_find(d, digest))
		return 0;
	if (d->blobs_len == d->blobs_cap) {
		size_t cap = d->blobs_cap ? 2 * d->blobs_cap : 64;
		struct docker_blob *more = reallocarray(d->blobs, cap, sizeof(*more));

		if (!more)
			return err_code(e, -ENOMEM, "cannot list an archive");
		d->blobs = more;
		d->blobs_cap = cap;
	}
	d->blobs[d->blobs_len++] = (struct docker_blob){
		.digest = *digest, .text = ptr_take(owned), .len = len, .member = member
	};
	return 0;
}

static int read_member(const struct archive_file *a, const char *name, struct buf *out,
		       const char **ret_found, struct err *e)
{
	struct sink sink = sink_to_buf(out);
	uint64_t size;
	int r = archive_file_find(a, name, ret_found, &size, e);

	if (r < 0)
		return r;
	r = archive_file_read(a, *ret_found, &sink, e);
	return r < 0 ? err_wrap(e, "'%s'", name) : 0;
}

/* --- hashing a compressed layer, whose digest nothing in the archive tells --- */

struct member_hash {
	struct hash hash;
	unsigned char start[4]; /* its first bytes */
	size_t start_len;
	bool only_start;
};

static int hash_begin(void *arg, struct err *e)
{
	struct member_hash *m = arg;

	m->start_len = 0;
	hash_done(&m->hash);
	return hash_init(&m->hash, "sha256", e);
}

static int hash_write(void *arg, const void *data, size_t len, struct err *e)
{
	struct member_hash *m = arg;
	size_t n = sizeof(m->start) - m->start_len;

	if (n > len)
		n = len;
	memcpy(m->start + m->start_len, data, n);
	m->start_len += n;
	if (m->only_start && m->start_len == sizeof(m->start))
		return err_set(e, -ECANCELED, "enough"); /* stops the copy */
	return hash_update(&m->hash, data, len, e);
}

static const char *compression_suffix(const unsigned char start[4])
{
	if (start[0] == 0x1f && start[1] == 0x8b)
		return "+gzip";
	if (memcmp(start, "\x28\xb5\x2f\xfd", 4) == 0)
		return "+zstd";
	return "";
}

/* The digest of a layer's blob: the diff ID itself where the member is not compressed. */
static int describe_layer(const struct archive_file *a, const char *member, const struct digest *diff_id,
			  struct digest *ret_digest, const char **ret_suffix, struct err *e)
{
	struct member_hash m = { .only_start = true };
	struct sink sink = { .begin = hash_begin, .write = hash_write, .arg = &m };
	int r = archive_file_read(a, member, &sink, e);

	if (r == -ECANCELED)
		r = 0;
	*ret_suffix = compression_suffix(m.start);
	if (r == 0 && **ret_suffix) {
		m.only_start = false;
		r = archive_file_read(a, member, &sink, e);
		if (r == 0)
			r = hash_final(&m.hash, ret_digest, e);
	} else if (r == 0) {
		*ret_digest = *diff_id;
	}
	hash_done(&m.hash);
	return r;
}

/* --- the manifest of one image --- */

static void write_descriptor(struct json_out *o, const char *key, const char *media_type,
			     const struct digest *digest, uint64_t size)
{
	json_out_object(o, key);
	json_out_string(o, "mediaType", media_type);
	json_out_string(o, "digest", digest->text);
	json_out_u64(o, "size", size);
	json_out_end(o);
}

static int write_layer(const struct archive_file *a, const char *name, const struct digest *diff_id,
		       struct docker_archive *d, struct json_out *o, struct err *e)
{
	const char *member = NULL, *suffix = "";
	char media_type[sizeof(LAYER_TYPE) + 8];
	struct digest digest = { 0 };
	uint64_t size = 0;
	int r = archive_file_find(a, name, &member, &size, e);

	if (r == 0)
		r = describe_layer(a, member, diff_id, &digest, &suffix, e);
	if (r == 0)
		r = add_blob(d, &digest, NULL, 0, member, e);
	if (r < 0)
		return r;
	(void)snprintf(media_type, sizeof(media_type), "%s%s", LAYER_TYPE, suffix);
	write_descriptor(o, NULL, media_type, &digest, size);
	return 0;
}

static int write_manifest(const struct archive_file *a, const struct saved_image *image,
			  const struct image_config *config, const struct digest *config_digest,
			  size_t config_len, struct docker_archive *d, struct json_out *o, struct err *e)
{
	int r;

	if (config->diff_ids_len != image->layers.len)
		return err_set(e, -EINVAL, "manifest.json lists %zu layers where the config has %zu",
			       image->layers.len, config->diff_ids_len);
	json_out_object(o, NULL);
	json_out_u64(o, "schemaVersion", 2);
	json_out_string(o, "mediaType", MANIFEST_TYPE);
	write_descriptor(o, "config", CONFIG_TYPE, config_digest, config_len);
	json_out_array(o, "layers");
	for (size_t i = 0; i < image->layers.len; i++) {
		r = write_layer(a, image->layers.items[i], &config->diff_ids[i], d, o, e);
		if (r < 0)
			return r;
	}
	json_out_end(o);
	json_out_end(o);
	return 0;
}

static int keep_text(struct docker_archive *d, const char *text, size_t len, struct digest *ret_digest,
		     struct err *e)
{
	int r = hash_bytes("sha256", text, len, ret_digest, e);
	char *copy;

	if (r < 0)
		return r;
	copy = strndup(text, len);
	return copy ? add_blob(d, ret_digest, copy, len, NULL, e)
		    : err_code(e, -ENOMEM, "cannot list an archive");
}

static int make_manifest(const struct archive_file *a, const struct saved_image *image,
			 struct docker_archive *d, struct digest *ret_digest, size_t *ret_len, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(CONFIG_MAX_BYTES);
	cleanup_image_config struct image_config config = { 0 };
	cleanup_json_out struct json_out *o = json_out_new(false, MANIFEST_MAX_BYTES);
	struct digest config_digest;
	const char *member, *manifest;
	int r = read_member(a, image->config, &text, &member, e);

	if (r == 0)
		r = image_config_decode(text.data ? text.data : "", text.len, &config, e);
	if (r == 0)
		r = hash_bytes("sha256", text.data, text.len, &config_digest, e);
	if (r == 0)
		r = add_blob(d, &config_digest, NULL, 0, member, e);
	if (r == 0)
		r = write_manifest(a, image, &config, &config_digest, text.len, d, o, e);
	if (r == 0)
		r = json_out_finish(o, &manifest, ret_len, e);
	if (r == 0)
		r = keep_text(d, manifest, *ret_len, ret_digest, e);
	return r < 0 ? err_wrap(e, "image '%s'", image->config) : 0;
}

/* --- the index --- */

/* "busybox:latest", as docker writes it, is docker.io's. */
static char *full_name(const char *tag)
{
	cleanup_reference struct reference ref = { 0 };
	struct err ignored; /* a tag that is no reference names nothing */

	return reference_parse(tag, &ref, &ignored) < 0 ? NULL : reference_canonical(&ref);
}

static void write_entry(struct json_out *o, const struct digest *digest, size_t len, const char *tag)
{
	cleanup_free char *name = tag ? full_name(tag) : NULL;

	json_out_object(o, NULL);
	json_out_string(o, "mediaType", MANIFEST_TYPE);
	json_out_string(o, "digest", digest->text);
	json_out_u64(o, "size", len);
	if (name) {
		json_out_object(o, "annotations");
		json_out_string(o, "io.containerd.image.name", name);
		json_out_end(o);
	}
	json_out_end(o);
}

static int write_index(const struct archive_file *a, const struct json_items *images,
		       struct docker_archive *d, struct json_out *o, struct err *e)
{
	const struct saved_image *items = images->items;

	json_out_object(o, NULL);
	json_out_u64(o, "schemaVersion", 2);
	json_out_string(o, "mediaType", INDEX_TYPE);
	json_out_array(o, "manifests");
	for (size_t i = 0; i < images->len; i++) {
		struct digest digest = { 0 };
		size_t len = 0;
		int r = make_manifest(a, &items[i], d, &digest, &len, e);

		if (r < 0)
			return r;
		for (size_t t = 0; t < items[i].repo_tags.len; t++)
			write_entry(o, &digest, len, items[i].repo_tags.items[t]);
		if (items[i].repo_tags.len == 0)
			write_entry(o, &digest, len, NULL);
	}
	json_out_end(o);
	json_out_end(o);
	return 0;
}

static int read_images(const struct archive_file *a, struct json_items *ret, struct err *e)
{
	const struct json_limits limits = { .max_bytes = MANIFEST_MAX_BYTES,
					    .max_depth = 8,
					    .max_values = 1 << 20 };
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_in top;
	const char *member;
	int r = read_member(a, "manifest.json", &text, &member, e);

	if (r == 0)
		r = json_guard_check(text.data ? text.data : "", text.len, &limits, e);
	if (r == 0)
		r = json_parse(text.data, text.len, limits.max_depth, &doc, e);
	if (r < 0)
		return r;
	top = json_top(doc);
	return json_read_array(&top, &SAVED_IMAGES, ret, e);
}

int docker_archive_read(const struct archive_file *a, struct docker_archive *ret, struct err *e)
{
	cleanup_saved_images struct json_items images = { 0 };
	cleanup_json_out struct json_out *o = json_out_new(false, MANIFEST_MAX_BYTES);
	struct docker_archive d = { 0 };
	const char *text;
	int r = read_images(a, &images, e);

	if (r < 0)
		return err_wrap(e, "manifest.json");
	r = write_index(a, &images, &d, o, e);
	if (r == 0)
		r = json_out_finish(o, &text, &d.index_len, e);
	if (r == 0) {
		d.index = strndup(text, d.index_len);
		if (!d.index)
			r = err_code(e, -ENOMEM, "cannot list an archive");
	}
	if (r < 0) {
		docker_archive_done(&d);
		return r;
	}
	*ret = d;
	return 0;
}
