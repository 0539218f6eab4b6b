/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that consist of descriptors: manifests and indexes. */
#include "oci/descriptor.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_stream.h"

static const struct json_limits LIMITS = { .max_bytes = MANIFEST_MAX_BYTES,
					   .max_depth = 16,
					   .max_values = 200000 };
static const size_t MAX_LAYERS = MANIFEST_MAX_LAYERS, MAX_MANIFESTS = INDEX_MAX_MANIFESTS;

/* Both kinds of document, as they are read. */
struct document {
	char *media_type;
	uint64_t schema_version;
	struct descriptor config;
	struct json_items descriptors;
	struct strvec annotations;
};

static void document_done(struct document *d)
{
	struct descriptor *items = d->descriptors.items;

	for (size_t i = 0; i < d->descriptors.len; i++)
		descriptor_done(&items[i]);
	free(items);
	free(d->media_type);
	descriptor_done(&d->config);
	strvec_done(&d->annotations);
}
#define cleanup_document __attribute__((cleanup(document_done)))

static const struct json_field MANIFEST[] = {
	{ "schemaVersion", offsetof(struct document, schema_version), json_read_u64 },
	{ "mediaType", offsetof(struct document, media_type), json_read_string },
	{ "config", offsetof(struct document, config), descriptor_read, .required = true },
	{ "layers", offsetof(struct document, descriptors), descriptor_read_array, &MAX_LAYERS,
	  .required = true },
	{ "annotations", offsetof(struct document, annotations), json_read_map },
	{ 0 }
};

static const struct json_field INDEX[] = {
	{ "schemaVersion", offsetof(struct document, schema_version), json_read_u64 },
	{ "mediaType", offsetof(struct document, media_type), json_read_string },
	{ "manifests", offsetof(struct document, descriptors), descriptor_read_array, &MAX_MANIFESTS,
	  .required = true },
	{ "annotations", offsetof(struct document, annotations), json_read_map },
	{ 0 }
};

static int refuse_schema1(struct err *e)
{
	return err_set(
		e, -EOPNOTSUPP,
		"this is a Docker schema 1 manifest, which nobody makes any more (push the image again with "
		"a current tool)");
}

static int open_document(const char *text, size_t len, struct json_doc **ret, struct err *e)
{
	int r = json_guard_check(text, len, &LIMITS, e);

	return r < 0 ? r : json_parse(text, len, LIMITS.max_depth, ret, e);
}

static bool has_member(const struct json_in *top, const char *key)
{
	return json_get(top, key).value != NULL;
}

static bool is_schema1(const struct json_in *top)
{
	return has_member(top, "fsLayers");
}

/* Two readers of an ambiguous document may take it for two different images, with one digest: CVE-2021-41190. */
static int check_members(const struct json_in *top, const char *what, const char *const *foreign,
			 struct err *e)
{
	if (!json_in_is_object(top))
		return err_set(e, -EINVAL, "expected an object");
	if (is_schema1(top))
		return refuse_schema1(e);
	for (; *foreign; foreign++)
		if (has_member(top, *foreign))
			return err_set(e, -EINVAL, "%s with '%s' is ambiguous", what, *foreign);
	return 0;
}

static int check_head(const struct document *d, enum media_kind kind, struct err *e)
{
	enum media_kind claimed = d->media_type ? media_kind_of(d->media_type) : kind;

	if (d->schema_version == 1 || claimed == MEDIA_MANIFEST_V1)
		return refuse_schema1(e);
	if (d->schema_version != 2 && d->schema_version != 0)
		return err_set(e, -EOPNOTSUPP, "schemaVersion: %llu is not supported (only 2 is)",
			       (unsigned long long)d->schema_version);
	if (claimed != kind)
		return err_set(e, -EINVAL, "mediaType: '%.100s' is not that of %s", d->media_type,
			       kind == MEDIA_INDEX ? "an index" : "a manifest");
	return 0;
}

/* `fields` and `foreign` are those of `kind`. */
static int decode(const char *text, size_t len, enum media_kind kind, const struct json_field *fields,
		  const char *const *foreign, struct document *ret, struct err *e)
{
	const char *what = kind == MEDIA_INDEX ? "an index" : "a manifest";
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_in top;
	int r = open_document(text, len, &doc, e);

	if (r < 0)
		return r;
	top = json_top(doc);
	r = check_members(&top, what, foreign, e);
	if (r == 0)
		r = json_read_object(&top, fields, ret, e);
	if (r == 0)
		r = check_head(ret, kind, e);
	return r;
}

int manifest_decode(const char *text, size_t len, struct manifest *ret, struct err *e)
{
	static const char *const FOREIGN[] = { "manifests", NULL };
	cleanup_document struct document d = { 0 };
	int r = decode(text, len, MEDIA_MANIFEST, MANIFEST, FOREIGN, &d, e);

	if (r == 0 && d.config.size_bytes > CONFIG_MAX_BYTES)
		r = err_set(e, -EFBIG, "config.size: %llu is over the limit of %u bytes",
			    (unsigned long long)d.config.size_bytes, CONFIG_MAX_BYTES);
	if (r < 0)
		return err_wrap(e, "bad manifest");
	*ret = (struct manifest){ .media_type = d.media_type,
				  .config = d.config,
				  .layers = d.descriptors.items,
				  .layers_len = d.descriptors.len,
				  .annotations = d.annotations };
	d = (struct document){ 0 };
	return 0;
}

int image_index_decode(const char *text, size_t len, struct image_index *ret, struct err *e)
{
	static const char *const FOREIGN[] = { "layers", "config", NULL };
	cleanup_document struct document d = { 0 };

	if (decode(text, len, MEDIA_INDEX, INDEX, FOREIGN, &d, e) < 0)
		return err_wrap(e, "bad index");
	*ret = (struct image_index){ .media_type = d.media_type,
				     .manifests = d.descriptors.items,
				     .manifests_len = d.descriptors.len,
				     .annotations = d.annotations };
	d = (struct document){ 0 };
	return 0;
}

static enum media_kind kind_by_members(const struct json_in *top)
{
	if (is_schema1(top))
		return MEDIA_MANIFEST_V1;
	if (has_member(top, "manifests"))
		return MEDIA_INDEX;
	if (has_member(top, "layers") || has_member(top, "config"))
		return MEDIA_MANIFEST;
	return MEDIA_UNKNOWN;
}

/* `member` is mediaType. */
static int kind_by_media_type(const struct json_in *member, const char *content_type, enum media_kind sent_as,
			      enum media_kind *ret, struct err *e)
{
	cleanup_free char *media_type = NULL;
	enum media_kind kind;
	int r = json_read_string(member, NULL, &media_type, e);

	if (r < 0)
		return r;
	kind = media_kind_of(media_type);
	if (sent_as != MEDIA_UNKNOWN && kind != sent_as)
		return err_set(
			e, -EINVAL,
			"mediaType '%.100s' does not match the content type '%.100s' that it came with",
			media_type, content_type);
	*ret = kind;
	return 0;
}

int document_kind(const char *text, size_t len, const char *content_type, enum media_kind *ret, struct err *e)
{
	enum media_kind sent_as = content_type ? media_kind_of(content_type) : MEDIA_UNKNOWN;
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_in top, member;
	int r = open_document(text, len, &doc, e);

	if (r < 0)
		return r;
	top = json_top(doc);
	if (!json_in_is_object(&top))
		return err_set(e, -EINVAL, "expected an object");
	member = json_get(&top, "mediaType");
	if (member.value)
		return kind_by_media_type(&member, content_type, sent_as, ret, e);
	*ret = sent_as != MEDIA_UNKNOWN ? sent_as : kind_by_members(&top);
	return 0;
}

void manifest_done(struct manifest *m)
{
	for (size_t i = 0; i < m->layers_len; i++)
		descriptor_done(&m->layers[i]);
	free(m->layers);
	free(m->media_type);
	descriptor_done(&m->config);
	strvec_done(&m->annotations);
	*m = (struct manifest){ 0 };
}

void image_index_done(struct image_index *i)
{
	for (size_t n = 0; n < i->manifests_len; n++)
		descriptor_done(&i->manifests[n]);
	free(i->manifests);
	free(i->media_type);
	strvec_done(&i->annotations);
	*i = (struct image_index){ 0 };
}
