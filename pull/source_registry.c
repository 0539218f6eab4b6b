/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "pull/registry_push.h"
#include "pull/sigstore.h"
#include "pull/source.h"

#define FAILURES_MAX \
	256 /* bytes that tell of endpoints that were tried in vain; those that do not fit are left out */

struct source_registry {
	struct source source;
	const struct reference *reference;
	const struct endpoints *endpoints;
	size_t current;                   /* the first endpoint that has not failed */
	struct registry_options *options; /* of each endpoint */
	struct registry **registries;     /* of each endpoint; in a worker, from its first request on */
	struct buf
		failures; /* of those before the current one; cut at FAILURES_MAX, and forgotten when a request is through */
};

static struct source_registry *self(struct source *s)
{
	return (struct source_registry *)s; /* its first member */
}

/* A manifest by digest that is another is somebody else's to refuse, unless there are other places to ask. */
static int check_digest(const struct source_registry *s, const struct digest *wanted, const struct buf *body,
			struct err *e)
{
	struct digest actual;
	int r;

	if (!wanted || !digest_is_set(wanted) || s->current + 1 == s->endpoints->len)
		return 0;
	r = hash_bytes(digest_algorithm(wanted), body->data, body->len, &actual, e);
	if (r == 0 && !digest_equal(&actual, wanted))
		r = err_set(e, -EBADMSG, "its content has digest %s", actual.text);
	return r;
}

/* Into a buffer first: a sink must not see the beginning of what is cut off. */
static int read_document(struct source_registry *s, enum source_item item, const struct digest *digest,
			 const struct sink *sink, struct source_answer *ret, struct err *e)
{
	struct registry *registry = s->registries[s->current];
	cleanup_buf struct buf body = BUF_INIT(MANIFEST_MAX_BYTES);
	const struct digest *wanted = item == SOURCE_TOP ? &s->reference->digest : digest;
	char tag[DIGEST_TEXT_MAX + sizeof(".sig")];
	int r;

	if (item == SOURCE_REFERRERS) {
		r = registry_referrers(registry, digest, SIGSTORE_ARTIFACT_TYPE, &body, ret->content_type, e);
	} else if (item == SOURCE_SIGNATURE) {
		sigstore_tag(digest, tag);
		r = registry_manifest(registry, tag, &body, ret->content_type, e);
	} else {
		r = registry_manifest(registry, digest_is_set(wanted) ? wanted->text : s->reference->tag,
				      &body, ret->content_type, e);
		if (r == 0)
			r = check_digest(s, wanted, &body, e);
	}
	if (r == 0)
		r = sink->begin(sink->arg, e);
	if (r == 0)
		r = sink->write(sink->arg, body.data, body.len, e);
	return r;
}

static int put_blob(struct registry *registry, const struct digest *digest, int local_fd, struct err *e)
{
	struct registry_upload upload = { .digest = digest, .fd = local_fd };
	struct stat st;

	if (fstat(local_fd, &st) < 0)
		return err_errno(e, "cannot stat what is to be uploaded");
	upload.size_bytes = (uint64_t)st.st_size;
	return registry_put_blob(registry, &upload, e);
}

static int put_signature(struct registry *registry, const struct digest *of, int local_fd, struct err *e)
{
	cleanup_buf struct buf data = BUF_INIT(MANIFEST_MAX_BYTES);
	char tag[DIGEST_TEXT_MAX + sizeof(".sig")];
	struct sink sink = sink_to_buf(&data);
	struct digest digest;
	int r = source_copy_fd(local_fd, &sink, e);

	if (r == 0)
		r = hash_bytes("sha256", data.data, data.len, &digest, e);
	if (r < 0)
		return r;
	sigstore_tag(of, tag);
	return registry_put_manifest(registry, tag, "application/vnd.oci.image.manifest.v1+json", data.data,
				     data.len, &digest, e);
}

static int read_from(struct source_registry *s, enum source_item item, const struct digest *digest,
		     int local_fd, const struct sink *sink, struct source_answer *ret, struct err *e)
{
	struct registry **registry = &s->registries[s->current];
	int r = 0;

	if (!*registry)
		r = registry_new(&s->options[s->current], registry, e);
	if (r < 0)
		return r;
	switch (item) {
	case SOURCE_PING:
		r = registry_ping(*registry, e);
		return r < 0 ? r : sink->begin(sink->arg, e);
	case SOURCE_PUT_BLOB:
		registry_for_push(*registry);
		return put_blob(*registry, digest, local_fd, e);
	case SOURCE_PUT_SIGNATURE:
		registry_for_push(*registry);
		return put_signature(*registry, digest, local_fd, e);
	case SOURCE_BLOB:
		r = registry_blob(*registry, digest, sink, e);
		return r == 0 && sink->finish && s->current + 1 < s->endpoints->len
			       ? sink->finish(sink->arg, e)
			       : r;
	default:
		return read_document(s, item, digest, sink, ret, e);
	}
}

/* What is wrong here would be wrong with any endpoint. -ESTALE: the sink has to start over. */
static bool is_our_own(int code)
{
	return code == -ENOMEM || code == -ENOSPC || code == -EDQUOT || code == -EROFS || code == -ESTALE;
}

/* The last endpoint's error, which is the registry's own, with those of the mirrors behind it. */
static int with_failures(const struct buf *failures, struct err *e)
{
	struct err last = *e;

	if (failures->len == 0)
		return last.code;
	return err_set(e, last.code, "%.250s (before that, %s)", last.text, failures->data);
}

/* Not one byte from a place that has failed goes with those of the next. */
static int next_endpoint(struct source_registry *s, const struct sink *sink, struct err *e)
{
	(void)!buf_printf(&s->failures, "%s%s '%s': %.150s", s->failures.len > 0 ? "; " : "",
			  s->endpoints->items[s->current].is_mirror ? "mirror" : "registry",
			  s->endpoints->items[s->current].domain, e->text);
	s->current++;
	return sink->begin(sink->arg, e);
}

static int source_registry_read(struct source *source, enum source_item item, const struct digest *digest,
				int local_fd, const struct sink *sink, struct source_answer *ret,
				struct err *e)
{
	struct source_registry *s = self(source);
	size_t before = s->current;
	int r;

	do {
		r = read_from(s, item, digest, local_fd, sink, ret, e);
		if (r == 0 || is_our_own(r) || s->current + 1 == s->endpoints->len)
			break;
		r = next_endpoint(s, sink, e);
	} while (r == 0);
	if (r == -ESTALE)
		return r; /* the same is asked for again, and of the endpoint where this has ended */
	/* A mirror that has no signatures may have the rest. */
	if (item == SOURCE_SIGNATURE || item == SOURCE_REFERRERS)
		s->current = before;
	if (r < 0)
		r = with_failures(&s->failures, e);
	buf_clear(&s->failures);
	if (r < 0)
		return r;
	ret->scheme = registry_scheme(s->registries[s->current]);
	ret->endpoint = (uint32_t)s->current;
	return 0;
}

static void source_registry_learn(struct source *source, const struct source_answer *answer)
{
	struct source_registry *s = self(source);

	if (answer->endpoint >= s->endpoints->len)
		return; /* a worker that was taken over may say anything */
	s->current = answer->endpoint;
	s->options[s->current].scheme = answer->scheme;
}

static void source_registry_free(struct source *source)
{
	struct source_registry *s = self(source);

	for (size_t i = 0; s->registries && i < s->endpoints->len; i++)
		registry_free(s->registries[i]);
	free(s->registries);
	free(s->options);
	buf_done(&s->failures);
	free(s);
}

static const struct source_ops REGISTRY_OPS = {
	.read = source_registry_read,
	.learn = source_registry_learn,
	.free = source_registry_free,
};

int source_registry_new(const struct reference *reference, const struct endpoints *endpoints,
			struct source **ret, struct err *e)
{
	struct source_registry *s = calloc(1, sizeof(*s));

	if (!s)
		return err_code(e, -ENOMEM, "cannot open a registry");
	s->source =
		(struct source){ .ops = &REGISTRY_OPS, .is_remote = true, .local_fd = -1, .scratch_fd = -1 };
	s->failures = BUF_INIT(FAILURES_MAX);
	s->reference = reference;
	s->endpoints = endpoints;
	s->options = calloc(endpoints->len, sizeof(*s->options));
	s->registries = calloc(endpoints->len, sizeof(struct registry *));
	if (!s->options || !s->registries) {
		source_registry_free(&s->source);
		return err_code(e, -ENOMEM, "cannot open a registry");
	}
	for (size_t i = 0; i < endpoints->len; i++)
		s->options[i] = endpoint_registry_options(&endpoints->items[i]);
	*ret = &s->source;
	return 0;
}
