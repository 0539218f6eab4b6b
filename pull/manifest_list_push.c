/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/attestation_manifest.h"
#include "pull/endpoint.h"
#include "pull/manifest_list.h"
#include "pull/uploader.h"
#include "pull/worker.h"

/* --- members from registries and files --------------------------------------------------------------------------- */

/* "oci-archive:/srv/a:b.tar" has no image behind the path, whatever colons are in it. */
static int parse_source(const char *source, const struct digest *digest, struct transport *ret, struct err *e)
{
	static const enum transport_kind KINDS[] = { TRANSPORT_OCI_DIR, TRANSPORT_OCI_ARCHIVE,
						     TRANSPORT_DOCKER_ARCHIVE };
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		const char *prefix = transport_prefix(KINDS[i]);

		if (strncmp(source, prefix, strlen(prefix)) != 0)
			continue;
		ret->kind = KINDS[i];
		ret->path = strdup(source + strlen(prefix));
		return ret->path ? 0 : err_code(e, -ENOMEM, "cannot push a manifest list");
	}
	if (asprintf(&text, "%s@%s", source, digest->text) < 0) {
		text = NULL;
		return err_code(e, -ENOMEM, "cannot push a manifest list");
	}
	return transport_parse(text, ret, e);
}

static int push_copied(const struct store *s, const char *source, struct descriptor *d,
		       const struct transport *target, const struct copy_options *options, struct err *e)
{
	cleanup_transport struct transport from = { 0 };
	struct transport to = *target;
	struct copy_options exactly = *options;
	struct copy_result result = { 0 };
	int r = parse_source(source, &d->digest, &from, e);

	to.reference.tag = NULL;
	exactly.all = true; /* this document, whatever it is */
	if (from.kind != TRANSPORT_REGISTRY)
		exactly.document =
			d; /* which may hang on an index that the layout has, and not on index.json */
	if (r == 0)
		r = copy_image(s, &from, &to, NULL, &exactly, &result, e);
	if (r == 0 && result.media_type)
		r = descriptor_set_media_type(d, result.media_type, e);
	if (r < 0)
		return r;
	d->digest = result.digest;
	d->size_bytes = result.size_bytes;
	return 0;
}

/* --- members of the store ---------------------------------------------------------------------------------------- */

int manifest_list_find_stored(const struct store *s, const char *name, const struct digest *manifest,
			      char **ret, struct err *e)
{
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0, i = 0;
	cleanup_reference struct reference ref = { 0 };
	int r = image_list(s, &items, &len, &damaged, e);

	if (r < 0)
		return r;
	while (i < len && !digest_equal(&items[i].manifest, manifest))
		i++;
	if (i == len)
		r = err_set(e, -ENOENT, "image '%s', as it was added, is no longer in the store", name);
	else
		r = reference_parse(items[i].name, &ref, e);
	if (r == 0 && asprintf(ret, "%s/%s@%s", ref.domain, ref.path, manifest->text) < 0) {
		*ret = NULL;
		r = err_code(e, -ENOMEM, "cannot push a manifest list");
	}
	image_list_free(items, len);
	return r;
}

static int push_stored(const struct store *s, const char *name, struct descriptor *d,
		       const struct transport *target, const struct push_options *options, struct err *e)
{
	cleanup_free char *to = reference_canonical(&target->reference), *image = NULL;
	struct push_options untagged = *options;
	struct push_result result = { 0 };
	int r = manifest_list_find_stored(s, name, &d->digest, &image, e);

	untagged.untagged = true;
	if (r == 0 && !to)
		r = err_code(e, -ENOMEM, "cannot push a manifest list");
	if (r == 0)
		r = push_image(s, image, to, &untagged, &result, e);
	if (r < 0 || !result.is_changed)
		return r;
	d->digest = result.digest;
	d->size_bytes = result.size_bytes;
	return descriptor_set_media_type(d, result.media_type, e);
}

/* --- attestations of the store ----------------------------------------------------------------------------------- */

static const struct digest *now(const struct image_index *index, const struct digest *was,
				const struct digest *image)
{
	for (size_t i = 0; i < index->manifests_len; i++)
		if (digest_equal(&was[i], image))
			return &index->manifests[i].digest;
	return image;
}

int manifest_list_move_attestation(const struct store *s, struct image_index *index, size_t at,
				   const struct digest *was, struct attestation_manifest *ret, struct err *e)
{
	struct descriptor *d = &index->manifests[at];
	cleanup_attestation_manifest struct attestation_manifest a = { 0 };
	const struct digest *image;
	int r = attestation_manifest_load(s, d, &a, e);

	if (r < 0)
		return r;
	image = now(index, was, &a.image);
	if (digest_equal(image, &a.image)) {
		*ret = a;
		a = (struct attestation_manifest){ 0 };
		return 0;
	}
	r = attestation_manifest_move(&a, image, ret, e);
	if (r < 0)
		return r;
	descriptor_done(d);
	return descriptor_copy(&ret->self, d, e);
}

static int push_attestation(const struct store *s, struct image_index *index, size_t at,
			    const struct digest *was, const struct transport *target,
			    const struct manifest_list_push *options, struct err *e)
{
	const struct digest digest = index->manifests[at].digest;
	cleanup_attestation_manifest struct attestation_manifest a = { 0 };
	int r = manifest_list_move_attestation(s, index, at, was, &a, e);

	if (r == 0)
		r = attestation_manifest_push(s, &a, target, &options->copy, e);
	return r < 0 && r != -EINTR ? err_wrap(e, "manifest %s", digest.text) : r;
}

bool manifest_list_is_attestation(const struct descriptor *d)
{
	const char *source = strvec_get_env(&d->annotations, MANIFEST_LIST_SOURCE);

	return attestation_manifest_is(d) &&
	       (!source || strncmp(source, MANIFEST_LIST_STORE, sizeof(MANIFEST_LIST_STORE) - 1) == 0);
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static int push_entry(const struct store *s, struct descriptor *d, const struct transport *target,
		      const struct manifest_list_push *options, struct err *e)
{
	const char *source = strvec_get_env(&d->annotations, MANIFEST_LIST_SOURCE);
	const size_t prefix = sizeof(MANIFEST_LIST_STORE) - 1;
	const struct digest digest = d->digest;
	int r;

	if (!source)
		return err_set(e, -EINVAL, "nothing says where manifest %s is", digest.text);
	if (strncmp(source, MANIFEST_LIST_STORE, prefix) == 0)
		r = push_stored(s, source + prefix, d, target, &options->stored, e);
	else
		r = push_copied(s, source, d, target, &options->copy, e);
	return r < 0 && r != -EINTR ? err_wrap(e, "manifest %s", digest.text) : r;
}

static int push_text(const struct transport *target, const struct buf *text, struct push_result *index,
		     const struct copy_options *options, struct err *e)
{
	cleanup_registries_conf struct registries_conf conf = { 0 };
	cleanup_endpoints struct endpoints endpoints = { 0 };
	const struct endpoint_options how = { .tls_verify = options->target_tls_verify,
					      .auth_file = options->target_auth_file,
					      .conf = &conf };
	struct registry_options registry;
	struct worker w = { 0 };
	struct worker_event event = { 0 };
	int r = registries_conf_load(&conf, e);

	if (r == 0)
		r = endpoints_find(&target->reference, &how, &endpoints, e);
	if (r < 0)
		return r;
	registry = endpoint_registry_options(&endpoints.items[endpoints.len - 1]);
	r = uploader_start(&registry, &w, e);
	if (r == 0)
		r = uploader_manifest(&w, target->reference.tag, index->media_type, text->data, text->len,
				      &index->digest, options->cancel_fd, &event, e);
	index->was_there = event.bytes == UPLOAD_PRESENT;
	worker_stop(&w);
	return r;
}

/* Attestations come behind all that they may be about, as these may have other digests where they arrive. */
static int push_entries(const struct store *s, struct image_index *index, const struct digest *was,
			const struct transport *target, const struct manifest_list_push *options,
			struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < index->manifests_len; i++)
		if (!manifest_list_is_attestation(&index->manifests[i]))
			r = push_entry(s, &index->manifests[i], target, options, e);
	for (size_t i = 0; r == 0 && i < index->manifests_len; i++)
		if (manifest_list_is_attestation(&index->manifests[i]))
			r = push_attestation(s, index, i, was, target, options, e);
	return r;
}

int manifest_list_push(const struct store *s, struct image_index *index, const struct transport *target,
		       const struct manifest_list_push *options, struct push_result *ret, struct err *e)
{
	cleanup_free struct digest *was = manifest_list_digests(index);
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct push_result result = { 0 };
	int r;

	if (target->kind != TRANSPORT_REGISTRY || !target->reference.tag ||
	    digest_is_set(&target->reference.digest))
		return err_set(e, -EINVAL, "a manifest list is pushed to a tag of a registry");
	if (index->manifests_len == 0)
		return err_set(e, -EINVAL, "the list is empty (sampan manifest add)");
	r = was ? push_entries(s, index, was, target, options, e)
		: err_code(e, -ENOMEM, "cannot push a manifest list");
	if (r == 0)
		r = manifest_list_finish(index, was, &options->origin, options->is_docker, &text, &result, e);
	if (r == 0)
		r = push_text(target, &text, &result, &options->copy, e);
	if (r == 0)
		*ret = result;
	return r;
}
