/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/resolve.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "store/blob.h"

#define OFFERED_MAX 512 /* bytes of the list of an index's platforms */

/* A document on the way from the name to the manifest. */
struct step {
	struct buf text;
	struct digest digest;
	enum media_kind kind;
};

static void step_done(struct step *s)
{
	buf_done(&s->text);
}
#define cleanup_step __attribute__((cleanup(step_done)))

struct walk {
	const struct resolver *rv;
	struct platform_list platforms;
	struct platform machine;
	struct digest seen[PULL_INDEX_DEPTH_MAX + 1];
	size_t depth;
	bool from_index;
	struct platform chosen; /* by the index's word; empty where it does not say */
	char offered[OFFERED_MAX];
};

void resolved_done(struct resolved *r)
{
	buf_done(&r->index_text);
	buf_done(&r->manifest_text);
	buf_done(&r->config_text);
	manifest_done(&r->manifest);
	image_config_done(&r->config);
	strvec_done(&r->names);
}

/* --- documents --- */

static int read_stored(const struct store *s, const struct digest *digest, struct buf *out)
{
	struct err ignored; /* what is damaged here is fetched again */
	struct digest actual;

	buf_clear(out);
	if (!blob_exists(s, digest) || blob_get(s, digest, out, &ignored) < 0)
		return -ENOENT;
	if (hash_bytes(digest_algorithm(digest), out->data, out->len, &actual, &ignored) < 0)
		return -ENOENT;
	return digest_equal(digest, &actual) ? 0 : -ENOENT;
}

/* By digest: from the store, else from the source. */
static int read_document(const struct resolver *rv, enum source_item item, const struct descriptor *d,
			 struct buf *out, struct err *e)
{
	struct source_answer answer = { 0 };

	if (d->size_bytes > out->max)
		return err_set(e, -EFBIG, "its descriptor says %llu bytes; at most %zu are taken",
			       (unsigned long long)d->size_bytes, out->max);
	if (read_stored(rv->store, &d->digest, out) == 0 && out->len == d->size_bytes)
		return 0;
	if (d->size_bytes == 0)
		return err_set(e, -EINVAL, "its descriptor says that it is empty");
	return worker_document(rv->worker, rv->source, item, &d->digest, d->size_bytes,
			       rv->options->cancel_fd, out, &answer, e);
}

static int explain_top(const struct resolver *rv, int code, struct err *e)
{
	if (code == -ENOENT && rv->source->is_remote)
		return err_wrap(e, "manifest for %s not found", rv->name);
	if (code == -EBADMSG || code == -EFBIG)
		return err_wrap(e, "cannot pull '%s': the manifest", rv->name);
	if (rv->source->is_layout && code != -EINTR)
		return err_wrap(e, "'%s'", rv->name);
	return code; /* the registry's own words, which name it */
}

/* What the reference names. Its digest is ours to compute, whatever the registry says in a header. */
static int read_top(const struct walk *w, struct step *ret, struct err *e)
{
	const struct resolver *rv = w->rv;
	const struct digest *wanted = &rv->transport->reference.digest; /* a layout's is not set */
	struct source_answer answer = { 0 };
	const char *algorithm = "sha256", *type;
	int r;

	if (digest_is_set(wanted))
		algorithm = digest_algorithm(wanted);
	else
		wanted = NULL;
	ret->text = BUF_INIT(MANIFEST_MAX_BYTES);
	r = worker_document(rv->worker, rv->source, SOURCE_TOP, wanted, 0, rv->options->cancel_fd, &ret->text,
			    &answer, e);
	if (r < 0)
		return explain_top(rv, r, e);
	type = answer.content_type[0] ? answer.content_type : NULL;
	r = hash_bytes(algorithm, ret->text.data, ret->text.len, &ret->digest, e);
	if (r == 0)
		r = document_kind(ret->text.data ? ret->text.data : "", ret->text.len, type, &ret->kind, e);
	return r < 0 ? err_wrap(e, "cannot pull '%s': the manifest", rv->name) : 0;
}

static int read_entry(const struct walk *w, const struct descriptor *d, struct step *ret, struct err *e)
{
	int r;

	ret->text = BUF_INIT(MANIFEST_MAX_BYTES);
	ret->digest = d->digest;
	r = read_document(w->rv, SOURCE_MANIFEST, d, &ret->text, e);
	if (r == 0)
		r = document_kind(ret->text.data, ret->text.len, d->media_type, &ret->kind, e);
	if (r < 0 && r != -EINTR)
		return err_wrap(e, "cannot pull '%s': manifest %s", w->rv->name, d->digest.text);
	return r;
}

/* --- indexes --- */

/* "linux/amd64, linux/arm64", each once, for people; those that do not fit are left out. */
static void list_offered(const struct image_index *index, char out[OFFERED_MAX])
{
	size_t len = 0;

	out[0] = 0;
	for (size_t i = 0; i < index->manifests_len; i++) {
		char text[3 * PLATFORM_FIELD_MAX];
		bool twice = false;

		if (!index->manifests[i].has_platform ||
		    strcmp(index->manifests[i].platform.os, "unknown") == 0)
			continue;
		for (size_t before = 0; before < i && !twice; before++)
			twice = index->manifests[before].has_platform &&
				memcmp(&index->manifests[before].platform, &index->manifests[i].platform,
				       sizeof(struct platform)) == 0;
		platform_format(&index->manifests[i].platform, text);
		if (!twice && len + strlen(text) + 3 < OFFERED_MAX)
			len += (size_t)snprintf(out + len, OFFERED_MAX - len, "%s%s", len ? ", " : "", text);
	}
}

static int seen_before(const struct walk *w, const struct digest *d)
{
	for (size_t i = 0; i < w->depth; i++)
		if (digest_equal(&w->seen[i], d))
			return 1;
	return 0;
}

/* Goes one level down: `step` becomes the entry that was chosen from the index that it was. */
static int descend(struct walk *w, struct step *step, struct err *e)
{
	cleanup_image_index struct image_index index = { 0 };
	struct step next = { 0 };
	size_t position = 0;
	int r;

	if (w->depth == PULL_INDEX_DEPTH_MAX)
		return err_set(e, -EFBIG, "cannot pull '%s': indexes nested deeper than %d", w->rv->name,
			       PULL_INDEX_DEPTH_MAX);
	if (seen_before(w, &step->digest))
		return err_set(e, -ELOOP, "cannot pull '%s': index %s contains itself", w->rv->name,
			       step->digest.text);
	w->seen[w->depth++] = step->digest;
	r = image_index_decode(step->text.data, step->text.len, &index, e);
	if (r == 0)
		r = image_index_choose(&index, &w->platforms, &position, e);
	if (r < 0)
		return err_wrap(e, "cannot pull '%s'", w->rv->name);
	list_offered(&index, w->offered);
	w->from_index = true;
	if (index.manifests[position].has_platform)
		w->chosen = index.manifests[position].platform;
	r = read_entry(w, &index.manifests[position], &next, e);
	step_done(step);
	*step = next;
	return r;
}

/* --- layouts --- */

/* index.json of a layout is not part of the image: the entry in it that is asked for is what the name points at. */
static int enter_layout(const struct walk *w, struct step *step, struct strvec *names, struct err *e)
{
	cleanup_image_index struct image_index index = { 0 };
	struct step next = { 0 };
	size_t position = 0;
	int r = image_index_decode(step->text.data, step->text.len, &index, e);

	if (r < 0)
		return err_wrap(e, "'%s': index.json", w->rv->transport->path);
	r = transport_choose(w->rv->transport, &index, &w->platforms, &position, e);
	if (r == 0)
		r = transport_names(w->rv->transport, &index, position, names, e);
	if (r < 0)
		return r;
	r = read_entry(w, &index.manifests[position], &next, e);
	step_done(step);
	*step = next;
	return r;
}

static int name_of_reference(const struct resolver *rv, struct strvec *names, struct err *e)
{
	if (strvec_take(names, reference_canonical(&rv->transport->reference)) < 0)
		return err_code(e, -ENOMEM, "cannot pull '%s'", rv->name);
	return 0;
}

/* --- the image --- */

/* From the top document down to a manifest; the first index on the way is kept. */
static int walk_to_manifest(struct walk *w, struct step *step, struct resolved *ret, struct err *e)
{
	int r = 0;

	if (step->kind == MEDIA_INDEX) {
		ret->index_digest = step->digest;
		ret->index_text = BUF_INIT(MANIFEST_MAX_BYTES);
		if (buf_add(&ret->index_text, step->text.data, step->text.len) < 0)
			return err_code(e, -ENOMEM, "cannot pull '%s'", w->rv->name);
	}
	while (r == 0 && step->kind == MEDIA_INDEX)
		r = descend(w, step, e);
	if (r < 0)
		return r;
	if (step->kind == MEDIA_MANIFEST_V1)
		return err_set(e, -EOPNOTSUPP,
			       "cannot pull '%s': its manifest is of Docker's schema 1, which nobody makes "
			       "any more (push it "
			       "again with a current tool)",
			       w->rv->name);
	if (step->kind != MEDIA_MANIFEST)
		return err_set(e, -EINVAL, "cannot pull '%s': it is neither a manifest nor an index",
			       w->rv->name);
	ret->manifest_digest = step->digest;
	ret->manifest_text = step->text;
	step->text = (struct buf){ 0 };
	return 0;
}

static int check_media_types(const struct manifest *m, struct err *e)
{
	const char *type = m->config.media_type;

	if (!type || media_kind_of(type) != MEDIA_CONFIG)
		return err_set(e, -EOPNOTSUPP, "it is no container image: its config is of type '%.100s'",
			       type ? type : "");
	for (size_t i = 0; i < m->layers_len; i++) {
		enum media_kind kind =
			m->layers[i].media_type ? media_kind_of(m->layers[i].media_type) : MEDIA_UNKNOWN;

		if (kind != MEDIA_LAYER && kind != MEDIA_LAYER_GZIP && kind != MEDIA_LAYER_ZSTD)
			return err_set(e, -EOPNOTSUPP,
				       "layer %zu of %zu is of type '%.100s', which is no layer", i + 1,
				       m->layers_len, m->layers[i].media_type ? m->layers[i].media_type : "");
	}
	return 0;
}

static int read_config(const struct resolver *rv, struct resolved *ret, struct err *e)
{
	int r = manifest_decode(ret->manifest_text.data, ret->manifest_text.len, &ret->manifest, e);

	if (r < 0)
		return err_wrap(e, "manifest %s", ret->manifest_digest.text);
	r = check_media_types(&ret->manifest, e);
	if (r < 0)
		return r;
	ret->config_text = BUF_INIT(CONFIG_MAX_BYTES);
	r = read_document(rv, SOURCE_BLOB, &ret->manifest.config, &ret->config_text, e);
	if (r == 0)
		r = image_config_decode(ret->config_text.data, ret->config_text.len, &ret->config, e);
	if (r < 0)
		return err_wrap(e, "config %s", ret->manifest.config.digest.text);
	if (ret->config.diff_ids_len != ret->manifest.layers_len)
		return err_set(e, -EINVAL, "the manifest has %zu layers where the config has %zu",
			       ret->manifest.layers_len, ret->config.diff_ids_len);
	return 0;
}

/* A single manifest says in its config only what it is for. Those from an index were chosen by the index's word, which BuildKit and others
 * leave finer than the config's. */
static int check_platform(const struct walk *w, const struct platform *is, struct err *e)
{
	char have[3 * PLATFORM_FIELD_MAX], want[3 * PLATFORM_FIELD_MAX];
	struct platform wanted;

	if (w->from_index || w->rv->options->any_platform || !is->architecture[0] ||
	    platform_rank(&w->platforms, is) >= 0)
		return 0;
	platform_format(is, have);
	wanted = w->rv->options->has_platform ? w->rv->options->platform : w->machine;
	if (strcmp(wanted.architecture, "amd64") == 0)
		wanted.variant[0] = 0; /* the level is not what is wrong */
	platform_format(&wanted, want);
	if (w->rv->options->has_platform)
		return err_set(e, -ENODATA, "image '%s' is for %s, not for %s as --platform asks",
			       w->rv->name, have, want);
	return err_set(
		e, -ENODATA,
		"image '%s' is for %s, this machine runs %s (use --platform %s to pull it all the same)",
		w->rv->name, have, want, have);
}

static void tell(const struct walk *w, const struct platform *of_config)
{
	const struct pull_observer *o = &w->rv->options->observer;
	const struct transport *t = w->rv->transport;
	cleanup_free char *familiar =
		t->kind == TRANSPORT_REGISTRY ? reference_familiar_name(&t->reference) : NULL;
	struct pull_choice choice = {
		.name = familiar ? familiar : w->rv->name,
		.chosen = w->chosen.os[0] ? w->chosen : *of_config,
		.machine = w->machine,
		.requested = w->rv->options->has_platform,
		.from_index = w->from_index,
		.offered = w->from_index ? w->offered : NULL,
	};

	if (o->chosen)
		o->chosen(o->arg, &choice);
}

static void prepare(struct walk *w)
{
	struct platform_list list;
	struct machine machine;

	machine_detect(&machine);
	platform_list_for_machine(&machine, &list);
	if (list.len > 0)
		w->machine = list.items[0];
	if (w->rv->options->has_platform)
		platform_list_for_request(&w->rv->options->platform, &w->platforms);
	else
		w->platforms = list;
}

int resolve_image(const struct resolver *rv, struct resolved *ret, struct err *e)
{
	struct walk w = { .rv = rv };
	cleanup_step struct step step = { 0 };
	int r;

	prepare(&w);
	r = read_top(&w, &step, e);
	if (r < 0)
		return r;
	r = rv->source->is_layout ? enter_layout(&w, &step, &ret->names, e)
				  : name_of_reference(rv, &ret->names, e);
	if (r == 0)
		r = walk_to_manifest(&w, &step, ret, e);
	if (r < 0)
		return r;
	r = read_config(rv, ret, e);
	if (r < 0)
		return r == -EINTR ? r : err_wrap(e, "cannot pull '%s'", rv->name);
	r = check_platform(&w, &ret->config.platform, e);
	if (r == 0)
		tell(&w, &ret->config.platform);
	return r;
}
