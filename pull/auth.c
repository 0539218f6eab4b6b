/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/auth.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/json_read.h"
#include "common/json_stream.h"

#define URL_MAX 8192

void auth_challenge_done(struct auth_challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct auth_challenge){ 0 };
}

/* tchar of RFC 9110 section 5.6.2 */
static bool is_token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_blanks(const char **at)
{
	while (**at == ' ' || **at == '\t')
		(*at)++;
}

static void skip_commas(const char **at)
{
	while (**at == ' ' || **at == '\t' || **at == ',')
		(*at)++;
}

static size_t token_len(const char *at)
{
	size_t len = 0;

	while (is_token_char(at[len]))
		len++;
	return len;
}

/* token68, the lone blob that schemes like Negotiate send: passed over. */
static void skip_token68(const char **at)
{
	while (**at && **at != ',' && **at != ' ')
		(*at)++;
}

static int add_quoted(const char **at, struct buf *out, struct err *e)
{
	(*at)++;
	while (**at != '"') {
		if (**at == '\\')
			(*at)++;
		if (!**at)
			return err_set(e, -EINVAL, "a quoted value does not end");
		if (buf_add_char(out, **at) < 0)
			return err_code(e, -ENOMEM, "cannot keep a challenge");
		(*at)++;
	}
	(*at)++;
	return 0;
}

static int read_value(const char **at, char **ret, struct err *e)
{
	cleanup_buf struct buf value = BUF_INIT(AUTH_HEADER_MAX);
	size_t len;
	int r;

	if (**at == '"') {
		r = add_quoted(at, &value, e);
		if (r < 0)
			return r;
	} else {
		len = token_len(*at);
		if (len == 0)
			return err_set(e, -EINVAL, "a parameter has no value");
		if (buf_add(&value, *at, len) < 0)
			return err_code(e, -ENOMEM, "cannot keep a challenge");
		*at += len;
	}
	*ret = buf_take(&value);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot keep a challenge");
}

static char **member_of(struct auth_challenge *c, const char *name, size_t len)
{
	static const struct {
		const char *name;
		size_t offset;
	} MEMBERS[] = {
		{ "realm", offsetof(struct auth_challenge, realm) },
		{ "service", offsetof(struct auth_challenge, service) },
		{ "scope", offsetof(struct auth_challenge, scope) },
		{ "error", offsetof(struct auth_challenge, error) },
	};

	for (size_t i = 0; i < ARRAY_LEN(MEMBERS); i++)
		if (strlen(MEMBERS[i].name) == len && strncasecmp(MEMBERS[i].name, name, len) == 0)
			return (char **)((char *)c + MEMBERS[i].offset);
	return NULL;
}

/* True if a NAME=VALUE parameter stands at `at`, and not the next scheme. */
static bool at_parameter(const char *at)
{
	size_t len = token_len(at);

	if (len == 0)
		return false;
	at += len;
	skip_blanks(&at);
	return *at == '=';
}

static int read_parameter(const char **at, struct auth_challenge *c, struct err *e)
{
	size_t len = token_len(*at);
	const char *name = *at;
	cleanup_free char *value = NULL;
	char **member;
	int r;

	*at += len;
	skip_blanks(at);
	(*at)++; /* '=', which at_parameter has seen */
	skip_blanks(at);
	r = read_value(at, &value, e);
	if (r < 0)
		return r;
	member = member_of(c, name, len);
	if (member && !*member)
		*member = ptr_take(value);
	return 0;
}

static enum auth_scheme scheme_of(const char *name, size_t len)
{
	if (len == 6 && strncasecmp(name, "bearer", len) == 0)
		return AUTH_BEARER;
	if (len == 5 && strncasecmp(name, "basic", len) == 0)
		return AUTH_BASIC;
	return AUTH_NONE;
}

/* One challenge: a scheme and its parameters. `at` ends behind it. */
static int read_challenge(const char **at, struct auth_challenge *ret, struct err *e)
{
	size_t len = token_len(*at);
	int r;

	if (len == 0)
		return err_set(e, -EINVAL, "expected a scheme at '%.20s'", *at);
	ret->scheme = scheme_of(*at, len);
	*at += len;
	skip_blanks(at);
	if (**at && **at != ',' && !at_parameter(*at))
		skip_token68(at);
	for (;;) {
		const char *next = *at;

		skip_commas(&next);
		if (!at_parameter(next))
			break;
		r = read_parameter(&next, ret, e);
		if (r < 0)
			return r;
		*at = next;
	}
	return 0;
}

static int choose_from(const char *header, struct auth_challenge *best, struct err *e)
{
	int r;

	if (strlen(header) > AUTH_HEADER_MAX)
		return err_set(e, -EFBIG, "longer than %d bytes", AUTH_HEADER_MAX);
	for (skip_commas(&header); *header; skip_commas(&header)) {
		cleanup_auth_challenge struct auth_challenge one = { 0 };

		r = read_challenge(&header, &one, e);
		if (r < 0)
			return r;
		if (one.scheme > best->scheme) {
			auth_challenge_done(best);
			*best = one;
			one = (struct auth_challenge){ 0 };
		}
	}
	return 0;
}

int auth_challenge_choose(const struct strvec *headers, struct auth_challenge *ret, struct err *e)
{
	cleanup_auth_challenge struct auth_challenge best = { 0 };
	int r;

	for (size_t i = 0; i < headers->len; i++) {
		r = choose_from(headers->items[i], &best, e);
		if (r < 0)
			return err_wrap(e, "the WWW-Authenticate header");
	}
	if (best.scheme == AUTH_NONE)
		return err_set(e, -EOPNOTSUPP, "the server offers neither Bearer nor Basic authentication");
	if (best.scheme == AUTH_BEARER && !best.realm)
		return err_set(e, -EINVAL, "the WWW-Authenticate header: Bearer without a realm");
	*ret = best;
	best = (struct auth_challenge){ 0 };
	return 0;
}

/* RFC 3986 section 2.3; ':' and '/' are allowed in a query and make scopes readable, ',' too. */
static int add_escaped(struct buf *out, const char *text)
{
	int r = 0;

	for (; r == 0 && *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~:/,", *text))
			r = buf_add_char(out, *text);
		else
			r = buf_printf(out, "%%%02X", (unsigned char)*text);
	}
	return r;
}

static int add_pair(struct buf *out, char separator, const char *name, const char *value)
{
	int r;

	if (!value || !*value)
		return 0;
	r = buf_printf(out, "%c%s=", separator, name);
	return r < 0 ? r : add_escaped(out, value);
}

static int add_query(struct buf *out, const char *name, const char *value)
{
	return add_pair(out, memchr(out->data, '?', out->len) ? '&' : '?', name, value);
}

static int check_realm(const char *realm, struct err *e)
{
	if (strncasecmp(realm, "https://", 8) != 0 && strncasecmp(realm, "http://", 7) != 0)
		return err_set(e, -EINVAL, "the token server '%s' is no http or https URL", realm);
	for (const char *p = realm; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '#')
			return err_set(e, -EINVAL, "the token server's URL holds blanks or control bytes");
	return 0;
}

int auth_token_url(const struct auth_challenge *c, const char *default_scope, const char *account,
		   struct buf *out, struct err *e)
{
	cleanup_buf struct buf url = BUF_INIT(URL_MAX);
	int r = check_realm(c->realm, e);

	if (r < 0)
		return r;
	r = buf_add_str(&url, c->realm);
	if (r == 0)
		r = add_query(&url, "account", account);
	if (r == 0)
		r = add_query(&url, "service", c->service);
	if (r == 0)
		r = add_query(&url, "scope", c->scope ? c->scope : default_scope);
	if (r == 0)
		r = buf_add(out, url.data, url.len);
	return r < 0 ? err_code(e, r, "cannot make the token server's URL") : 0;
}

int auth_refresh_request(const struct auth_challenge *c, const char *default_scope, const char *refresh_token,
			 struct buf *url, struct buf *form, struct err *e)
{
	int r = check_realm(c->realm, e);

	if (r < 0)
		return r;
	r = buf_add_str(form, "grant_type=refresh_token&client_id=sampan");
	if (r == 0)
		r = add_pair(form, '&', "service", c->service);
	if (r == 0)
		r = add_pair(form, '&', "scope", c->scope ? c->scope : default_scope);
	if (r == 0)
		r = add_pair(form, '&', "refresh_token", refresh_token);
	if (r == 0)
		r = buf_add_str(url, c->realm);
	return r < 0 ? err_code(e, r, "cannot make the token server's request") : 0;
}

struct token_answer {
	char *token, *access_token;
	struct opt_u64 expires_in;
};

static const struct json_field TOKEN_ANSWER[] = {
	{ "token", offsetof(struct token_answer, token), json_read_string },
	{ "access_token", offsetof(struct token_answer, access_token), json_read_string },
	{ "expires_in", offsetof(struct token_answer, expires_in), json_read_opt_u64 },
	{ 0 },
};

/* token68 of RFC 9110, with which no header can be forged. */
static bool token_is_clean(const char *token)
{
	for (const char *p = token; *p; p++)
		if (!isgraph((unsigned char)*p) || *p == ',' || *p == '"')
			return false;
	return *token && strlen(token) <= AUTH_TOKEN_MAX;
}

void auth_token_done(struct auth_token *t)
{
	free(t->token);
	*t = (struct auth_token){ 0 };
}

int auth_token_decode(const char *text, size_t len, struct auth_token *ret, struct err *e)
{
	const struct json_limits limits = { .max_bytes = 1u << 20, .max_depth = 16, .max_values = 4096 };
	struct token_answer answer = { 0 };
	cleanup_free char *token = NULL, *access_token = NULL;
	char *chosen;
	int r = json_guard_check(text, len, &limits, e);

	if (r == 0)
		r = json_decode(text, len, TOKEN_ANSWER, &answer, e);
	token = answer.token;
	access_token = answer.access_token;
	if (r < 0)
		return err_wrap(e, "the token server's answer");
	chosen = token && *token ? token : access_token;
	if (!chosen || !token_is_clean(chosen))
		return err_set(e, -EINVAL, "the token server's answer holds no usable token");
	chosen = strdup(chosen);
	if (!chosen)
		return err_code(e, -ENOMEM, "cannot keep a token");
	*ret = (struct auth_token){ .token = chosen, .expires_in_s = answer.expires_in.value };
	return 0;
}

int auth_bearer_header(const char *token, char **ret, struct err *e)
{
	cleanup_buf struct buf header = BUF_INIT(AUTH_TOKEN_MAX + 16);
	char *text;

	if (buf_printf(&header, "Bearer %s", token) < 0)
		return err_code(e, -ENOMEM, "cannot keep a token");
	text = buf_take(&header);
	if (!text)
		return err_code(e, -ENOMEM, "cannot keep a token");
	*ret = text;
	return 0;
}

int auth_basic_header(const struct credentials *c, char **ret, struct err *e)
{
	cleanup_buf struct buf pair = BUF_INIT(AUTH_HEADER_MAX);
	cleanup_free unsigned char *base64 = NULL;
	cleanup_buf struct buf header = BUF_INIT(2 * AUTH_HEADER_MAX);
	char *text;

	if (strchr(c->user, ':'))
		return err_set(e, -EINVAL, "the user name '%s' holds a ':'", c->user);
	if (buf_printf(&pair, "%s:%s", c->user, c->password ? c->password : "") < 0)
		return err_set(e, -EFBIG, "user name and password are too long");
	base64 = malloc(4 * ((pair.len + 2) / 3) + 1);
	if (!base64)
		return err_code(e, -ENOMEM, "cannot keep credentials");
	(void)EVP_EncodeBlock(base64, (const unsigned char *)pair.data, (int)pair.len); /* cannot fail */
	if (buf_printf(&header, "Basic %s", (const char *)base64) < 0)
		return err_code(e, -ENOMEM, "cannot keep credentials");
	text = buf_take(&header);
	if (!text)
		return err_code(e, -ENOMEM, "cannot keep credentials");
	*ret = text;
	return 0;
}
