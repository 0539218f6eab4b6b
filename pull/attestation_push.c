/* SPDX-License-Identifier: Apache-2.0 */
/* An attestation's way to a registry. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/attestation_manifest.h"
#include "pull/endpoint.h"
#include "pull/transfer.h"
#include "store/layer.h"

/* Everything that it holds while it runs. */
struct sending {
	const struct store *store;
	const struct copy_options *options;
	struct registries_conf conf;
	struct endpoints endpoints;
	struct registry_options registry;
	struct staging staging;
	struct transfer transfer;
};

static void sending_done(struct sending *s)
{
	transfer_done(&s->transfer); /* before what its processes use goes */
	endpoints_done(&s->endpoints);
	registries_conf_done(&s->conf);
	staging_end(s->store, &s->staging);
}
#define cleanup_sending __attribute__((cleanup(sending_done)))

static int begin(struct sending *s, const struct transport *target, struct err *e)
{
	const struct endpoint_options how = { .tls_verify = s->options->target_tls_verify,
					      .auth_file = s->options->target_auth_file,
					      .conf = &s->conf };
	int r = registries_conf_load(&s->conf, e);

	if (r == 0)
		r = endpoints_find(&target->reference, &how, &s->endpoints, e);
	if (r == 0)
		r = staging_begin(s->store, &s->staging, e);
	if (r < 0)
		return r;
	s->registry = endpoint_registry_options(&s->endpoints.items[s->endpoints.len - 1]);
	s->transfer.store = s->store;
	s->transfer.staging_fd = s->staging.fd;
	s->transfer.registry = &s->registry;
	s->transfer.jobs = s->options->jobs;
	s->transfer.cancel_fd = s->options->cancel_fd;
	return 0;
}

static void set_blob(struct transfer_blob *b, const struct digest *digest, const char *text, size_t len)
{
	b->digest = *digest;
	b->text = text;
	b->size_bytes = len;
}

static int send_blobs(struct sending *s, const struct attestation_manifest *a, struct err *e)
{
	size_t len = a->statements.len;
	int r = transfer_begin(&s->transfer, len + 1, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		set_blob(&s->transfer.blobs[i], &a->digests[i], a->statements.items[i],
			 strlen(a->statements.items[i]));
	set_blob(&s->transfer.blobs[len], &a->config_digest, a->config.data, a->config.len);
	return transfer_run(&s->transfer, e);
}

static int send_manifest(struct sending *s, const struct attestation_manifest *a, struct err *e)
{
	struct worker *w = transfer_uploader(&s->transfer, e);
	struct worker_event event = { 0 };

	return w ? uploader_manifest(w, a->self.digest.text, a->self.media_type, a->manifest.data,
				     a->manifest.len, &a->self.digest, s->options->cancel_fd, &event, e)
		 : e->code;
}

int attestation_manifest_push(const struct store *s, const struct attestation_manifest *a,
			      const struct transport *target, const struct copy_options *options,
			      struct err *e)
{
	cleanup_sending struct sending sending = { .store = s, .options = options, .staging.fd = -1 };
	int r = begin(&sending, target, e);

	if (r == 0)
		r = send_blobs(&sending, a, e);
	return r < 0 ? r : send_manifest(&sending, a, e);
}
