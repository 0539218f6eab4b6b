/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/registry.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "pull/registry_session.h"

#define PATH_MAX_BYTES 4096

const char REGISTRY_MANIFEST_TYPES[] = "application/vnd.oci.image.index.v1+json, "
				       "application/vnd.oci.image.manifest.v1+json, "
				       "application/vnd.docker.distribution.manifest.list.v2+json, "
				       "application/vnd.docker.distribution.manifest.v2+json";

bool registry_is_local(const char *domain)
{
	char host[INET6_ADDRSTRLEN + 1];
	struct in_addr v4;
	size_t len;

	if (strcmp(domain, "[::1]") == 0 || strncmp(domain, "[::1]:", 6) == 0)
		return true;
	len = strcspn(domain, ":");
	if (len >= sizeof(host))
		return false;
	memcpy(host, domain, len);
	host[len] = 0;
	if (strcasecmp(host, "localhost") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

const char *registry_host(const char *domain)
{
	return strcmp(domain, "docker.io") == 0 ? "registry-1.docker.io" : domain;
}

enum registry_scheme registry_scheme(const struct registry *r)
{
	return r->scheme;
}

static unsigned int stall_timeout_s(void)
{
	const char *text = getenv(REGISTRY_STALL_ENV);
	uint64_t n;

	return text && parse_u64(text, 1, 3600, &n) == 0 ? (unsigned int)n : 0;
}

int registry_new(const struct registry_options *options, struct registry **ret, struct err *e)
{
	cleanup_registry struct registry *r = calloc(1, sizeof(*r));
	struct http_options http = options->http;
	int code;

	if (!r)
		return err_code(e, -ENOMEM, "cannot open registry '%s'", options->domain);
	r->options = options;
	r->scheme = options->scheme;
	http.tls_verify = options->tls_verify && !registry_is_local(options->domain);
	http.stall_timeout_s = stall_timeout_s();
	code = http_new(&http, &r->http, e);
	if (code < 0)
		return code;
	*ret = ptr_take(r);
	return 0;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	http_free(r->http);
	free(r->authorization);
	free(r);
}

void registry_free_fn(struct registry **r)
{
	registry_free(*r);
}

static int get(struct registry *r, const char *kind, const char *what, const char *accept,
	       const struct sink *sink, struct http_response *ret, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);

	if (buf_printf(&path, "/v2/%s/%s/%s", r->options->path, kind, what) < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	return registry_ask(r, &(struct registry_ask){ .path = path.data, .accept = accept, .sink = sink },
			    ret, e);
}

int registry_manifest(struct registry *r, const char *tag_or_digest, struct buf *body,
		      char ret_type[HTTP_CONTENT_TYPE_MAX], struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	struct sink sink = sink_to_buf(body);
	int code = get(r, "manifests", tag_or_digest, REGISTRY_MANIFEST_TYPES, &sink, &answer, e);

	if (code == 0)
		(void)snprintf(ret_type, HTTP_CONTENT_TYPE_MAX, "%s", answer.content_type);
	return code;
}

int registry_referrers(struct registry *r, const struct digest *subject, const char *artifact_type,
		       struct buf *body, char ret_type[HTTP_CONTENT_TYPE_MAX], struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	struct sink sink = sink_to_buf(body);
	char what[DIGEST_TEXT_MAX + 256], tag[DIGEST_TEXT_MAX + 1];
	int code;

	(void)snprintf(what, sizeof(what), "%s?artifactType=%s", subject->text, artifact_type);
	code = get(r, "referrers", what, REGISTRY_MANIFEST_TYPES, &sink, &answer, e);
	if (code == 0)
		(void)snprintf(ret_type, HTTP_CONTENT_TYPE_MAX, "%s", answer.content_type);
	if (code != -ENOENT)
		return code;
	(void)snprintf(tag, sizeof(tag), "%s-%s", digest_algorithm(subject), digest_hex(subject));
	return registry_manifest(r, tag, body, ret_type, e);
}

int registry_blob(struct registry *r, const struct digest *digest, const struct sink *sink, struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };

	return get(r, "blobs", digest->text, NULL, sink, &answer, e);
}

int registry_ping(struct registry *r, struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };

	return registry_ask(r, &(struct registry_ask){ .path = "/v2/" }, &answer, e);
}
