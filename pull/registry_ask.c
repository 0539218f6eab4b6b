/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "common/cleanup.h"
#include "pull/registry_session.h"

#define URL_MAX 8192

/* --- when to ask again ------------------------------------------------------------------------------- */

bool registry_worth_another_try(const struct http_response *answer)
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

bool registry_wait(const struct registry *r, unsigned int failures, const struct http_response *answer)
{
	uint64_t base = r->options->retry_ms ? r->options->retry_ms : REGISTRY_RETRY_MS;
	uint64_t ms = base << (failures - 1), asked_ms = (uint64_t)answer->retry_after_s * 1000;
	struct timespec t;
	uint16_t dice = 0;

	if (answer->retry_after_s > REGISTRY_RETRY_MAX_S)
		return false;
	/* A fleet of devices that a registry has thrown out together shall not come back together. */
	(void)!getrandom(&dice, sizeof(dice), GRND_NONBLOCK); /* without it they do */
	ms = (ms > asked_ms ? ms : asked_ms) + ms * dice / UINT16_MAX / 2;
	t = (struct timespec){ .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };
	(void)nanosleep(&t, NULL); /* a shorter wait is no harm */
	return true;
}

/* --- where to ask ------------------------------------------------------------------------------------ */

bool registry_plain_http_allowed(const struct registry *r)
{
	return !r->options->tls_verify || registry_is_local(r->options->domain);
}

static bool is_https(const char *url)
{
	return strncasecmp(url, "https://", 8) == 0;
}

int registry_check_downgrade(const struct registry *r, const char *from, const char *to, struct err *e)
{
	cleanup_free char *origin = NULL; /* the rest of a URL may be as good as a password */

	if (is_https(to) || !is_https(from) || registry_plain_http_allowed(r))
		return 0;
	origin = http_origin(to);
	return err_set(e, -EACCES, "'%s' leads from HTTPS to plain HTTP", origin ? origin : "a redirect");
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
	int code = registry_check_downgrade(r, c->url, answer->location, e);

	if (code < 0)
		return code;
	if (++c->hops > REGISTRY_REDIRECTS_MAX)
		return err_set(e, -ELOOP, "more than %d redirects", REGISTRY_REDIRECTS_MAX);
	free(c->url);
	c->url = ptr_take(answer->location);
	return 1;
}

static bool is_this_machine(const char *origin)
{
	const char *slashes = strstr(origin, "://");

	return slashes && registry_is_local(slashes + 3);
}

/* 1: there is more to ask; 0: *ret is the answer. */
static int chain_step(struct registry *r, const struct registry_ask *ask, struct chain *c,
		      struct http_response *ret, struct err *e)
{
	cleanup_free char *here = http_origin(c->url);
	bool ours = here && strcmp(here, c->origin) == 0;
	struct http_request request = {
		.method = ask->method,
		.url = c->url,
		.accept = ask->accept,
		.authorization = ours ? r->authorization : NULL,
		.anonymous_tls = !ours,
		.to_this_machine = here && is_this_machine(here),
		.content_type = ask->content_type,
		.body = ask->body,
		.body_len = ask->body_len,
		.upload = ask->upload,
		.content_range = ask->content_range,
		.sink = ask->sink,
	};
	int code;

	if (!here)
		return err_set(e, -EINVAL, "a redirect leads to what is no http or https URL");
	http_response_done(ret);
	code = http_perform(r->http, &request, ret, e);
	if (code < 0)
		return code;
	if (ret->status == 401 && ours && !c->authenticated) {
		c->authenticated = true; /* a token may have expired, but a fresh one has not */
		code = registry_authenticate(r, ret, c->url, e);
		return code < 0 ? code : 1;
	}
	return is_redirect(ret) ? chain_redirect(r, c, ret, e) : 0;
}

/* `home` is the registry's own address, which `url` may have been told by it to differ from. */
static int follow(struct registry *r, const struct registry_ask *ask, const char *home, const char *url,
		  struct http_response *ret, struct err *e)
{
	cleanup_chain struct chain c = { .url = strdup(url), .origin = http_origin(home) };
	int code;

	if (!c.url || !c.origin)
		return err_set(e, -EINVAL, "'%s' is no address of a registry", r->options->domain);
	code = registry_check_downgrade(r, home, url, e);
	if (code < 0)
		return code;
	do
		code = chain_step(r, ask, &c, ret, e);
	while (code > 0);
	return code;
}

static int ask_scheme(struct registry *r, const struct registry_ask *ask, enum registry_scheme scheme,
		      struct http_response *ret, struct err *e)
{
	cleanup_buf struct buf url = BUF_INIT(URL_MAX);

	if (buf_printf(&url, "%s://%s%s", scheme == REGISTRY_HTTPS ? "https" : "http",
		       registry_host(r->options->domain), ask->path ? ask->path : "/") < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	return follow(r, ask, url.data, ask->url ? ask->url : url.data, ret, e);
}

/* HTTPS first; plain HTTP where nobody speaks TLS and that is allowed. */
static int ask_once(struct registry *r, const struct registry_ask *ask, struct http_response *ret,
		    struct err *e)
{
	enum registry_scheme scheme = r->scheme == REGISTRY_SCHEME_UNKNOWN ? REGISTRY_HTTPS : r->scheme;
	bool no_tls;
	int code;

	registry_auth_expire(r);
	code = ask_scheme(r, ask, scheme, ret, e);
	no_tls = ret->failure == HTTP_FAILED_TLS || ret->failure == HTTP_FAILED_CONNECT;
	if (code < 0 && r->scheme == REGISTRY_SCHEME_UNKNOWN && no_tls && registry_plain_http_allowed(r)) {
		scheme = REGISTRY_HTTP;
		code = ask_scheme(r, ask, scheme, ret, e);
	}
	if (ret->failure == HTTP_NO_FAILURE)
		r->scheme = scheme;
	return code;
}

/* --- what came of it --------------------------------------------------------------------------------- */

/* An answer that is not 2xx as an error. */
static int refuse(const struct registry *r, const struct http_response *answer, struct err *e)
{
	const char *slash = r->options->path ? "/" : "", *path = r->options->path ? r->options->path : "";
	char words[384];

	registry_error_text(answer->error_body.data, answer->error_body.len, words, sizeof(words));
	switch (answer->status) {
	case 404:
		return err_set(e, -ENOENT, "%s", words[0] ? words : "not found");
	case 401:
	case 403:
		return err_set(e, -EACCES, "access to '%s%s%s' denied: %s", r->options->domain, slash, path,
			       words[0] ? words : "the registry gives no reason");
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

	if (!registry_plain_http_allowed(r) && answer->failure == HTTP_FAILED_TLS)
		cure = " (if it speaks plain HTTP: --tls-verify=false)";
	if (!registry_plain_http_allowed(r) && answer->failure == HTTP_FAILED_CERTIFICATE)
		cure = " (to take any certificate: --tls-verify=false)";
	return err_set(e, why.code, "registry '%s': %s%s", r->options->domain, why.text, cure);
}

static uint64_t held_by(const struct sink *sink)
{
	return sink && sink->held ? sink->held(sink->arg) : 0;
}

/* A server that has nothing behind what the sink holds (another file under the old name, or a cut at the very end) is asked for all of
 * it. 1: ask again at once. */
static int start_over(const struct registry_ask *what, const struct http_response *answer, struct err *e)
{
	int code;

	if (answer->failure != HTTP_NO_FAILURE || answer->status != 416 || held_by(what->sink) == 0)
		return 0;
	code = what->sink->begin(what->sink->arg, e);
	return code < 0 ? code : 1;
}

/* Failures since there was progress. Over a bad line a large blob comes in many pieces; each of them counts as a success. */
struct tries {
	unsigned int failures, resumed;
};

static bool may_try_again(struct tries *t, const struct registry *r, const struct http_response *answer,
			  uint64_t held_before, uint64_t held)
{
	if (!registry_worth_another_try(answer))
		return false;
	t->failures++;
	if (held_before > 0 && held >= held_before + REGISTRY_PROGRESS_BYTES &&
	    t->resumed < REGISTRY_RESUMES_MAX) {
		t->resumed++;
		t->failures = 1;
	}
	return t->failures < REGISTRY_TRIES && registry_wait(r, t->failures, answer);
}

int registry_ask(struct registry *r, const struct registry_ask *what, struct http_response *ret,
		 struct err *e)
{
	struct tries tries = { 0 };
	int code, again;

	do {
		uint64_t held = held_by(what->sink);

		http_response_done(ret);
		code = ask_once(r, what, ret, e);
		again = start_over(what, ret, e);
		if (again == 0 && !what->once)
			again = may_try_again(&tries, r, ret, held, held_by(what->sink));
	} while (again > 0);
	if (again < 0)
		return again;
	if (code < 0)
		return ret->failure == HTTP_FAILED_LOCAL ? code : explain(r, ret, e);
	return ret->status >= 200 && ret->status <= 299 ? 0 : refuse(r, ret, e);
}
