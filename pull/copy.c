/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/copy.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "oci/descriptor.h"
#include "oci/image_config.h"
#include "pull/copy_attestation.h"
#include "pull/copy_document.h"
#include "pull/endpoint.h"
#include "pull/hash.h"
#include "pull/manifest_list.h"
#include "pull/policy_gate.h"
#include "pull/repack.h"
#include "pull/source.h"
#include "pull/uploader.h"
#include "pull/worker.h"
#include "store/layer.h"

struct copy {
	const struct store *store;
	const struct copy_options *options;
	const struct transport *from, *to;
	struct layout *layout;
	struct staging staging;
	struct registries_conf conf;
	struct policy_gate policy;
	struct endpoints from_endpoints, to_endpoints;
	struct registry_options registry;
	struct source *source;
	struct worker worker;
	struct platform_list platforms;
	struct copy_document *documents;
	size_t len;
	size_t bytes;
	struct transfer transfer;
};

static void copy_done(struct copy *c)
{
	transfer_done(&c->transfer); /* before what its processes use goes */
	worker_stop(&c->worker);
	for (size_t i = 0; i < c->len; i++)
		copy_document_done(&c->documents[i]);
	free(c->documents);
	source_free(c->source);
	endpoints_done(&c->from_endpoints);
	endpoints_done(&c->to_endpoints);
	registries_conf_done(&c->conf);
	policy_gate_done(&c->policy);
	staging_end(c->store, &c->staging);
}
#define cleanup_copy __attribute__((cleanup(copy_done)))

/* --- documents --------------------------------------------------------------------------------------------------- */

/* Takes `d`. */
static int keep_document(struct copy *c, struct copy_document *d, struct err *e)
{
	struct copy_document *more = reallocarray(c->documents, c->len + 1, sizeof(*more));

	if (!more) {
		copy_document_done(d);
		return err_code(e, -ENOMEM, "cannot list manifests");
	}
	c->documents = more;
	c->documents[c->len++] = *d;
	return 0;
}

static bool is_known(const struct copy *c, const struct digest *digest)
{
	for (size_t i = 0; i < c->len; i++)
		if (digest_equal(&c->documents[i].self.digest, digest))
			return true;
	return false;
}

static int read_document(struct copy *c, const struct descriptor *d, struct buf *out, struct err *e)
{
	struct source_answer answer = { 0 };
	int r;

	if (d->size_bytes == 0 || d->size_bytes > out->max)
		return err_set(e, -EINVAL, "manifest %s: its descriptor says %llu bytes", d->digest.text,
			       (unsigned long long)d->size_bytes);
	r = worker_document(&c->worker, c->source, SOURCE_MANIFEST, &d->digest, d->size_bytes,
			    c->options->cancel_fd, out, &answer, e);
	return r < 0 && r != -EINTR ? err_wrap(e, "manifest %s", d->digest.text) : r;
}

static int add_document(struct copy *c, const struct descriptor *self, struct buf *text, unsigned int depth,
			struct err *e);

/* What is named by an index, from the source. */
static int add_entry(struct copy *c, const struct descriptor *entry, unsigned int depth, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	int r;

	if (is_known(c, &entry->digest))
		return 0;
	r = read_document(c, entry, &text, e);
	return r < 0 ? r : add_document(c, entry, &text, depth, e);
}

static int add_index(struct copy *c, const struct buf *text, unsigned int depth, bool *ret_is_kept,
		     struct err *e)
{
	cleanup_image_index struct image_index index = { 0 };
	size_t position = 0;
	int r = image_index_decode(text->data, text->len, &index, e);

	if (r < 0)
		return r;
	if (depth == COPY_DEPTH_MAX)
		return err_set(e, -EFBIG, "indexes are nested deeper than %d", COPY_DEPTH_MAX);
	*ret_is_kept = c->options->all;
	if (!c->options->all) {
		r = image_index_choose(&index, &c->platforms, &position, e);
		return r < 0 ? r : add_entry(c, &index.manifests[position], depth + 1, e);
	}
	for (size_t i = 0; r == 0 && i < index.manifests_len; i++)
		r = add_entry(c, &index.manifests[i], depth + 1, e);
	return r;
}

/* Takes the text of a document out of `text`, once what it names is there. */
static int add_document(struct copy *c, const struct descriptor *self, struct buf *text, unsigned int depth,
			struct err *e)
{
	struct copy_document d = { 0 };
	enum media_kind kind = MEDIA_UNKNOWN;
	bool is_kept = true;
	int r = document_kind(text->data ? text->data : "", text->len, self->media_type, &kind, e);

	c->bytes += text->len;
	if (r == 0 && (c->len == COPY_DOCUMENTS_MAX || c->bytes > COPY_BYTES_MAX))
		r = err_set(e, -EFBIG, "there are more than %d manifests, or they are too large",
			    COPY_DOCUMENTS_MAX);
	if (r == 0 && kind == MEDIA_INDEX)
		r = add_index(c, text, depth, &is_kept, e);
	else if (r == 0 && kind == MEDIA_MANIFEST)
		r = manifest_decode(text->data, text->len, &d.manifest, e);
	else if (r == 0)
		r = err_set(e, -EOPNOTSUPP,
			    "manifest %s is neither a manifest nor an index that can be copied",
			    self->digest.text);
	if (r == 0 && is_kept)
		r = descriptor_copy(self, &d.self, e);
	if (r < 0 || !is_kept) {
		copy_document_done(&d);
		return r;
	}
	d.is_manifest = kind == MEDIA_MANIFEST;
	d.text = *text;
	*text = (struct buf){ 0 };
	return keep_document(c, &d, e);
}

/* What the reference itself names. Its digest is ours to compute. */
static int read_top(struct copy *c, struct buf *text, struct descriptor *ret, struct err *e)
{
	const struct digest *wanted = &c->from->reference.digest; /* a layout's is not set */
	struct source_answer answer = { 0 };
	const char *algorithm = digest_is_set(wanted) ? digest_algorithm(wanted) : "sha256";
	enum media_kind kind;
	int r = worker_document(&c->worker, c->source, SOURCE_TOP, digest_is_set(wanted) ? wanted : NULL, 0,
				c->options->cancel_fd, text, &answer, e);

	if (r == 0)
		r = hash_bytes(algorithm, text->data ? text->data : "", text->len, &ret->digest, e);
	if (r == 0 && !c->source->is_layout)
		r = document_kind(text->data ? text->data : "", text->len,
				  answer.content_type[0] ? answer.content_type : NULL, &kind, e);
	if (r < 0)
		return r;
	ret->size_bytes = text->len;
	if (!answer.content_type[0] || c->source->is_layout)
		return 0;
	ret->media_type = strdup(answer.content_type);
	return ret->media_type ? 0 : err_code(e, -ENOMEM, "cannot keep a media type");
}

/* index.json of a layout is a list of names: one of them is what is copied. */
static int add_from_layout(struct copy *c, const struct buf *text, struct err *e)
{
	cleanup_image_index struct image_index index = { 0 };
	size_t position = 0;
	int r = image_index_decode(text->data ? text->data : "", text->len, &index, e);

	if (r < 0)
		return err_wrap(e, "index.json");
	r = transport_choose(c->from, &index, &c->platforms, &position, e);
	return r < 0 ? r : add_entry(c, &index.manifests[position], 0, e);
}

/* As a pull does: whatever is taken from somewhere must be what the policy allows, wherever it goes. */
static int check_signatures(struct copy *c, const struct descriptor *top, struct err *e)
{
	const struct signature_reader reader = { .worker = &c->worker,
						 .source = c->source,
						 .cancel_fd = c->options->cancel_fd };
	const struct digest subjects[] = { c->documents[c->len - 1].self.digest, top->digest };

	return policy_gate_check(&c->policy, &reader, &c->from->reference, subjects,
				 digest_equal(&subjects[0], &subjects[1]) ? 1 : 2, e);
}

static int read_documents(struct copy *c, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct descriptor top = { 0 };
	int r = worker_start(c->source, &c->worker, e);

	if (r == 0 && c->options->document)
		return add_entry(c, c->options->document, 0, e);
	if (r == 0)
		r = read_top(c, &text, &top, e);
	if (r == 0 && c->source->is_layout)
		r = add_from_layout(c, &text, e);
	else if (r == 0)
		r = add_document(c, &top, &text, 0, e);
	if (r == 0 && !c->source->is_layout)
		r = check_signatures(c, &top, e);
	descriptor_done(&top);
	return r;
}

/* --- blobs ------------------------------------------------------------------------------------------------------- */

/* Both ends may be of one registry, which then need not be sent what it has. */
static bool is_same_registry(const struct copy *c)
{
	return c->from->kind == TRANSPORT_REGISTRY && c->to->kind == TRANSPORT_REGISTRY &&
	       strcmp(c->from->reference.domain, c->to->reference.domain) == 0 &&
	       strcmp(c->from->reference.path, c->to->reference.path) != 0;
}

static void describe(const struct copy *c, const struct descriptor *from, struct transfer_blob *ret)
{
	ret->digest = from->digest;
	ret->size_bytes = from->size_bytes;
	ret->kind = from->media_type ? media_kind_of(from->media_type) : MEDIA_UNKNOWN;
	if (!is_same_registry(c) || strlen(c->from->reference.path) >= sizeof(ret->mounts.paths[0]))
		return;
	ret->mounts.len = 1;
	(void)snprintf(ret->mounts.paths[0], sizeof(ret->mounts.paths[0]), "%s", c->from->reference.path);
}

/* To a registry tars go compressed, as with skopeo and podman. A name that has a digest must stay true. */
static bool is_to_compress(const struct copy *c, enum compression_kind is)
{
	const struct copy_options *o = c->options;

	if (o->preserve_digests || digest_is_set(&c->to->reference.digest))
		return false;
	if (!o->has_compression)
		return c->to->kind == TRANSPORT_REGISTRY && is == COMPRESSION_NONE;
	return is != o->compression.kind || o->compression.level != COMPRESSION_LEVEL_DEFAULT;
}

static void describe_layer(const struct copy *c, const struct manifest *m, size_t n,
			   struct transfer_blob *ret)
{
	enum compression_kind is = COMPRESSION_NONE;

	describe(c, &m->layers[n], ret);
	if (!copy_document_compression(m, n, &is) || !is_to_compress(c, is))
		return;
	ret->is_to_compress = true;
	if (is == COMPRESSION_NONE)
		ret->diff_id = ret->digest;
	ret->phase = c->options->reuses ? TRANSFER_WAITING : TRANSFER_ABSENT; /* be the blob there or not */
}

static int copy_blobs(struct copy *c, struct err *e)
{
	size_t len = 0, at = 0;
	int r;

	for (size_t i = 0; i < c->len; i++)
		len += c->documents[i].manifest.layers_len + c->documents[i].is_manifest;
	r = transfer_begin(&c->transfer, len, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->len; i++) {
		const struct manifest *m = &c->documents[i].manifest;

		if (!c->documents[i].is_manifest)
			continue;
		for (size_t n = 0; n < m->layers_len; n++)
			describe_layer(c, m, n, &c->transfer.blobs[at++]);
		describe(c, &m->config, &c->transfer.blobs[at++]);
	}
	return transfer_run(&c->transfer, e);
}

/* What the blobs have become changes the documents that name them, and what is said of these documents. */
static int rewrite(struct copy *c, struct err *e)
{
	const struct signature_reader reader = { .worker = &c->worker,
						 .source = c->source,
						 .cancel_fd = c->options->cancel_fd };
	cleanup_copy_attestations struct copy_attestations moved = { 0 };
	int r = copy_documents_rewrite(c->documents, c->len, &c->transfer, e);

	if (r == 0)
		r = copy_attestations_move(c->documents, c->len, &reader, &moved, e);
	if (r == 0 && moved.len > 0)
		r = copy_attestations_send(&moved, &c->transfer, e);
	return r < 0 ? r : copy_documents_rewrite_indexes(c->documents, c->len, e);
}

/* --- to a registry ----------------------------------------------------------------------------------------------- */

static const char *type_of(const struct copy_document *d)
{
	if (d->self.media_type)
		return d->self.media_type;
	if (d->is_manifest && d->manifest.media_type)
		return d->manifest.media_type;
	return d->is_manifest ? "application/vnd.oci.image.manifest.v1+json"
			      : "application/vnd.oci.image.index.v1+json";
}

/* The last document is the top one, and gets the tag. */
static int put_manifests(struct copy *c, struct err *e)
{
	struct worker *w = transfer_uploader(&c->transfer, e);
	int r = 0;

	if (!w)
		return e->code;
	for (size_t i = 0; r == 0 && i < c->len; i++) {
		const struct copy_document *d = &c->documents[i];
		const char *tag = c->to->reference.tag;
		const char *name = i + 1 == c->len && tag ? tag : d->self.digest.text;
		struct worker_event event = { 0 };

		r = uploader_manifest(w, name, type_of(d), d->text.data, d->text.len, &d->self.digest,
				      c->options->cancel_fd, &event, e);
		if (r < 0 && r != -EINTR)
			(void)err_wrap(e, "manifest %s", d->self.digest.text);
	}
	return r;
}

static int check_target_digest(const struct copy *c, struct err *e)
{
	const struct digest *wanted = &c->to->reference.digest, *is = &c->documents[c->len - 1].self.digest;

	if (!digest_is_set(wanted) || digest_equal(wanted, is))
		return 0;
	return err_set(e, -EINVAL, "the target asks for %s, and what is copied is %s", wanted->text,
		       is->text);
}

static int to_registry(struct copy *c, struct err *e)
{
	int r = check_target_digest(c, e);

	if (r == 0)
		r = copy_blobs(c, e);
	if (r == 0)
		r = rewrite(c, e);
	return r < 0 ? r : put_manifests(c, e);
}

/* --- to files ---------------------------------------------------------------------------------------------------- */

static int read_config(struct copy *c, const struct descriptor *d, struct buf *out, struct err *e)
{
	struct source_answer answer = { 0 };

	if (d->size_bytes == 0)
		return err_set(e, -EINVAL, "config %s is empty", d->digest.text);
	return worker_document(&c->worker, c->source, SOURCE_BLOB, &d->digest, d->size_bytes,
			       c->options->cancel_fd, out, &answer, e);
}

/* docker's form has a config and tars, and nothing about how they were compressed. */
static int to_docker(struct copy *c, const struct strvec *names, struct err *e)
{
	const struct copy_document *d = &c->documents[c->len - 1];
	cleanup_buf struct buf text = BUF_INIT(CONFIG_MAX_BYTES);
	cleanup_image_config struct image_config config = { 0 };
	const struct layout_image image = { .top = &d->self,
					    .names = names,
					    .config = &d->manifest.config.digest };
	struct layout_image with_layers = image;
	int r = read_config(c, &d->manifest.config, &text, e);

	if (r == 0)
		r = image_config_decode(text.data, text.len, &config, e);
	if (r == 0 && config.diff_ids_len != d->manifest.layers_len)
		r = err_set(e, -EINVAL, "the manifest has %zu layers where the config has %zu",
			    d->manifest.layers_len, config.diff_ids_len);
	if (r == 0)
		r = transfer_begin(&c->transfer, d->manifest.layers_len, e);
	for (size_t i = 0; r == 0 && i < d->manifest.layers_len; i++) {
		describe(c, &d->manifest.layers[i], &c->transfer.blobs[i]);
		c->transfer.blobs[i].diff_id = config.diff_ids[i];
	}
	if (r == 0)
		r = transfer_run(&c->transfer, e);
	if (r == 0)
		r = layout_put_document(c->layout, &d->manifest.config.digest, true, text.data, text.len, e);
	with_layers.layers = config.diff_ids;
	with_layers.layers_len = config.diff_ids_len;
	return r < 0 ? r : layout_add_image(c->layout, &with_layers, e);
}

static int to_oci(struct copy *c, const struct strvec *names, const char *tag, struct err *e)
{
	struct descriptor *top = &c->documents[c->len - 1].self;
	const struct layout_image image = { .top = top, .names = names, .tag = tag };
	int r = copy_blobs(c, e);

	if (r == 0)
		r = rewrite(c, e);
	for (size_t i = 0; r == 0 && i < c->len; i++)
		r = layout_put_document(c->layout, &c->documents[i].self.digest, false,
					c->documents[i].text.data, c->documents[i].text.len, e);
	if (r == 0 && !top->media_type) {
		top->media_type = strdup(type_of(&c->documents[c->len - 1]));
		r = top->media_type ? 0 : err_code(e, -ENOMEM, "cannot keep a media type");
	}
	return r < 0 ? r : layout_add_image(c->layout, &image, e);
}

static int to_layout(struct copy *c, struct err *e)
{
	const char *tag = NULL;
	cleanup_strvec struct strvec names = { 0 };
	bool is_docker = layout_wants_plain(c->layout);
	int r;

	if (is_docker && !c->documents[c->len - 1].is_manifest)
		return err_set(e, -EINVAL, "a docker-archive holds images of one platform (leave --all out)");
	r = transport_target_names(c->to, &names, &tag, e);
	if (r < 0)
		return r;
	return is_docker ? to_docker(c, &names, e) : to_oci(c, &names, tag, e);
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static int open_target(struct copy *c, struct err *e)
{
	const struct endpoint_options options = { .tls_verify = c->options->target_tls_verify,
						  .auth_file = c->options->target_auth_file,
						  .conf = &c->conf };
	int r;

	if (c->to->kind != TRANSPORT_REGISTRY) {
		c->transfer.layout = c->layout;
		return 0;
	}
	r = endpoints_find(&c->to->reference, &options, &c->to_endpoints, e);
	if (r < 0)
		return r;
	/* Mirrors are for pulling. */
	c->registry = endpoint_registry_options(&c->to_endpoints.items[c->to_endpoints.len - 1]);
	c->transfer.registry = &c->registry;
	return 0;
}

static int begin(struct copy *c, struct err *e)
{
	const struct endpoint_options options = { .tls_verify = c->options->source_tls_verify,
						  .auth_file = c->options->source_auth_file,
						  .conf = &c->conf };
	struct machine machine;
	int r = registries_conf_load(&c->conf, e);

	if (c->options->has_platform) {
		platform_list_for_request(&c->options->platform, &c->platforms);
	} else {
		machine_detect(&machine);
		platform_list_for_machine(&machine, &c->platforms);
	}
	if (r == 0)
		r = policy_gate_open(c->from, &c->policy, e);
	if (r == 0)
		r = staging_begin(c->store, &c->staging, e);
	if (r == 0)
		r = source_open(c->from, &options, c->staging.fd, &c->from_endpoints, &c->source, e);
	if (r == 0)
		r = open_target(c, e);
	c->transfer.store = c->store;
	c->transfer.source = c->source;
	c->transfer.staging_fd = c->staging.fd;
	c->transfer.compression = c->options->has_compression
					  ? c->options->compression
					  : (struct compression){ .kind = COMPRESSION_GZIP };
	c->transfer.jobs = c->options->jobs;
	c->transfer.cancel_fd = c->options->cancel_fd;
	c->transfer.observer = c->options->observer;
	return r;
}

static const char *changed_type(const struct copy_document *d)
{
	bool is_docker = d->self.media_type && (strcmp(d->self.media_type, repack_manifest_type(true)) == 0 ||
						strcmp(d->self.media_type, manifest_list_type(true)) == 0);

	if (!digest_is_set(&d->was))
		return NULL;
	return d->is_manifest ? repack_manifest_type(is_docker) : manifest_list_type(is_docker);
}

int copy_image(const struct store *s, const struct transport *source, const struct transport *target,
	       struct layout *layout, const struct copy_options *options, struct copy_result *ret,
	       struct err *e)
{
	cleanup_copy struct copy c = { .store = s,
				       .options = options,
				       .from = source,
				       .to = target,
				       .layout = layout,
				       .staging.fd = -1 };
	int r = begin(&c, e);

	if (r == 0)
		r = read_documents(&c, e);
	if (r < 0)
		return r;
	r = target->kind == TRANSPORT_REGISTRY ? to_registry(&c, e) : to_layout(&c, e);
	if (r == 0)
		*ret = (struct copy_result){ .digest = c.documents[c.len - 1].self.digest,
					     .size_bytes = c.documents[c.len - 1].self.size_bytes,
					     .media_type = changed_type(&c.documents[c.len - 1]) };
	return r;
}
