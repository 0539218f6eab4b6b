/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/timestamp.h"
#include "pull/registry_session.h"

#define URL_MAX            8192
#define FORM_MAX           (AUTH_TOKEN_MAX * 3)
#define TOKEN_MARGIN_MS    5000 /* a token that ends while its request is under way is no good */
#define TOKEN_LIFE_MAX_S   UINT64_C(86400)
#define BEFORE_THE_FIRST_S 60 /* distribution's spec/auth/token.md: what a token without "expires_in" lasts */

void registry_auth_expire(struct registry *r)
{
	if (!r->authorization || r->expires_ms == 0 || monotonic_ms() < r->expires_ms)
		return;
	free(r->authorization);
	r->authorization = NULL;
}

static int keep_token(struct registry *r, const struct auth_token *token, struct err *e)
{
	uint64_t life_s = token->expires_in_s ? token->expires_in_s : BEFORE_THE_FIRST_S;
	char *header = NULL;
	int code = auth_bearer_header(token->token, &header, e);

	if (code < 0)
		return code;
	free(r->authorization);
	r->authorization = header;
	if (life_s > TOKEN_LIFE_MAX_S)
		life_s = TOKEN_LIFE_MAX_S;
	r->expires_ms = monotonic_ms() + (int64_t)life_s * 1000 - TOKEN_MARGIN_MS;
	return 0;
}

static int keep_basic(struct registry *r, struct err *e)
{
	char *header = NULL;
	int code;

	if (!r->options->credentials.user)
		return err_set(e, -EACCES, "authentication required (sampan login %s)", r->options->domain);
	code = auth_basic_header(&r->options->credentials, &header, e);
	if (code < 0)
		return code;
	free(r->authorization);
	r->authorization = header;
	r->expires_ms = 0;
	return 0;
}

static int refused(const struct http_response *answer, struct err *e)
{
	char words[256];

	registry_error_text(answer->error_body.data, answer->error_body.len, words, sizeof(words));
	if (answer->status == 401 || answer->status == 403 || answer->status == 400)
		return err_set(e, -EACCES, "refused%s%s", words[0] ? ": " : "", words);
	return err_set(e, -EPROTO, "HTTP status %u%s%s", answer->status, words[0] ? ": " : "", words);
}

static int ask_token_server(struct registry *r, const struct http_request *request, struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	int code;

	for (unsigned int failures = 1;; failures++) {
		http_response_done(&answer);
		code = http_perform(r->http, request, &answer, e);
		if (failures >= REGISTRY_TRIES || !registry_worth_another_try(&answer) ||
		    !registry_wait(r, failures, &answer))
			break;
	}
	if (code < 0)
		return code;
	return answer.status >= 200 && answer.status <= 299 ? 0 : refused(&answer, e);
}

/* With a refresh token there is a form to post (spec/auth/oauth.md), else there is a URL to get. */
static int ask_for_token(struct registry *r, const struct auth_challenge *challenge, const char *scope,
			 const char *asked_url, struct buf *body, struct err *e)
{
	const struct credentials *c = &r->options->credentials;
	cleanup_buf struct buf url = BUF_INIT(URL_MAX), form = BUF_INIT(FORM_MAX);
	cleanup_free char *basic = NULL;
	struct sink sink = sink_to_buf(body);
	struct http_request request = { .sink = &sink, .anonymous_tls = true };
	int code;

	if (c->identity_token) {
		code = auth_refresh_request(challenge, scope, c->identity_token, &url, &form, e);
		request.method = HTTP_POST;
		request.content_type = "application/x-www-form-urlencoded";
	} else {
		code = auth_token_url(challenge, scope, c->user, &url, e);
		if (code == 0 && c->user)
			code = auth_basic_header(c, &basic, e);
	}
	if (code == 0)
		code = registry_check_downgrade(r, asked_url, url.data, e);
	if (code < 0)
		return code;
	request.url = url.data;
	request.authorization = basic;
	request.body = form.data;
	request.body_len = form.len;
	code = ask_token_server(r, &request, e);
	if (form.data)
		explicit_bzero(form.data, form.len);
	return code;
}

static int get_token(struct registry *r, const struct auth_challenge *challenge, const char *asked_url,
		     struct err *e)
{
	cleanup_buf struct buf body = BUF_INIT(REGISTRY_TOKEN_BYTES), scope = BUF_INIT(1024);
	cleanup_auth_token struct auth_token token = { 0 };
	cleanup_free char *server = http_origin(challenge->realm);
	int code = 0;

	if (r->options->path)
		code = buf_printf(&scope, "repository:%s:%s", r->options->path,
				  r->can_push ? "pull,push" : "pull");
	if (code < 0)
		return err_code(e, -ENOMEM, "cannot ask for a token");
	code = ask_for_token(r, challenge, scope.data, asked_url, &body, e);
	if (code == 0)
		code = auth_token_decode(body.data, body.len, &token, e);
	if (code == 0)
		code = keep_token(r, &token, e);
	return code < 0 && server ? err_wrap(e, "token server '%s'", server) : code;
}

int registry_authenticate(struct registry *r, const struct http_response *refusal, const char *url,
			  struct err *e)
{
	cleanup_auth_challenge struct auth_challenge challenge = { 0 };
	int code = auth_challenge_choose(&refusal->challenges, &challenge, e);

	if (code < 0)
		return code;
	return challenge.scheme == AUTH_BEARER ? get_token(r, &challenge, url, e) : keep_basic(r, e);
}
