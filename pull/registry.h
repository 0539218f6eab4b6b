/* SPDX-License-Identifier: Apache-2.0 */
/* One repository of one registry: distribution-spec over HTTP, with tokens, redirects, retries, and plain HTTP where that is allowed.
 * For worker processes (see pull/http.h). */
#ifndef SAMPAN_PULL_REGISTRY_H
#define SAMPAN_PULL_REGISTRY_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "pull/auth.h"
#include "pull/http.h"
#include "pull/sink.h"

#define REGISTRY_REDIRECTS_MAX  5
#define REGISTRY_TRIES          3    /* failures in a row */
#define REGISTRY_RESUMES_MAX    64   /* pieces that a blob may come in */
#define REGISTRY_PROGRESS_BYTES 4096 /* a piece of so many bytes is no failure */
#define REGISTRY_STALL_ENV \
	"SAMPAN_STALL_TIMEOUT" /* seconds, in place of HTTP_STALL_TIMEOUT_S; for tests, and lines that pause longer */
#define REGISTRY_RETRY_MS    500 /* before the second try; doubled for each further one */
#define REGISTRY_RETRY_MAX_S 30  /* a Retry-After that asks for more is a refusal */
#define REGISTRY_TOKEN_BYTES (1u << 20)

/* Schemes that a registry may turn out to speak; a worker that knows tells the next one through the parent. */
enum registry_scheme { REGISTRY_SCHEME_UNKNOWN, REGISTRY_HTTPS, REGISTRY_HTTP };

struct registry_options {
	const char *domain; /* of the reference: "docker.io", "localhost:5000" */
	const char *path;   /* "library/busybox"; NULL: of no repository, for registry_ping */
	bool tls_verify;    /* false: plain HTTP and any certificate will do */
	enum registry_scheme scheme;
	struct credentials credentials;
	unsigned int retry_ms; /* 0: REGISTRY_RETRY_MS */
	struct http_options http;
};

struct registry;

/* `options` and what it points at are borrowed for as long as the registry lives. */
int registry_new(const struct registry_options *options, struct registry **ret, struct err *e) MUST_CHECK;
void registry_free(struct registry *r);
void registry_free_fn(struct registry **r);
#define cleanup_registry __attribute__((cleanup(registry_free_fn)))

/* localhost, 127.0.0.0/8 and [::1], with or without a port: plain HTTP and any certificate are taken there, as docker does. */
bool registry_is_local(const char *domain);

/* Where the API of a registry is: docker.io's is at registry-1.docker.io. Borrowed. */
const char *registry_host(const char *domain);

/* What it speaks; REGISTRY_SCHEME_UNKNOWN before the first answer. */
enum registry_scheme registry_scheme(const struct registry *r);

/* Appends the manifest or index that a tag or digest names, as it came, and its content type ("" where absent). The digest is not
 * checked here. -ENOENT it is not there, -EACCES refused, -EFBIG over body->max, -EPROTO, -ECONNABORTED.
 * distribution-spec "Pulling manifests". */
int registry_manifest(struct registry *r, const char *tag_or_digest, struct buf *body,
		      char ret_type[HTTP_CONTENT_TYPE_MAX], struct err *e) MUST_CHECK;

/* The same for the index of the signatures among what refers to a manifest: the referrers API, or else the tag that takes its place.
 * distribution-spec "Listing Referrers". */
int registry_referrers(struct registry *r, const struct digest *subject, const char *artifact_type,
		       struct buf *body, char ret_type[HTTP_CONTENT_TYPE_MAX], struct err *e) MUST_CHECK;

/* A blob into a sink. Errors as above, and the sink's. distribution-spec "Pulling blobs". */
int registry_blob(struct registry *r, const struct digest *digest, const struct sink *sink,
		  struct err *e) MUST_CHECK;

/* Asks for nothing, which tells whether the registry takes our credentials. -EACCES it does not.
 * distribution-spec "Determining Support". */
int registry_ping(struct registry *r, struct err *e) MUST_CHECK;

/* The media types of manifests and indexes, as an Accept header has them. */
extern const char REGISTRY_MANIFEST_TYPES[];

/* The words of a registry's error document, with nothing in them that a terminal would obey: "manifest unknown". "" where it has
 * none. `out` holds `max` bytes. distribution-spec "Error codes". */
void registry_error_text(const char *body, size_t len, char *out, size_t max);

#endif
