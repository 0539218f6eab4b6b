/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/push.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/endpoint.h"
#include "pull/stored.h"
#include "pull/uploader.h"
#include "store/image.h"
#include "store/layer.h"

/* Everything that a push holds while it runs. */
struct push {
	const struct store *store;
	const struct push_options *options;
	int lock_fd;
	struct staging staging;
	struct reference target;
	struct endpoints endpoints;
	struct registry_options registry;
	struct stored_image image;
	struct transfer transfer;
};

static void push_done(struct push *p)
{
	transfer_done(&p->transfer); /* before what its processes use goes */
	stored_image_done(&p->image);
	endpoints_done(&p->endpoints);
	reference_done(&p->target);
	staging_end(p->store, &p->staging);
	cleanup_fd_fn(&p->lock_fd);
}
#define cleanup_push __attribute__((cleanup(push_done)))

static int begin(struct push *p, const char *source, struct err *e)
{
	int r = store_lock(p->store, false, &p->lock_fd, e);

	if (r == 0)
		r = p->options->manifest ? stored_image_open(p->store, p->options->manifest, &p->image, e)
					 : stored_image_load(p->store, source, &p->image, e);
	if (r == 0)
		r = staging_begin(p->store, &p->staging, e);
	p->transfer.store = p->store;
	p->transfer.staging_fd = p->staging.fd;
	p->transfer.compression = p->options->compression;
	p->transfer.anew = p->options->anew;
	p->transfer.compress_tars = p->options->compress_tars;
	p->transfer.reuses = p->options->reuses;
	p->transfer.jobs = p->options->jobs ? p->options->jobs : PUSH_DEFAULT_JOBS;
	p->transfer.cancel_fd = p->options->cancel_fd;
	p->transfer.observer = p->options->observer;
	return r;
}

/* Mirrors are for pulling: what is pushed goes to the registry itself. */
static int open_registry(struct push *p, const char *target, struct err *e)
{
	cleanup_registries_conf struct registries_conf conf = { 0 };
	const struct endpoint_options options = { .tls_verify = p->options->tls_verify,
						  .auth_file = p->options->auth_file,
						  .conf = &conf };
	int r = reference_parse(target, &p->target, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", target);
	if (!p->target.tag || digest_is_set(&p->target.digest))
		return err_set(e, -EINVAL, "cannot push to '%s': a push goes to a tag, not to a digest",
			       target);
	r = registries_conf_load(&conf, e);
	if (r == 0)
		r = endpoints_find(&p->target, &options, &p->endpoints, e);
	if (r < 0)
		return r;
	p->registry = endpoint_registry_options(&p->endpoints.items[p->endpoints.len - 1]);
	p->transfer.registry = &p->registry;
	return 0;
}

static int push_config(struct push *p, struct err *e)
{
	struct transfer_blob *b;
	int r = transfer_begin(&p->transfer, 1, e);

	if (r < 0)
		return r;
	b = &p->transfer.blobs[0];
	b->digest = p->image.config_digest;
	b->size_bytes = p->image.config_text.len;
	b->text = p->image.config_text.data;
	p->transfer.observer.blobs = NULL; /* nothing that anybody waits for */
	p->transfer.observer.blob = NULL;
	return transfer_run(&p->transfer, e);
}

static struct push_result result_of(const struct push *p)
{
	const struct stored_image *i = &p->image;

	return (struct push_result){ .digest = i->manifest_digest,
				     .size_bytes = i->manifest_text.len,
				     .is_changed = i->is_changed,
				     .media_type = i->is_changed ? i->manifest_type : NULL };
}

static int push_manifest(struct push *p, struct push_result *ret, struct err *e)
{
	const struct stored_image *i = &p->image;
	struct worker *w = transfer_uploader(&p->transfer, e);
	struct worker_event event = { 0 };
	int r;

	if (!w)
		return e->code;
	r = uploader_manifest(w, p->options->untagged ? i->manifest_digest.text : p->target.tag,
			      i->manifest_type, i->manifest_text.data, i->manifest_text.len,
			      &i->manifest_digest, p->options->cancel_fd, &event, e);
	if (r < 0)
		return r == -EINTR ? r : err_wrap(e, "manifest %s", i->manifest_digest.text);
	*ret = result_of(p);
	ret->was_there = event.bytes == UPLOAD_PRESENT;
	return 0;
}

static void tell_of_changes(const struct push *p)
{
	const struct push_options *o = p->options;

	for (size_t i = 0; o->changed && i < p->transfer.len; i++) {
		const struct transfer_blob *b = &p->transfer.blobs[i];
		const struct push_change change = {
			.was = &p->image.manifest.layers[i].digest,
			.is = &b->made.blob.digest,
			.is_other_tar = !digest_equal(&b->made.blob.diff_id, &b->diff_id),
			.why = b->made.why,
		};

		if (b->was_made && b->made.why[0])
			o->changed(o->changed_arg, &change);
	}
}

static int finish_image(struct push *p, bool to_oci, struct err *e)
{
	int r = stored_image_finish(&p->image, &p->transfer, to_oci, e);

	if (r == 0)
		tell_of_changes(p);
	return r;
}

static int push(struct push *p, struct push_result *ret, struct err *e)
{
	int r = stored_image_list(p->store, &p->image, p->target.domain, p->registry.path, &p->transfer, e);

	if (r == 0)
		r = transfer_run(&p->transfer, e);
	if (r == 0)
		r = finish_image(p, false, e);
	if (r == 0)
		r = push_config(p, e);
	return r < 0 ? r : push_manifest(p, ret, e);
}

int push_image(const struct store *s, const char *source, const char *target,
	       const struct push_options *options, struct push_result *ret, struct err *e)
{
	cleanup_push struct push p = { .store = s, .options = options, .lock_fd = -1, .staging.fd = -1 };
	int r = begin(&p, source, e);

	if (r == 0)
		r = open_registry(&p, target, e);
	if (r < 0)
		return r;
	r = push(&p, ret, e);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot push to '%s'", target) : r;
}

/* --- into files ------------------------------------------------------------------------------------------------ */

static int put_documents(const struct push *p, struct layout *layout, struct err *e)
{
	const struct stored_image *i = &p->image;
	int r = layout_put_document(layout, &i->config_digest, true, i->config_text.data, i->config_text.len,
				    e);

	if (r == 0)
		r = layout_put_document(layout, &i->manifest_digest, false, i->manifest_text.data,
					i->manifest_text.len, e);
	return r;
}

static int add_image(const struct push *p, const struct strvec *names, struct layout *layout, struct err *e)
{
	const struct stored_image *i = &p->image;
	const struct descriptor top = { .media_type = (char *)(uintptr_t)i->manifest_type,
					.digest = i->manifest_digest,
					.size_bytes = i->manifest_text.len,
					.has_platform = i->config.platform.architecture[0] != 0,
					.platform = i->config.platform,
					.os_version = i->config.os_version,
					.os_features = i->config.os_features };
	const struct layout_image image = { .top = &top,
					    .names = names,
					    .tag = p->options->layout_tag,
					    .config = &i->config_digest,
					    .layers = i->diff_ids,
					    .layers_len = i->manifest.layers_len };

	return layout_add_image(layout, &image, e);
}

/* What has begun. */
static int to_layout(struct push *p, struct layout *layout, struct err *e)
{
	int r;

	p->transfer.layout = layout;
	if (layout_wants_plain(layout))
		p->transfer.compression = (struct compression){ .kind = COMPRESSION_NONE };
	r = stored_image_list(p->store, &p->image, NULL, NULL, &p->transfer, e);
	if (r == 0)
		r = transfer_run(&p->transfer, e);
	if (r == 0)
		r = finish_image(p, !layout_wants_plain(layout), e);
	return r < 0 ? r : put_documents(p, layout, e);
}

int push_to_layout(const struct store *s, const char *source, const struct strvec *names,
		   const struct push_options *options, struct layout *layout, struct push_result *ret,
		   struct err *e)
{
	cleanup_push struct push p = { .store = s, .options = options, .lock_fd = -1, .staging.fd = -1 };
	int r = begin(&p, source, e);

	if (r < 0)
		return r;
	r = to_layout(&p, layout, e);
	if (r == 0)
		r = add_image(&p, names, layout, e);
	if (r < 0)
		return r != -EINTR ? err_wrap(e, "cannot save '%s'", source) : r;
	*ret = result_of(&p);
	if (layout_wants_plain(layout)) {
		ret->is_changed = p.image.has_other_diff_ids;
		ret->digest = ret->is_changed ? ret->digest : p.image.record.manifest;
	}
	return 0;
}

int push_member_to_layout(const struct store *s, const char *source, const struct push_options *options,
			  struct layout *layout, struct push_result *ret, struct err *e)
{
	cleanup_push struct push p = { .store = s, .options = options, .lock_fd = -1, .staging.fd = -1 };
	int r = begin(&p, source, e);

	if (r < 0)
		return r;
	r = to_layout(&p, layout, e);
	if (r < 0)
		return r != -EINTR ? err_wrap(e, "cannot save '%s'", source) : r;
	*ret = result_of(&p);
	return 0;
}
