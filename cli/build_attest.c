/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_attest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "build/attestation.h"
#include "build/packages.h"
#include "build/provenance.h"
#include "build/purl.h"
#include "build/sbom.h"
#include "build/tree_view.h"
#include "common/cleanup.h"
#include "common/timestamp.h"

#define INVOCATION_BYTES 16
#define VIEW_NAME        "attested"

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot say how an image was made");
}

/* --- provenance ------------------------------------------------------------------------------------------- */

static int list_images(const struct base_images *bases, struct provenance_image **ret, struct err *e)
{
	struct provenance_image *images = calloc(bases->len + 1, sizeof(*images));

	if (!images)
		return no_memory(e);
	for (size_t i = 0; i < bases->len; i++) {
		const struct image_record *r = &bases->items[i]->image.record;

		images[i] = (struct provenance_image){ .reference = bases->items[i]->reference,
						       .platform = &bases->items[i]->platform,
						       .digest = digest_is_set(&r->index) ? r->index
											  : r->manifest };
	}
	*ret = images;
	return 0;
}

static int list_args(const struct build_attested *a, struct strvec *ret, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->args->len; i++)
		r = strvec_addf(ret, "build-arg:%s", a->args->items[i]);
	for (size_t i = 0; r == 0 && i < a->flags->labels.len; i++)
		r = strvec_addf(ret, "label:%s", a->flags->labels.items[i]);
	if (r == 0 && a->flags->target)
		r = strvec_addf(ret, "target=%s", a->flags->target);
	return r < 0 ? no_memory(e) : 0;
}

/* What was read from elsewhere, and what it was. */
struct sources {
	struct provenance_source *items;
	size_t len;
	struct strvec urls; /* of contexts */
	struct strvec locals, secrets, ssh;
};

static void sources_done(struct sources *s)
{
	free(s->items);
	strvec_done(&s->urls);
	strvec_done(&s->locals);
	strvec_done(&s->secrets);
	strvec_done(&s->ssh);
}
#define cleanup_sources __attribute__((cleanup(sources_done)))

/* What a context was on the command line. */
static const char *context_text(const struct build_attested *a, const char *name)
{
	for (size_t i = 0; name && i < a->flags->contexts.len; i++) {
		const char *text = a->flags->contexts.items[i];

		if (strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == '=')
			return text + strlen(name) + 1;
	}
	return a->context;
}

static bool is_git(const struct build_input_context *c)
{
	return c->remote.git.commit[0];
}

/* Else it is a folder, or an archive on standard input. */
static bool is_remote(const struct build_input_context *c)
{
	return is_git(c) || digest_is_set(&c->remote.digest);
}

static int add_context(const struct build_attested *a, const struct build_input_context *c,
		       struct sources *to)
{
	const struct remote_context *r = &c->remote;
	char *shown;

	if (!is_remote(c))
		return strvec_add(&to->locals, c->name ? c->name : "context");
	shown = download_redact(context_text(a, c->name));
	if (strvec_take(&to->urls, shown) < 0)
		return -ENOMEM;
	to->items[to->len++] = (struct provenance_source){
		.uri = shown,
		.algorithm = !is_git(c)                    ? digest_algorithm(&r->digest)
			     : strlen(r->git.commit) == 40 ? "sha1"
							   : "sha256",
		.hex = is_git(c) ? r->git.commit : digest_hex(&r->digest),
	};
	return 0;
}

/* Of ADD: pairs. */
static void add_fetched(const struct strvec *from, struct sources *to)
{
	for (size_t i = 0; i + 1 < from->len; i += 2) {
		const char *digest = from->items[i + 1], *colon = strchr(digest, ':');

		to->items[to->len++] = (struct provenance_source){
			.uri = from->items[i],
			.algorithm = strncmp(digest, "sha1:", 5) == 0 ? "sha1" : "sha256",
			.hex = colon ? colon + 1 : digest,
		};
	}
}

/* Not a file of a context that is from elsewhere. */
static bool is_local_dockerfile(const struct build_attested *a)
{
	bool is_stdin = a->flags->file && strcmp(a->flags->file, "-") == 0;

	return !is_remote(&a->input->items[0]) || is_stdin || (a->input->path && !a->input->is_in_context);
}

static int list_sources(const struct build_attested *a, struct sources *ret, struct err *e)
{
	const struct build_input *in = a->input;
	int r = 0;

	ret->items = calloc(in->len + a->result->sources.len / 2 + 1, sizeof(*ret->items));
	if (!ret->items)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < in->len; i++)
		r = add_context(a, &in->items[i], ret);
	if (r == 0 && is_local_dockerfile(a))
		r = strvec_add(&ret->locals, "dockerfile");
	add_fetched(&a->result->sources, ret);
	for (size_t i = 0; r == 0 && i < a->params->secrets_len; i++)
		r = strvec_add(&ret->secrets, a->params->secrets[i].id);
	for (size_t i = 0; r == 0 && i < a->params->ssh_len; i++)
		r = strvec_add(&ret->ssh, a->params->ssh[i].id);
	return r < 0 ? no_memory(e) : 0;
}

/* Another one for each build, but where a build is to be made again as it was. */
static int make_invocation(const struct build_plan *plan, char ret[2 * INVOCATION_BYTES + 1], struct err *e)
{
	unsigned char bytes[INVOCATION_BYTES] = { 0 };

	if (!plan->has_epoch && getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_errno(e, "cannot get random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static void set_times(const struct build_attested *a, struct provenance *p, char started[TIMESTAMP_MAX],
		      char finished[TIMESTAMP_MAX])
{
	const struct timespec epoch = { .tv_sec = (time_t)a->plan->epoch };

	(void)snprintf(started, TIMESTAMP_MAX, "%s", a->started);
	timestamp_now(finished);
	if (a->plan->has_epoch) {
		timestamp_format(&epoch, started);
		timestamp_format(&epoch, finished);
	}
	p->started = started;
	p->finished = finished;
}

static int add_provenance(const struct build_attested *a, struct attestation *to, struct err *e)
{
	const struct attest_options *o = &a->flags->attest;
	cleanup_buf struct buf text = BUF_INIT(PROVENANCE_MAX_BYTES);
	char invocation[2 * INVOCATION_BYTES + 1], started[TIMESTAMP_MAX], finished[TIMESTAMP_MAX];
	cleanup_free struct provenance_image *images = NULL;
	cleanup_strvec struct strvec args = { 0 };
	cleanup_sources struct sources sources = { 0 };
	struct provenance p = { .is_v1 = o->is_v1,
				.is_max = o->is_max,
				.reproducible = o->reproducible,
				.builder_id = o->builder_id,
				.entry_point = a->dockerfile->name,
				.builder = a->own,
				.images_len = a->bases->len,
				.has_network = !a->flags->network || strcmp(a->flags->network, "none") != 0,
				.dockerfile = a->dockerfile->source,
				.dockerfile_len = a->dockerfile->source_len };
	int r = list_images(a->bases, &images, e);

	if (r == 0)
		r = list_sources(a, &sources, e);
	if (r == 0)
		r = list_args(a, &args, e);
	if (r == 0)
		r = make_invocation(a->plan, invocation, e);
	if (r < 0)
		return r;
	p.images = images;
	p.sources = sources.items;
	p.sources_len = sources.len;
	p.context = is_local_dockerfile(a) ? NULL : &sources.items[0];
	p.locals = &sources.locals;
	p.secrets = &sources.secrets;
	p.ssh = &sources.ssh;
	p.args = &args;
	p.invocation_id = invocation;
	set_times(a, &p, started, finished);
	r = provenance_write(&p, &text, e);
	return r < 0 ? r
		     : attestation_add(to, o->is_v1 ? PROVENANCE_PREDICATE_V1 : PROVENANCE_PREDICATE_TYPE,
				       &text, e);
}

/* --- sbom --------------------------------------------------------------------------------------------------- */

static int open_root(struct build *b, const struct build_result *result, int *ret_fd, struct err *e)
{
	int r = tree_view_open_detached(b->store, &result->layers, ret_fd, e);

	if (r != -EOPNOTSUPP)
		return r;
	r = build_stage(b, e);
	return r < 0 ? r : tree_view_open(b->store, &b->staging, VIEW_NAME, &result->layers, ret_fd, NULL, e);
}

static int add_sbom(struct build *b, const struct build_attested *a, struct attestation *to, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(SBOM_MAX_BYTES);
	cleanup_packages struct packages packages = { 0 };
	cleanup_fd int root_fd = -1;
	const struct sbom sbom = { .name = a->names->len > 0 ? a->names->items[0] : NULL,
				   .created = a->result->config.created,
				   .packages = &packages };
	int r = open_root(b, a->result, &root_fd, e);

	if (r == 0)
		r = packages_read(root_fd, &packages, e);
	if (r == 0)
		r = sbom_write(&sbom, &text, e);
	return r < 0 ? r : attestation_add(to, SBOM_PREDICATE_TYPE, &text, e);
}

/* --- both --------------------------------------------------------------------------------------------------- */

static int list_subjects(const struct build_attested *a, struct strvec *ret, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->names->len; i++) {
		char *purl = NULL;

		r = purl_of_image(a->names->items[i], &a->image->descriptor.platform, &purl, e);
		if (r == 0 && strvec_take(ret, purl) < 0)
			r = no_memory(e);
	}
	return r;
}

int build_attest(struct build *b, const struct build_attested *a, struct descriptor *ret, struct err *e)
{
	cleanup_attestation_manifest struct attestation_manifest made = { 0 };
	cleanup_attestation struct attestation all = { 0 };
	cleanup_strvec struct strvec subjects = { 0 };
	int r = 0;

	if (a->flags->attest.provenance)
		r = add_provenance(a, &all, e);
	if (r == 0 && a->flags->attest.sbom)
		r = add_sbom(b, a, &all, e);
	if (r == 0)
		r = list_subjects(a, &subjects, e);
	if (r == 0)
		r = attestation_make(&all, &a->image->record.manifest, &subjects, &made, e);
	if (r == 0)
		r = attestation_manifest_keep(b->store, &made, e);
	return r < 0 ? r : descriptor_copy(&made.self, ret, e);
}
