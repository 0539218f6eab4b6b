/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/registry.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/cleanup.h"

#define URL_MAX 8192

static const char MANIFEST_TYPES[] = "application/vnd.oci.image.index.v1+json, "
				     "application/vnd.oci.image.manifest.v1+json, "
				     "application/vnd.docker.distribution.manifest.list.v2+json, "
				     "application/vnd.docker.distribution.manifest.v2+json";

struct registry {
	const struct registry_options *options;
	struct http *http;
	enum registry_scheme scheme;
	char *authorization; /* header value; NULL until the registry asked for one */
};

/* One thing that is asked for. */
struct ask {
	const char *kind; /* "manifests" or "blobs" */
	const char *what; /* tag or digest */
	const char *accept;
	const struct sink *sink;
};

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

static bool plain_http_allowed(const struct registry *r)
{
	return !r->options->tls_verify || registry_is_local(r->options->domain);
}

static bool is_https(const char *url)
{
	return strncasecmp(url, "https://", 8) == 0;
}

/* From HTTPS there is no way back to HTTP but where the user, or loopback, allows it. */
static int check_downgrade(const struct registry *r, const char *from, const char *to, struct err *e)
{
	if (is_https(to) || !is_https(from) || plain_http_allowed(r))
		return 0;
	return err_set(e, -EACCES, "'%s' leads from HTTPS to plain HTTP", to);
}

static int make_header(struct registry *r, const char *token, struct err *e)
{
	char *header = NULL;
	int code = token ? auth_bearer_header(token, &header, e)
			 : auth_basic_header(&r->options->credentials, &header, e);

	if (code < 0)
		return code;
	free(r->authorization);
	r->authorization = header;
	return 0;
}

static bool worth_another_try(const struct http_response *answer)
{
	switch (answer->failure) {
	case HTTP_NO_FAILURE:
		return answer->status == 408 || answer->status == 429 ||
		       (answer->status >= 500 && answer->status != 501 && answer->status != 505);
	case HTTP_FAILED_CONNECT:
	case HTTP_FAILED_TRANSFER:
		return true;
	default:
		return false;
	}
}

static void wait_before(const struct registry *r, unsigned int try, const struct http_response *answer)
{
	unsigned int base = r->options->retry_ms ? r->options->retry_ms : REGISTRY_RETRY_MS;
	uint64_t ms = (uint64_t)base << (try - 1);
	uint64_t asked_ms = (uint64_t)answer->retry_after_s * 1000;
	struct timespec t;

	if (asked_ms > ms)
		ms = asked_ms < REGISTRY_RETRY_MAX_S * 1000 ? asked_ms : REGISTRY_RETRY_MAX_S * 1000;
	t = (struct timespec){ .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };
	(void)nanosleep(&t, NULL); /* a shorter wait is no harm */
}

static int ask_for_token(struct registry *r, const char *url, struct buf *body, struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	cleanup_free char *basic = NULL;
	struct sink sink = sink_to_buf(body);
	struct http_request request = { .url = url, .sink = &sink };
	char words[256];
	int code;

	if (r->options->credentials.user) {
		code = auth_basic_header(&r->options->credentials, &basic, e);
		if (code < 0)
			return code;
		request.authorization = basic;
	}
	for (unsigned int try = 1;; try++) {
		http_response_done(&answer);
		code = http_get(r->http, &request, &answer, e);
		if (try >= REGISTRY_TRIES || !worth_another_try(&answer))
			break;
		wait_before(r, try, &answer);
	}
	if (code < 0)
		return code;
	if (answer.status >= 200 && answer.status <= 299)
		return 0;
	registry_error_text(answer.error_body.data, answer.error_body.len, words, sizeof(words));
	if (answer.status == 401 || answer.status == 403)
		return err_set(e, -EACCES, "refused%s%s", words[0] ? ": " : "", words);
	return err_set(e, -EPROTO, "HTTP status %u%s%s", answer.status, words[0] ? ": " : "", words);
}

static int get_token(struct registry *r, const struct auth_challenge *challenge, const char *asked_url,
		     struct err *e)
{
	cleanup_buf struct buf url = BUF_INIT(URL_MAX), body = BUF_INIT(REGISTRY_TOKEN_BYTES),
			       scope = BUF_INIT(1024);
	cleanup_free char *token = NULL;
	int code;

	if (buf_printf(&scope, "repository:%s:pull", r->options->path) < 0)
		return err_code(e, -ENOMEM, "cannot ask for a token");
	code = auth_token_url(challenge, scope.data, &url, e);
	if (code == 0)
		code = check_downgrade(r, asked_url, url.data, e);
	if (code < 0)
		return code;
	code = ask_for_token(r, url.data, &body, e);
	if (code < 0)
		return err_wrap(e, "token server '%s'", challenge->realm);
	code = auth_token_decode(body.data, body.len, &token, e);
	return code < 0 ? code : make_header(r, token, e);
}

/* Answers a 401 by getting what it asks for. -EACCES where we have nothing to answer with. */
static int authenticate(struct registry *r, const struct http_response *refusal, const char *url,
			struct err *e)
{
	cleanup_auth_challenge struct auth_challenge challenge = { 0 };
	int code = auth_challenge_choose(&refusal->challenges, &challenge, e);

	if (code < 0)
		return code;
	if (challenge.scheme == AUTH_BEARER)
		return get_token(r, &challenge, url, e);
	if (!r->options->credentials.user)
		return err_set(e, -EACCES, "authentication required");
	return make_header(r, NULL, e);
}

static bool is_redirect(const struct http_response *answer)
{
	return answer->location && (answer->status == 301 || answer->status == 302 || answer->status == 303 ||
				    answer->status == 307 || answer->status == 308);
}

/* A chain of requests to an answer that is neither a redirect nor a challenge that can be met. */
struct chain {
	char *url;    /* where it has come to */
	char *origin; /* where it began: our secrets go there and nowhere else */
	bool authenticated;
	unsigned int hops;
};

static void chain_done(struct chain *c)
{
	free(c->url);
	free(c->origin);
}
#define cleanup_chain __attribute__((cleanup(chain_done)))

static int chain_redirect(const struct registry *r, struct chain *c, struct http_response *answer,
			  struct err *e)
{
	int code = check_downgrade(r, c->url, answer->location, e);

	if (code < 0)
		return code;
	if (++c->hops > REGISTRY_REDIRECTS_MAX)
		return err_set(e, -ELOOP, "more than %d redirects", REGISTRY_REDIRECTS_MAX);
	free(c->url);
	c->url = ptr_take(answer->location);
	return 1;
}

/* 1: there is more to ask; 0: *ret is the answer. */
static int chain_step(struct registry *r, const struct ask *ask, struct chain *c, struct http_response *ret,
		      struct err *e)
{
	cleanup_free char *here = http_origin(c->url);
	bool ours = here && strcmp(here, c->origin) == 0;
	struct http_request request = {
		.url = c->url,
		.accept = ask->accept,
		.authorization = ours ? r->authorization : NULL,
		.sink = ask->sink,
	};
	int code;

	if (!here)
		return err_set(e, -EINVAL, "'%s' is no URL of a registry", c->url);
	http_response_done(ret);
	code = http_get(r->http, &request, ret, e);
	if (code < 0)
		return code;
	if (ret->status == 401 && ours && !c->authenticated) {
		c->authenticated = true; /* a token may have expired, but a fresh one has not */
		code = authenticate(r, ret, c->url, e);
		return code < 0 ? code : 1;
	}
	return is_redirect(ret) ? chain_redirect(r, c, ret, e) : 0;
}

static int follow(struct registry *r, const struct ask *ask, const char *url, struct http_response *ret,
		  struct err *e)
{
	cleanup_chain struct chain c = { .url = strdup(url), .origin = http_origin(url) };
	int code;

	if (!c.url || !c.origin)
		return err_set(e, -EINVAL, "'%s' is no URL of a registry", url);
	do
		code = chain_step(r, ask, &c, ret, e);
	while (code > 0);
	return code;
}

static int ask_scheme(struct registry *r, const struct ask *ask, enum registry_scheme scheme,
		      struct http_response *ret, struct err *e)
{
	cleanup_buf struct buf url = BUF_INIT(URL_MAX);

	if (buf_printf(&url, "%s://%s/v2/%s/%s/%s", scheme == REGISTRY_HTTPS ? "https" : "http",
		       registry_host(r->options->domain), r->options->path, ask->kind, ask->what) < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	return follow(r, ask, url.data, ret, e);
}

/* HTTPS first; plain HTTP where nobody speaks TLS and that is allowed. */
static int ask_once(struct registry *r, const struct ask *ask, struct http_response *ret, struct err *e)
{
	enum registry_scheme scheme = r->scheme == REGISTRY_SCHEME_UNKNOWN ? REGISTRY_HTTPS : r->scheme;
	int code = ask_scheme(r, ask, scheme, ret, e);
	bool no_tls = ret->failure == HTTP_FAILED_TLS || ret->failure == HTTP_FAILED_CONNECT;

	if (code < 0 && r->scheme == REGISTRY_SCHEME_UNKNOWN && no_tls && plain_http_allowed(r)) {
		scheme = REGISTRY_HTTP;
		code = ask_scheme(r, ask, scheme, ret, e);
	}
	if (ret->failure == HTTP_NO_FAILURE)
		r->scheme = scheme;
	return code;
}

/* An answer that is not 2xx as an error. */
static int refuse(const struct registry *r, const struct http_response *answer, struct err *e)
{
	char words[384];

	registry_error_text(answer->error_body.data, answer->error_body.len, words, sizeof(words));
	switch (answer->status) {
	case 404:
		return err_set(e, -ENOENT, "%s", words[0] ? words : "not found");
	case 401:
	case 403:
		return err_set(e, -EACCES, "access to '%s/%s' denied: %s", r->options->domain,
			       r->options->path, words[0] ? words : "the registry gives no reason");
	case 429:
		return err_set(e, -EBUSY, "registry '%s' asks for patience: %s", r->options->domain,
			       words[0] ? words : "too many requests");
	default:
		return err_set(e, -EPROTO, "registry '%s': HTTP status %u%s%s", r->options->domain,
			       answer->status, words[0] ? ": " : "", words);
	}
}

static int explain(const struct registry *r, const struct http_response *answer, struct err *e)
{
	struct err why = *e;
	const char *cure = "";

	if (!plain_http_allowed(r) && answer->failure == HTTP_FAILED_TLS)
		cure = " (if it speaks plain HTTP: --tls-verify=false)";
	if (!plain_http_allowed(r) && answer->failure == HTTP_FAILED_CERTIFICATE)
		cure = " (to take any certificate: --tls-verify=false)";
	return err_set(e, why.code, "registry '%s': %s%s", r->options->domain, why.text, cure);
}

static int ask(struct registry *r, const struct ask *what, char *ret_type, struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	int code = 0;

	for (unsigned int try = 1;; try++) {
		http_response_done(&answer);
		code = ask_once(r, what, &answer, e);
		if (try >= REGISTRY_TRIES || !worth_another_try(&answer))
			break;
		wait_before(r, try, &answer);
	}
	if (code < 0)
		return answer.failure == HTTP_FAILED_LOCAL ? code : explain(r, &answer, e);
	if (answer.status < 200 || answer.status > 299)
		return refuse(r, &answer, e);
	if (ret_type)
		(void)snprintf(ret_type, HTTP_CONTENT_TYPE_MAX, "%s", answer.content_type);
	return 0;
}

int registry_manifest(struct registry *r, const char *tag_or_digest, struct buf *body,
		      char ret_type[HTTP_CONTENT_TYPE_MAX], struct err *e)
{
	struct sink sink = sink_to_buf(body);

	return ask(r,
		   &(struct ask){ .kind = "manifests",
				  .what = tag_or_digest,
				  .accept = MANIFEST_TYPES,
				  .sink = &sink },
		   ret_type, e);
}

int registry_blob(struct registry *r, const struct digest *digest, const struct sink *sink, struct err *e)
{
	return ask(r, &(struct ask){ .kind = "blobs", .what = digest->text, .sink = sink }, NULL, e);
}
