/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of images of the store, in files. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/attestation_manifest.h"
#include "pull/manifest_list.h"

static int follow(struct descriptor *d, const struct push_result *result, struct err *e)
{
	if (!result->is_changed)
		return 0;
	d->digest = result->digest;
	d->size_bytes = result->size_bytes;
	return descriptor_set_media_type(d, result->media_type, e);
}

static int put_image(const struct store *s, struct descriptor *d, const struct push_options *options,
		     struct layout *layout, struct err *e)
{
	const char *source = strvec_get_env(&d->annotations, MANIFEST_LIST_SOURCE);
	const size_t prefix = sizeof(MANIFEST_LIST_STORE) - 1;
	cleanup_free char *image = NULL;
	struct push_result result = { 0 };
	int r;

	if (!source || strncmp(source, MANIFEST_LIST_STORE, prefix) != 0)
		return err_set(e, -EOPNOTSUPP, "manifest %s is not of the store", d->digest.text);
	r = manifest_list_find_stored(s, source + prefix, &d->digest, &image, e);
	if (r == 0)
		r = push_member_to_layout(s, image, options, layout, &result, e);
	return r < 0 ? r : follow(d, &result, e);
}

static int put_attestation(const struct store *s, struct image_index *index, size_t at,
			   const struct digest *was, struct layout *layout, struct err *e)
{
	cleanup_attestation_manifest struct attestation_manifest a = { 0 };
	int r = manifest_list_move_attestation(s, index, at, was, &a, e);

	return r < 0 ? r : attestation_manifest_put(&a, layout, e);
}

static int put_entries(const struct store *s, struct image_index *index, const struct digest *was,
		       const struct push_options *options, struct layout *layout, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < index->manifests_len; i++)
		if (!manifest_list_is_attestation(&index->manifests[i]))
			r = put_image(s, &index->manifests[i], options, layout, e);
	for (size_t i = 0; r == 0 && i < index->manifests_len; i++)
		if (manifest_list_is_attestation(&index->manifests[i]))
			r = put_attestation(s, index, i, was, layout, e);
	return r;
}

static int put_index(const struct buf *text, const struct push_result *index, const struct strvec *names,
		     const char *tag, struct layout *layout, struct err *e)
{
	const struct descriptor top = { .media_type = (char *)(uintptr_t)index->media_type,
					.digest = index->digest,
					.size_bytes = index->size_bytes };
	const struct layout_image image = { .top = &top, .names = names, .tag = tag };
	int r = layout_put_document(layout, &top.digest, false, text->data, text->len, e);

	return r < 0 ? r : layout_add_image(layout, &image, e);
}

int manifest_list_put(const struct store *s, struct image_index *index,
		      const struct manifest_list_origin *origin, const struct strvec *names,
		      const struct push_options *options, struct layout *layout, struct push_result *ret,
		      struct err *e)
{
	const struct manifest_list_origin none = { 0 };
	cleanup_free struct digest *was = manifest_list_digests(index);
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct push_result result = { 0 };
	int r;

	if (layout_wants_plain(layout))
		return err_set(e, -EOPNOTSUPP, "docker's form of images has no indexes");
	r = was ? put_entries(s, index, was, options, layout, e)
		: err_code(e, -ENOMEM, "cannot write a manifest list");
	if (r == 0)
		r = manifest_list_finish(index, was, origin ? origin : &none, false, &text, &result, e);
	if (r == 0)
		r = put_index(&text, &result, names, options->layout_tag, layout, e);
	if (r == 0)
		*ret = result;
	return r;
}
