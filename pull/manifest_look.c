/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/manifest_look.h"

#include <string.h>

#include "common/cleanup.h"
#include "oci/image_config.h"
#include "pull/hash.h"

void manifest_look_done(struct manifest_look *l)
{
	worker_stop(&l->worker);
	source_free(l->source);
	endpoints_done(&l->endpoints);
	registries_conf_done(&l->conf);
	transport_done(&l->transport);
	staging_end(l->store, &l->staging);
}

int manifest_look_begin(struct manifest_look *l, const char *text, struct err *e)
{
	const struct endpoint_options options = { .tls_verify = l->options->source_tls_verify,
						  .auth_file = l->options->source_auth_file,
						  .conf = &l->conf };
	struct machine machine;
	int r = transport_parse(text, &l->transport, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", text);
	machine_detect(&machine);
	platform_list_for_machine(&machine, &l->platforms);
	r = registries_conf_load(&l->conf, e);
	if (r == 0)
		r = staging_begin(l->store, &l->staging, e);
	if (r == 0)
		r = source_open(&l->transport, &options, l->staging.fd, &l->endpoints, &l->source, e);
	return r < 0 ? r : worker_start(l->source, &l->worker, e);
}

static int read_item(struct manifest_look *l, enum source_item item, const struct digest *digest,
		     uint64_t size_bytes, struct buf *text, struct source_answer *ret, struct err *e)
{
	return worker_document(&l->worker, l->source, item, digest, size_bytes, l->options->cancel_fd, text,
			       ret, e);
}

static const char *default_type(enum media_kind kind)
{
	return kind == MEDIA_INDEX ? "application/vnd.oci.image.index.v1+json"
				   : "application/vnd.oci.image.manifest.v1+json";
}

/* Of an entry of index.json only what the document is counts here, not what it is called. */
static int read_entry(struct manifest_look *l, const struct descriptor *entry, struct buf *text,
		      struct descriptor *ret, enum media_kind *ret_kind, struct err *e)
{
	struct source_answer answer = { 0 };
	int r = read_item(l, SOURCE_MANIFEST, &entry->digest, entry->size_bytes, text, &answer, e);

	if (r == 0)
		r = document_kind(text->data ? text->data : "", text->len, entry->media_type, ret_kind, e);
	if (r < 0)
		return r == -EINTR ? r : err_wrap(e, "manifest %s", entry->digest.text);
	ret->digest = entry->digest;
	ret->size_bytes = text->len;
	return descriptor_set_media_type(ret, entry->media_type ? entry->media_type : default_type(*ret_kind),
					 e);
}

static int look_in_layout(struct manifest_look *l, struct buf *text, struct descriptor *ret,
			  enum media_kind *ret_kind, struct err *e)
{
	cleanup_buf struct buf names = BUF_INIT(MANIFEST_MAX_BYTES);
	cleanup_image_index struct image_index index = { 0 };
	struct source_answer answer = { 0 };
	size_t position = 0;
	int r = read_item(l, SOURCE_TOP, NULL, 0, &names, &answer, e);

	if (r < 0)
		return r;
	r = image_index_decode(names.data ? names.data : "", names.len, &index, e);
	if (r < 0)
		return err_wrap(e, "index.json");
	r = transport_choose(&l->transport, &index, &l->platforms, &position, e);
	return r < 0 ? r : read_entry(l, &index.manifests[position], text, ret, ret_kind, e);
}

static int look_in_registry(struct manifest_look *l, struct buf *text, struct descriptor *ret,
			    enum media_kind *ret_kind, struct err *e)
{
	const struct digest *wanted = &l->transport.reference.digest;
	bool has_digest = digest_is_set(wanted);
	struct source_answer answer = { 0 };
	const char *type;
	int r = read_item(l, SOURCE_TOP, has_digest ? wanted : NULL, 0, text, &answer, e);

	type = answer.content_type[0] ? answer.content_type : NULL;
	if (r == 0)
		r = document_kind(text->data ? text->data : "", text->len, type, ret_kind, e);
	if (r == 0)
		r = hash_bytes(has_digest ? digest_algorithm(wanted) : "sha256", text->data, text->len,
			       &ret->digest, e);
	if (r < 0)
		return r;
	ret->size_bytes = text->len;
	return descriptor_set_media_type(ret, type ? type : default_type(*ret_kind), e);
}

int manifest_look_top(struct manifest_look *l, struct buf *text, struct descriptor *ret,
		      enum media_kind *ret_kind, struct err *e)
{
	return l->source->is_layout ? look_in_layout(l, text, ret, ret_kind, e)
				    : look_in_registry(l, text, ret, ret_kind, e);
}

int manifest_look_platform(struct manifest_look *l, const struct buf *text, struct descriptor *d,
			   struct err *e)
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
		return 0;
	r = read_item(l, SOURCE_BLOB, &m.config.digest, m.config.size_bytes, &body, &answer, e);
	if (r == 0)
		r = image_config_decode(body.data, body.len, &config, e);
	if (r < 0)
		return err_wrap(e, "config %s", m.config.digest.text);
	return image_config_describe(&config, d, e);
}
