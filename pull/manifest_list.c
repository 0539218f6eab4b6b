/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/manifest_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "pull/manifest_look.h"
#include "pull/repack.h"
#include "pull/stored.h"
#include "store/manifest_list.h"

/* --- the file ---------------------------------------------------------------------------------------------------- */

int manifest_list_load(const struct store *s, const char *name, struct image_index *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	int r = manifest_list_read(s, name, &text, e);

	if (r < 0)
		return r;
	r = image_index_decode(text.data ? text.data : "", text.len, ret, e);
	return r < 0 ? err_wrap(e, "manifest list '%s'", name) : 0;
}

const char *manifest_list_type(bool is_docker)
{
	return is_docker ? "application/vnd.docker.distribution.manifest.list.v2+json"
			 : "application/vnd.oci.image.index.v1+json";
}

void manifest_list_forget_source(struct descriptor *d)
{
	for (size_t n = d->annotations.len; n > 0; n--)
		if (strncmp(d->annotations.items[n - 1], MANIFEST_LIST_SOURCE "=",
			    sizeof(MANIFEST_LIST_SOURCE)) == 0)
			strvec_remove(&d->annotations, n - 1);
}

/* Written as it is here, or as it goes out. */
static int write_index(const struct image_index *index, bool is_docker, bool with_sources, struct buf *out,
		       struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, MANIFEST_MAX_BYTES);
	const char *text;
	size_t len;
	int r = 0;

	json_out_object(o, NULL);
	json_out_u64(o, "schemaVersion", 2);
	json_out_string(o, "mediaType", manifest_list_type(is_docker));
	json_out_array(o, "manifests");
	for (size_t i = 0; r == 0 && i < index->manifests_len; i++) {
		struct descriptor d = { 0 };

		r = descriptor_copy(&index->manifests[i], &d, e);
		if (r == 0 && !with_sources)
			manifest_list_forget_source(&d);
		descriptor_write(o, NULL, &d);
		descriptor_done(&d);
	}
	json_out_end(o);
	json_out_opt_map(o, "annotations", &index->annotations);
	json_out_end(o);
	if (r == 0)
		r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = err_code(e, -ENOMEM, "cannot write a manifest list");
	return r;
}

int manifest_list_save(const struct store *s, const char *name, const struct image_index *index, bool replace,
		       struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	int r = write_index(index, false, true, &text, e);

	return r < 0 ? r : manifest_list_write(s, name, text.data, text.len, replace, e);
}

int manifest_list_text(const struct image_index *index, bool is_docker, struct buf *out, struct err *e)
{
	return write_index(index, is_docker, false, out, e);
}

/* --- on its way out ----------------------------------------------------------------------------------------------- */

struct digest *manifest_list_digests(const struct image_index *index)
{
	struct digest *list = calloc(index->manifests_len + 1, sizeof(*list));

	for (size_t i = 0; list && i < index->manifests_len; i++)
		list[i] = index->manifests[i].digest;
	return list;
}

static bool has_changed(const struct image_index *index, const struct digest *was)
{
	for (size_t i = 0; i < index->manifests_len; i++)
		if (!digest_equal(&index->manifests[i].digest, &was[i]))
			return true;
	return false;
}

/* A list of docker's has manifests of docker's only. */
static bool may_be_docker(const struct image_index *index)
{
	for (size_t i = 0; i < index->manifests_len; i++) {
		const char *type = index->manifests[i].media_type;

		if (!type || strcmp(type, repack_manifest_type(true)) != 0)
			return false;
	}
	return true;
}

int manifest_list_finish(const struct image_index *index, const struct digest *was,
			 const struct manifest_list_origin *origin, bool is_docker, struct buf *text,
			 struct push_result *ret, struct err *e)
{
	const char *type = origin->media_type ? origin->media_type : manifest_list_type(false);
	struct push_result result = { .is_changed = has_changed(index, was) };
	bool was_docker = strcmp(type, manifest_list_type(true)) == 0;
	int r;

	if (origin->text && !result.is_changed) {
		result.media_type = manifest_list_type(was_docker);
		r = buf_add(text, origin->text->data, origin->text->len);
		if (r < 0)
			return err_code(e, r, "cannot write a manifest list");
	} else {
		is_docker = is_docker || (was_docker && may_be_docker(index));
		result.media_type = manifest_list_type(is_docker);
		r = manifest_list_text(index, is_docker, text, e);
	}
	if (r == 0)
		r = hash_bytes("sha256", text->data, text->len, &result.digest, e);
	result.size_bytes = text->len;
	if (r == 0)
		*ret = result;
	return r;
}

/* --- adding ------------------------------------------------------------------------------------------------------ */

static size_t place_of(const struct image_index *index, const struct digest *digest)
{
	size_t i = 0;

	while (i < index->manifests_len && !digest_equal(&index->manifests[i].digest, digest))
		i++;
	return i;
}

/* In place of what an index from elsewhere may say in our words. */
static int set_source(struct descriptor *d, const char *source)
{
	cleanup_free char *text = NULL;

	if (asprintf(&text, MANIFEST_LIST_SOURCE "=%s", source) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return strvec_set_env(&d->annotations, text);
}

static int add_entry(struct image_index *index, const struct descriptor *d, const char *source, size_t *ret,
		     struct err *e)
{
	size_t at = place_of(index, &d->digest);
	struct descriptor copy = { 0 };
	struct descriptor *more;
	int r;

	if (index->manifests_len == INDEX_MAX_MANIFESTS)
		return err_set(e, -EFBIG, "a list has at most %d manifests", INDEX_MAX_MANIFESTS);
	r = descriptor_copy(d, &copy, e);
	if (r < 0)
		return r;
	more = reallocarray(index->manifests, index->manifests_len + 1, sizeof(*more));
	if (more)
		index->manifests = more;
	if (!more || set_source(&copy, source) < 0) {
		descriptor_done(&copy);
		return err_code(e, -ENOMEM, "cannot add to a manifest list");
	}
	if (at < index->manifests_len)
		descriptor_done(&index->manifests[at]);
	else
		index->manifests_len++;
	index->manifests[at] = copy;
	*ret = at;
	return 0;
}

static int add_index(const struct manifest_look *l, struct image_index *index, const struct buf *text,
		     const char *source, size_t *ret, struct err *e)
{
	cleanup_image_index struct image_index other = { 0 };
	size_t position = 0, at = 0;
	int r = image_index_decode(text->data, text->len, &other, e);

	if (r < 0)
		return r;
	if (!l->options->all) {
		r = image_index_choose(&other, &l->platforms, &position, e);
		return r < 0 ? r : add_entry(index, &other.manifests[position], source, ret, e);
	}
	for (size_t i = other.manifests_len; r == 0 && i > 0; i--)
		r = add_entry(index, &other.manifests[other.manifests_len - i], source, &at, e);
	if (r == 0 && other.manifests_len > 0)
		*ret = place_of(index, &other.manifests[0].digest);
	return r;
}

/* Where its manifests will be looked for when the list is pushed, from whatever directory that is done. */
static int source_of(const struct transport *t, char **ret, struct err *e)
{
	cleanup_free char *path = NULL;
	int n;

	if (t->kind == TRANSPORT_REGISTRY) {
		n = asprintf(ret, "%s/%s", t->reference.domain, t->reference.path);
	} else {
		path = realpath(t->path, NULL);
		if (!path)
			return err_errno(e, "cannot find '%s'", t->path);
		n = asprintf(ret, "%s%s", transport_prefix(t->kind), path);
	}
	if (n < 0)
		*ret = NULL;
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot add to a manifest list");
}

int manifest_list_add(const struct store *s, struct image_index *index, const char *text,
		      const struct copy_options *options, size_t *ret_first, struct err *e)
{
	cleanup_manifest_look struct manifest_look l = { .store = s, .options = options, .staging.fd = -1 };
	cleanup_buf struct buf body = BUF_INIT(MANIFEST_MAX_BYTES);
	cleanup_free char *source = NULL;
	struct descriptor d = { 0 };
	enum media_kind kind = MEDIA_UNKNOWN;
	int r = manifest_look_begin(&l, text, e);

	if (r == 0)
		r = manifest_look_top(&l, &body, &d, &kind, e);
	if (r == 0)
		r = source_of(&l.transport, &source, e);
	if (r == 0 && kind == MEDIA_INDEX)
		r = add_index(&l, index, &body, source, ret_first, e);
	else if (r == 0)
		r = manifest_look_platform(&l, &body, &d, e);
	if (r == 0 && kind != MEDIA_INDEX)
		r = add_entry(index, &d, source, ret_first, e);
	descriptor_done(&d);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot add '%s'", text) : r;
}

static int describe_stored(const struct store *s, const char *name, struct descriptor *ret, struct err *e)
{
	cleanup_stored_image struct stored_image image = { 0 };
	const char *type;
	int r = stored_image_load(s, name, &image, e);

	if (r < 0)
		return r;
	type = image.manifest.media_type ? image.manifest.media_type
					 : repack_manifest_type(repack_is_docker(&image.manifest));
	*ret = (struct descriptor){ .media_type = strdup(type),
				    .digest = image.record.manifest,
				    .size_bytes = image.manifest_text.len };
	if (!ret->media_type)
		return err_code(e, -ENOMEM, "cannot keep a media type");
	return image_config_describe(&image.config, ret, e);
}

int manifest_list_add_stored(const struct store *s, struct image_index *index, const char *name, size_t *ret,
			     struct err *e)
{
	cleanup_free char *source = NULL;
	struct descriptor d = { 0 };
	int r = describe_stored(s, name, &d, e);

	if (r == 0 && asprintf(&source, MANIFEST_LIST_STORE "%s", name) < 0) {
		source = NULL;
		r = err_code(e, -ENOMEM, "cannot add to a manifest list");
	}
	if (r == 0)
		r = add_entry(index, &d, source, ret, e);
	descriptor_done(&d);
	return r < 0 ? err_wrap(e, "cannot add '%s'", name) : 0;
}

int manifest_list_look(const struct store *s, const char *text, const struct copy_options *options,
		       struct buf *out, struct err *e)
{
	cleanup_manifest_look struct manifest_look l = { .store = s, .options = options, .staging.fd = -1 };
	struct descriptor d = { 0 };
	enum media_kind kind;
	int r = manifest_look_begin(&l, text, e);

	if (r == 0)
		r = manifest_look_top(&l, out, &d, &kind, e);
	descriptor_done(&d);
	if (r == -ENOENT)
		return err_wrap(e, "manifest for %s not found", text);
	return r;
}

int manifest_list_find(const struct image_index *index, const char *text, size_t *ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	struct digest digest = { 0 };
	struct err ignored; /* then it is a reference, or nothing */
	size_t at;

	if (digest_parse(text, &digest, &ignored) < 0 && reference_parse(text, &ref, &ignored) == 0)
		digest = ref.digest;
	at = place_of(index, &digest);
	if (!digest_is_set(&digest) || at == index->manifests_len)
		return err_set(e, -ENOENT, "the list has no manifest '%s' (name it by its digest)", text);
	*ret = at;
	return 0;
}
