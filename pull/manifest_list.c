/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/manifest_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "oci/image_config.h"
#include "pull/endpoint.h"
#include "pull/hash.h"
#include "pull/source.h"
#include "pull/uploader.h"
#include "pull/worker.h"
#include "store/layer.h"
#include "store/manifest_list.h"

static const char OCI_INDEX[] = "application/vnd.oci.image.index.v1+json";
static const char DOCKER_LIST[] = "application/vnd.docker.distribution.manifest.list.v2+json";

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
	json_out_string(o, "mediaType", is_docker ? DOCKER_LIST : OCI_INDEX);
	json_out_array(o, "manifests");
	for (size_t i = 0; r == 0 && i < index->manifests_len; i++) {
		struct descriptor d = { 0 };

		r = descriptor_copy(&index->manifests[i], &d, e);
		for (size_t n = d.annotations.len; r == 0 && !with_sources && n > 0; n--)
			if (strncmp(d.annotations.items[n - 1], MANIFEST_LIST_SOURCE "=",
				    sizeof(MANIFEST_LIST_SOURCE)) == 0)
				strvec_remove(&d.annotations, n - 1);
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

/* --- looking up a manifest --------------------------------------------------------------------------------------- */

/* A registry that is asked for documents. */
struct look {
	struct transport transport;
	struct registries_conf conf;
	struct endpoints endpoints;
	struct source *source;
	struct worker worker;
	const struct copy_options *options;
};

static void look_done(struct look *l)
{
	worker_stop(&l->worker);
	source_free(l->source);
	endpoints_done(&l->endpoints);
	registries_conf_done(&l->conf);
	transport_done(&l->transport);
}
#define cleanup_look __attribute__((cleanup(look_done)))

static int look_begin(struct look *l, const char *text, struct err *e)
{
	const struct endpoint_options options = { .tls_verify = l->options->source_tls_verify,
						  .auth_file = l->options->source_auth_file,
						  .conf = &l->conf };
	int r = transport_parse(text, &l->transport, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", text);
	if (l->transport.kind != TRANSPORT_REGISTRY)
		return err_set(e, -EINVAL, "'%s' is in no registry (sampan copy brings it to one)", text);
	r = registries_conf_load(&l->conf, e);
	if (r == 0)
		r = source_open(&l->transport, &options, -1, &l->endpoints, &l->source, e);
	return r < 0 ? r : worker_start(l->source, &l->worker, e);
}

static int look_top(struct look *l, struct buf *text, struct descriptor *ret, enum media_kind *ret_kind,
		    struct err *e)
{
	const struct digest *wanted = &l->transport.reference.digest;
	bool has_digest = digest_is_set(wanted);
	struct source_answer answer = { 0 };
	const char *type;
	int r = worker_document(&l->worker, l->source, SOURCE_TOP, has_digest ? wanted : NULL, 0,
				l->options->cancel_fd, text, &answer, e);

	type = answer.content_type[0] ? answer.content_type : NULL;
	if (r == 0)
		r = document_kind(text->data ? text->data : "", text->len, type, ret_kind, e);
	if (r == 0)
		r = hash_bytes(has_digest ? digest_algorithm(wanted) : "sha256", text->data, text->len,
			       &ret->digest, e);
	if (r < 0)
		return r;
	ret->size_bytes = text->len;
	ret->media_type = strdup(type ? type : "application/vnd.oci.image.manifest.v1+json");
	return ret->media_type ? 0 : err_code(e, -ENOMEM, "cannot keep a media type");
}

/* What a manifest is for, its config says. */
static int look_platform(struct look *l, const struct buf *text, struct descriptor *d, struct err *e)
{
	cleanup_manifest struct manifest m = { 0 };
	cleanup_image_config struct image_config config = { 0 };
	cleanup_buf struct buf body = BUF_INIT(CONFIG_MAX_BYTES);
	struct source_answer answer = { 0 };
	int r = manifest_decode(text->data, text->len, &m, e);

	if (r < 0)
		return r;
	if (!m.config.media_type || media_kind_of(m.config.media_type) != MEDIA_CONFIG ||
	    m.config.size_bytes == 0)
		return 0; /* an artifact is for no platform */
	r = worker_document(&l->worker, l->source, SOURCE_BLOB, &m.config.digest, m.config.size_bytes,
			    l->options->cancel_fd, &body, &answer, e);
	if (r == 0)
		r = image_config_decode(body.data, body.len, &config, e);
	if (r < 0)
		return err_wrap(e, "config %s", m.config.digest.text);
	d->platform = config.platform;
	d->has_platform = config.platform.architecture[0] != 0;
	return 0;
}

/* --- adding ------------------------------------------------------------------------------------------------------ */

static size_t place_of(const struct image_index *index, const struct digest *digest)
{
	size_t i = 0;

	while (i < index->manifests_len && !digest_equal(&index->manifests[i].digest, digest))
		i++;
	return i;
}

static int add_entry(struct image_index *index, const struct descriptor *d, const struct reference *source,
		     size_t *ret, struct err *e)
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
	if (!more ||
	    strvec_addf(&copy.annotations, MANIFEST_LIST_SOURCE "=%s/%s", source->domain, source->path) < 0) {
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

static int add_index(const struct look *l, struct image_index *index, const struct buf *text, size_t *ret,
		     struct err *e)
{
	cleanup_image_index struct image_index other = { 0 };
	struct platform_list platforms;
	struct machine machine;
	size_t position = 0, at = 0;
	int r = image_index_decode(text->data, text->len, &other, e);

	if (r < 0)
		return r;
	if (!l->options->all) {
		machine_detect(&machine);
		platform_list_for_machine(&machine, &platforms);
		r = image_index_choose(&other, &platforms, &position, e);
		return r < 0 ? r
			     : add_entry(index, &other.manifests[position], &l->transport.reference, ret, e);
	}
	for (size_t i = other.manifests_len; r == 0 && i > 0; i--)
		r = add_entry(index, &other.manifests[other.manifests_len - i], &l->transport.reference, &at,
			      e);
	if (r == 0 && other.manifests_len > 0)
		*ret = place_of(index, &other.manifests[0].digest);
	return r;
}

int manifest_list_add(struct image_index *index, const char *text, const struct copy_options *options,
		      size_t *ret_first, struct err *e)
{
	cleanup_look struct look l = { .options = options };
	cleanup_buf struct buf body = BUF_INIT(MANIFEST_MAX_BYTES);
	struct descriptor d = { 0 };
	enum media_kind kind = MEDIA_UNKNOWN;
	int r = look_begin(&l, text, e);

	if (r == 0)
		r = look_top(&l, &body, &d, &kind, e);
	if (r == 0 && kind == MEDIA_INDEX)
		r = add_index(&l, index, &body, ret_first, e);
	else if (r == 0)
		r = look_platform(&l, &body, &d, e);
	if (r == 0 && kind != MEDIA_INDEX)
		r = add_entry(index, &d, &l.transport.reference, ret_first, e);
	descriptor_done(&d);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot add '%s'", text) : r;
}

int manifest_list_look(const char *text, const struct copy_options *options, struct buf *out, struct err *e)
{
	cleanup_look struct look l = { .options = options };
	struct descriptor d = { 0 };
	enum media_kind kind;
	int r = look_begin(&l, text, e);

	if (r == 0)
		r = look_top(&l, out, &d, &kind, e);
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

/* --- pushing ----------------------------------------------------------------------------------------------------- */

static int push_entry(const struct store *s, const struct descriptor *d, const struct transport *target,
		      const struct copy_options *options, struct err *e)
{
	const char *source = strvec_get_env(&d->annotations, MANIFEST_LIST_SOURCE);
	cleanup_transport struct transport from = { 0 };
	cleanup_free char *text = NULL;
	struct transport to = *target;
	struct copy_options exactly = *options;
	struct copy_result result;
	int r;

	if (!source)
		return err_set(e, -EINVAL, "nothing says where manifest %s is", d->digest.text);
	if (asprintf(&text, "%s@%s", source, d->digest.text) < 0) {
		text = NULL;
		return err_code(e, -ENOMEM, "cannot push a manifest list");
	}
	to.reference.tag = NULL;
	to.reference.digest = d->digest;
	exactly.all = true; /* this document, whatever it is */
	r = transport_parse(text, &from, e);
	if (r == 0)
		r = copy_image(s, &from, &to, NULL, &exactly, &result, e);
	return r < 0 && r != -EINTR ? err_wrap(e, "manifest %s", d->digest.text) : r;
}

static int push_text(const struct transport *target, const struct buf *text, bool is_docker,
		     const struct copy_options *options, struct digest *ret, struct err *e)
{
	cleanup_registries_conf struct registries_conf conf = { 0 };
	cleanup_endpoints struct endpoints endpoints = { 0 };
	const struct endpoint_options how = { .tls_verify = options->target_tls_verify,
					      .auth_file = options->target_auth_file,
					      .conf = &conf };
	struct registry_options registry;
	struct worker w = { 0 };
	struct worker_event event;
	int r = registries_conf_load(&conf, e);

	if (r == 0)
		r = endpoints_find(&target->reference, &how, &endpoints, e);
	if (r == 0)
		r = hash_bytes("sha256", text->data, text->len, ret, e);
	if (r < 0)
		return r;
	registry = endpoint_registry_options(&endpoints.items[endpoints.len - 1]);
	r = uploader_start(&registry, &w, e);
	if (r == 0)
		r = uploader_manifest(&w, target->reference.tag, is_docker ? DOCKER_LIST : OCI_INDEX,
				      text->data, text->len, ret, options->cancel_fd, &event, e);
	worker_stop(&w);
	return r;
}

int manifest_list_push(const struct store *s, const struct image_index *index, const struct transport *target,
		       bool is_docker, const struct copy_options *options, struct digest *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	int r = 0;

	if (target->kind != TRANSPORT_REGISTRY || !target->reference.tag)
		return err_set(e, -EINVAL, "a manifest list is pushed to a tag of a registry");
	if (index->manifests_len == 0)
		return err_set(e, -EINVAL, "the list is empty (sampan manifest add)");
	for (size_t i = 0; r == 0 && i < index->manifests_len; i++)
		r = push_entry(s, &index->manifests[i], target, options, e);
	if (r == 0)
		r = manifest_list_text(index, is_docker, &text, e);
	return r < 0 ? r : push_text(target, &text, is_docker, options, ret, e);
}
