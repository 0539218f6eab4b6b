/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/pull.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "pull/fetch.h"
#include "pull/free_space.h"
#include "pull/policy_gate.h"
#include "pull/resolve.h"
#include "pull/source.h"
#include "pull/transport.h"
#include "pull/write_back.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/layer.h"

#define TURN_POLL_MS 100

/* Everything that a pull holds while it runs. */
struct pull {
	const struct store *store;
	const struct pull_options *options;
	const struct registries_conf *conf;
	int lock_fd;
	int work_fd; /* only we work on this image */
	struct staging staging;
	struct transport transport;
	struct endpoints endpoints; /* of a registry */
	struct source *source;
	char *name; /* as people see it */
	struct policy_gate policy;
	struct resolved image;
	struct fetch fetch;
};

static void pull_done(struct pull *p)
{
	fetch_done(&p->fetch); /* before what its processes write to goes */
	resolved_done(&p->image);
	source_free(p->source);
	endpoints_done(&p->endpoints);
	transport_done(&p->transport);
	staging_end(p->store, &p->staging);
	free(p->name);
	policy_gate_done(&p->policy);
	if (p->work_fd >= 0)
		(void)close(p->work_fd); /* releases it */
	if (p->lock_fd >= 0)
		(void)close(p->lock_fd); /* as above */
}
#define cleanup_pull __attribute__((cleanup(pull_done)))

void pull_result_done(struct pull_result *r)
{
	strvec_done(&r->names);
	free(r->familiar);
	*r = (struct pull_result){ 0 };
}

/* --- beginning --- */

static int open_source(struct pull *p, struct err *e)
{
	const struct endpoint_options options = { .tls_verify = p->options->tls_verify,
						  .auth_file = p->options->auth_file,
						  .conf = p->conf };
	int r = source_open(&p->transport, &options, p->staging.fd, &p->endpoints, &p->source, e);

	return r < 0 && p->transport.kind == TRANSPORT_REGISTRY ? err_wrap(e, "cannot pull '%s'", p->name)
								: r;
}

static int begin(struct pull *p, const char *text, struct err *e)
{
	uint64_t freed;
	int r = transport_parse(text, &p->transport, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", text);
	p->name = p->transport.kind == TRANSPORT_REGISTRY ? reference_familiar(&p->transport.reference)
							  : strdup(p->transport.path);
	if (!p->name)
		return err_code(e, -ENOMEM, "cannot pull '%s'", text);
	r = policy_gate_open(&p->transport, &p->policy, e);
	if (r < 0)
		return err_wrap(e, "cannot pull '%s'", p->name);
	/* What a pull that was killed has left behind; where that fails, or somebody else is at work in the store, a later
	 * one will see to it. */
	(void)!store_gc(p->store, false, &freed, e);
	r = store_lock(p->store, false, &p->lock_fd, e);
	if (r == 0)
		r = staging_begin(p->store, &p->staging, e);
	return r < 0 ? r : open_source(p, e);
}

/* --- end --- */

static int put_blobs(const struct pull *p, struct err *e)
{
	const struct resolved *i = &p->image;
	int r = 0;

	if (digest_is_set(&i->index_digest))
		r = blob_put(p->store, &i->index_digest, i->index_text.data, i->index_text.len, e);
	if (r == 0)
		r = blob_put(p->store, &i->manifest_digest, i->manifest_text.data, i->manifest_text.len, e);
	if (r == 0)
		r = blob_put(p->store, &i->manifest.config.digest, i->config_text.data, i->config_text.len,
			     e);
	return r;
}

static int seal_layers(const struct pull *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->fetch.jobs_len; i++) {
		const struct layer_job *job = &p->fetch.jobs[i];
		struct layer_meta meta = {
			.diff_id = *job->diff_id,
			.blob = job->blob->digest,
			.blob_size = job->blob->size_bytes,
			.unpacked_size = job->result.unpacked_bytes,
			.media_type = job->blob->media_type,
			.is_made_here =
				p->options->made_here && digest_equal(p->options->made_here, job->diff_id),
		};

		if (job->is_ours)
			r = layer_seal(p->store, &p->staging, job->subdir, &meta, e);
	}
	return r;
}

static int adopt_blob(const struct pull *p, const struct layer_job *job, struct err *e)
{
	char name[FETCH_KEPT_MAX];

	fetch_kept_name(job, name);
	return blob_adopt(p->store, &p->staging, name, &job->blob->digest, e);
}

static int commit_layers(const struct pull *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->fetch.jobs_len; i++) {
		const struct layer_job *job = &p->fetch.jobs[i];

		if (job->is_ours)
			r = layer_commit(p->store, &p->staging, job->subdir, job->key, NULL, e);
		if (r == 0 && job->is_ours && p->options->keep_blobs)
			r = adopt_blob(p, job, e);
	}
	return r;
}

/* The layers that an overlay of the image is made of, from the last one that hides all below it; and those below. */
static int list_layers(const struct pull *p, struct strvec *out, struct strvec *hidden, uint64_t *ret_size)
{
	size_t first = 0;
	uint64_t size = 0;

	for (size_t i = 0; i < p->fetch.jobs_len; i++)
		if (layer_keys_is_opaque(&p->fetch.jobs[i].keys, p->fetch.jobs[i].key))
			first = i;
	for (size_t i = 0; i < first; i++)
		if (strvec_add(hidden, p->fetch.jobs[i].key) < 0)
			return -ENOMEM;
	for (size_t i = first; i < p->fetch.jobs_len; i++) {
		struct layer_meta meta = { 0 };
		struct err ignored; /* a size that is not known counts as 0 */

		if (strvec_add(out, p->fetch.jobs[i].key) < 0)
			return -ENOMEM;
		if (layer_meta_read(p->store, p->fetch.jobs[i].key, &meta, &ignored) == 0)
			size += meta.unpacked_size;
		layer_meta_done(&meta);
	}
	*ret_size = size;
	return 0;
}

static int bind_names(const struct pull *p, struct err *e)
{
	struct image_record record = {
		.index = p->image.index_digest,
		.manifest = p->image.manifest_digest,
		.config = p->image.manifest.config.digest,
	};
	int r = list_layers(p, &record.layers, &record.hidden, &record.size_bytes);

	if (r < 0)
		(void)err_code(e, r, "cannot bind a name");
	for (size_t i = 0; r == 0 && i < p->image.names.len; i++) {
		record.name = p->image.names.items[i]; /* borrowed */
		if (p->options->keep_previous)
			r = image_keep_previous(p->store, record.name, &record.manifest, e);
		if (r == 0)
			r = p->options->temporary ? image_bind_temporary(p->store, &record, e)
						  : image_bind(p->store, &record, e);
	}
	strvec_done(&record.layers);
	strvec_done(&record.hidden);
	return r;
}

/* On disk first, then in place, and only then by name: power may fail between any two of these. */
static int finish(const struct pull *p, struct err *e)
{
	int r = put_blobs(p, e);

	if (r == 0)
		r = seal_layers(p, e);
	if (r == 0)
		r = store_sync(p->store, e);
	if (r == 0)
		r = commit_layers(p, e);
	return r < 0 ? r : bind_names(p, e);
}

/* --- what was there before --- */

static bool name_is_bound(const struct pull *p, const char *name)
{
	struct reference ref = { 0 };
	struct image_record record = { 0 };
	struct err ignored; /* what cannot be read is not bound */
	bool same = false;

	if (reference_parse(name, &ref, &ignored) == 0 &&
	    image_lookup(p->store, &ref, &record, &ignored) == 0)
		same = digest_equal(&record.manifest, &p->image.manifest_digest) &&
		       digest_equal(&record.index, &p->image.index_digest) &&
		       record.is_temporary == p->options->temporary;
	reference_done(&ref);
	image_record_done(&record);
	return same;
}

static bool is_up_to_date(const struct pull *p)
{
	bool all = fetch_is_complete(&p->fetch) && blob_exists(p->store, &p->image.manifest.config.digest) &&
		   blob_exists(p->store, &p->image.manifest_digest);

	for (size_t i = 0; all && i < p->image.names.len; i++)
		all = name_is_bound(p, p->image.names.items[i]);
	return all;
}

/* --- the whole --- */

/* Of what the name points at. */
static const struct digest *top_digest(const struct pull *p)
{
	return digest_is_set(&p->image.index_digest) ? &p->image.index_digest : &p->image.manifest_digest;
}

static int familiar_name(const struct pull *p, char **ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	int r = reference_parse(p->image.names.items[0], &ref, e);

	if (r == 0)
		*ret = reference_familiar(&ref);
	return r;
}

static int add_names(const struct pull *p, struct pull_result *r, struct err *e)
{
	int code = familiar_name(p, &r->familiar, e);

	if (code < 0)
		return code;
	if (!r->familiar || strvec_add_all(&r->names, &p->image.names) < 0)
		return err_code(e, -ENOMEM, "cannot pull '%s'", p->name);
	return 0;
}

static int make_result(const struct pull *p, bool was_up_to_date, struct pull_result *ret, struct err *e)
{
	cleanup_pull_result struct pull_result result = { .digest = *top_digest(p),
							  .was_up_to_date = was_up_to_date };
	int r = p->options->nameless ? 0 : add_names(p, &result, e);

	if (r < 0)
		return r;
	*ret = result;
	result = (struct pull_result){ 0 };
	return 0;
}

static void show_layers(const struct pull *p)
{
	const struct pull_observer *o = &p->options->observer;
	cleanup_free struct pull_layer *layers = calloc(p->fetch.jobs_len + 1, sizeof(*layers));

	if (!layers)
		return; /* only for show */
	for (size_t i = 0; i < p->fetch.jobs_len; i++) {
		layers[i].digest = p->fetch.jobs[i].blob->digest;
		layers[i].size_bytes = p->fetch.jobs[i].blob->size_bytes;
	}
	if (o->layers)
		o->layers(o->arg, layers, p->fetch.jobs_len);
	for (size_t i = 0; o->layer && i < p->fetch.jobs_len; i++)
		o->layer(o->arg, i, p->fetch.jobs[i].phase, 0);
	if (o->tick)
		o->tick(o->arg);
}

static int check_signatures(struct pull *p, struct err *e)
{
	const struct signature_reader reader = { .worker = &p->fetch.workers[0],
						 .source = p->source,
						 .cancel_fd = p->options->cancel_fd };
	const struct digest subjects[] = { p->image.manifest_digest, p->image.index_digest };
	int r = policy_gate_check(&p->policy, &reader, &p->transport.reference, subjects,
				  digest_is_set(&p->image.index_digest) ? 2 : 1, e);

	return r < 0 && r != -EINTR ? err_wrap(e, "cannot pull '%s'", p->name) : r;
}

/* Whether nobody but who names the image's digests can put other bytes into a layer: TLS, this machine itself. Where the user has named a
 * digest, or requires a signature, not even the registry may. Where it redirects to, the worker sees. docs/adr/0009 */
static bool trusts_bytes(const struct pull *p)
{
	if (p->transport.kind == TRANSPORT_REGISTRY && digest_is_set(&p->transport.reference.digest))
		return false;
	if (policy_gate_wants_signature(&p->policy))
		return false;
	for (size_t i = 0; i < p->endpoints.len; i++)
		if (!p->endpoints.items[i].tls_verify && !registry_is_local(p->endpoints.items[i].domain))
			return false;
	return true;
}

/* What the caller wants it to be called. */
static int rename_image(struct pull *p, struct err *e)
{
	if (!p->options->nameless && !p->options->as)
		return 0;
	strvec_done(&p->image.names);
	if (p->options->as && strvec_add(&p->image.names, p->options->as) < 0)
		return err_code(e, -ENOMEM, "cannot pull '%s'", p->name);
	return 0;
}

static int resolve(struct pull *p, struct err *e)
{
	struct resolver rv = { .store = p->store,
			       .transport = &p->transport,
			       .options = p->options,
			       .source = p->source,
			       .worker = &p->fetch.workers[0],
			       .name = p->name };
	int r = worker_start(p->source, &p->fetch.workers[0], e);

	if (r < 0)
		return r;
	p->fetch.workers_len = 1;
	r = resolve_image(&rv, &p->image, e);
	if (r == 0)
		r = rename_image(p, e);
	if (r == 0)
		r = check_signatures(p, e);
	if (r == 0 && p->options->accept)
		r = p->options->accept(p->options->accept_arg, &p->image.config, top_digest(p), e);
	return r < 0 ? r : fetch_plan(&p->fetch, &p->image.manifest, &p->image.config, e);
}

/* Somebody else may be at work on the same image. They do it, we wait, and take what is missing then; if they fail, that is all. */
static int wait_for_turn(struct pull *p, struct err *e)
{
	struct pollfd cancel = { .fd = p->options->cancel_fd, .events = POLLIN };
	bool waited = false;
	int r;

	while ((r = store_try_lock_work(p->store, &p->image.manifest_digest, &p->work_fd, e)) ==
	       -EWOULDBLOCK) {
		waited = true;
		if (poll(&cancel, 1, TURN_POLL_MS) > 0)
			return err_set(e, -EINTR, "interrupted");
	}
	if (r == 0 && waited)
		fetch_look_again(&p->fetch);
	return r;
}

static bool is_much(const struct fetch *f)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < f->jobs_len; i++)
		if (f->jobs[i].phase == PULL_WAITING)
			bytes += f->jobs[i].blob->size_bytes;
	return bytes >= WRITE_BACK_WORTH_BYTES;
}

static int get_layers(struct pull *p, struct err *e)
{
	cleanup_write_back struct write_back write_back = { 0 };
	int r;

	if (is_much(&p->fetch))
		write_back_begin(p->staging.fd, &write_back);
	r = fetch_run(&p->fetch, e);
	if (r < 0)
		return r;
	write_back_hurry(&write_back);
	return finish(p, e);
}

/* Whichever process has met it. */
static int explain(const struct pull *p, const char *text, struct err *e)
{
	char what[256];

	(void)snprintf(what, sizeof(what), "pull '%.240s'", p->name ? p->name : text);
	return free_space_explain(p->store, what, e);
}

/* Before the first byte is downloaded. */
static int check_space(const struct pull *p, struct err *e)
{
	cleanup_free struct descriptor *layers = calloc(p->fetch.jobs_len + 1, sizeof(*layers));
	size_t len = 0;
	int r;

	if (!layers)
		return err_code(e, -ENOMEM, "cannot list the layers");
	for (size_t i = 0; i < p->fetch.jobs_len; i++)
		if (p->fetch.jobs[i].phase == PULL_WAITING && p->fetch.jobs[i].twin == FETCH_NO_TWIN)
			layers[len++] = *p->fetch.jobs[i].blob; /* borrowed, not copied */
	if (len == 0 || !p->options->check_space)
		return 0;
	r = free_space_check(p->store, free_space_needed(layers, len), e);
	return r < 0 ? err_wrap(e, "cannot pull '%s'", p->name) : 0;
}

static int pull_one(const struct store *s, const char *text, const struct pull_options *options,
		    const struct registries_conf *conf, struct pull_result *ret, struct err *e)
{
	cleanup_pull struct pull p = {
		.store = s, .options = options, .conf = conf, .lock_fd = -1, .work_fd = -1, .staging.fd = -1
	};
	bool was_up_to_date;
	int r = begin(&p, text, e);

	if (r < 0)
		return explain(&p, text, e);
	p.fetch.store = s;
	p.fetch.options = options;
	p.fetch.source = p.source;
	p.fetch.staging = &p.staging;
	p.fetch.may_stream = trusts_bytes(&p);
	r = resolve(&p, e);
	if (r < 0)
		return explain(&p, text, e);
	show_layers(&p);
	was_up_to_date = is_up_to_date(&p);
	if (!was_up_to_date) {
		r = wait_for_turn(&p, e);
		if (r < 0)
			return explain(&p, text, e);
		r = check_space(&p, e);
		if (r < 0)
			return r; /* says it all */
		r = get_layers(&p, e);
	}
	if (r < 0 && r != -EINTR)
		(void)err_wrap(e, "cannot pull '%s'", p.name);
	if (r < 0)
		return explain(&p, text, e);
	return make_result(&p, was_up_to_date, ret, e);
}

/* A short name may stand for several; the first that can be had is it. */
int pull_image(const struct store *s, const char *text, const struct pull_options *options,
	       struct pull_result *ret, struct err *e)
{
	cleanup_registries_conf struct registries_conf conf = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	int r = registries_conf_load(&conf, e);

	if (r == 0)
		r = registries_conf_expand(&conf, text, &names, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names.len; i++) {
		r = pull_one(s, names.items[i], options, &conf, ret, e);
		if (r == 0 || r == -EINTR || r == -ENOSPC || r == -EDQUOT)
			break;
	}
	return r;
}
