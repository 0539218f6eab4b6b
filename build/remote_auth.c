/* SPDX-License-Identifier: Apache-2.0 */
#include "build/remote_auth.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

#define HOST_MAX   260 /* of a name, and its port */

/* What git servers of all kinds take with a token: BuildKit's. */
#define TOKEN_USER "x-access-token:"

void remote_auth_done(char **value)
{
	if (*value)
		explicit_bzero(*value, strlen(*value));
	free(*value);
	*value = NULL;
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot use a secret");
}

/* --- hosts ---------------------------------------------------------------------------------------------- */

/* "host:port" of an http or https URL. False: it is none, or too long. */
static bool host_of(const char *url, char ret[HOST_MAX])
{
	const char *at = strncasecmp(url, "http://", 7) == 0    ? url + 7
			 : strncasecmp(url, "https://", 8) == 0 ? url + 8
								: NULL;
	size_t len = at ? strcspn(at, "/?#") : 0;

	for (size_t i = len; i > 0; i--)
		if (at[i - 1] == '@') {
			at += i;
			len -= i;
			break;
		}
	if (len == 0 || len >= HOST_MAX)
		return false;
	(void)snprintf(ret, HOST_MAX, "%.*s", (int)len, at);
	return true;
}

/* "[::1]:80" becomes "::1". */
static void drop_port(char host[HOST_MAX])
{
	char *end = host[0] == '[' ? strchr(host, ']') : NULL;

	if (end) {
		*end = '\0';
		memmove(host, host + 1, strlen(host + 1) + 1);
	} else {
		host[strcspn(host, ":")] = '\0';
	}
}

/* --- secrets -------------------------------------------------------------------------------------------- */

static const struct build_secret *find(const struct build_params *p, const char *name, const char *host)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < p->secrets_len; i++)
		if (strncmp(p->secrets[i].id, name, len) == 0 &&
		    strcasecmp(p->secrets[i].id + len, host) == 0)
			return &p->secrets[i];
	return NULL;
}

/* A file's last newline is not meant. *ret is owned. */
static int value_of(const struct build_secret *s, char **ret, struct err *e)
{
	size_t len = s->len;

	while (len > 0 && (s->data[len - 1] == '\n' || s->data[len - 1] == '\r'))
		len--;
	if (len == 0)
		return err_set(e, -EINVAL, "secret '%s' is empty", s->id);
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)s->data[i]))
			return err_set(e, -EINVAL, "secret '%s' has control characters, and so is no header",
				       s->id);
	*ret = strndup(s->data, len);
	return *ret ? 0 : no_memory(e);
}

/* "FRONT VALUE". */
static int join(const char *front, const char *value, char **ret, struct err *e)
{
	if (asprintf(ret, "%s %s", front, value) < 0) {
		*ret = NULL;
		return no_memory(e);
	}
	return 0;
}

/* RFC 7617, RFC 4648 section 4. */
static int basic(const char *user, const char *password, char **ret, struct err *e)
{
	/* The last one fills up. */
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	cleanup_remote_auth char *pair = NULL, *text = NULL;
	size_t len, n = 0;

	if (asprintf(&pair, "%s%s", user, password) < 0) {
		pair = NULL;
		return no_memory(e);
	}
	len = strlen(pair);
	text = calloc(1, 4 * ((len + 2) / 3) + 1);
	if (!text)
		return no_memory(e);
	for (size_t i = 0; i < len; i += 3) {
		unsigned int rest = len - i < 3 ? (unsigned int)(len - i) : 3, bits = 0;

		for (unsigned int k = 0; k < 3; k++)
			bits = bits << 8 | (k < rest ? (unsigned char)pair[i + k] : 0);
		for (unsigned int k = 0; k < 4; k++)
			text[n++] = DIGITS[k <= rest ? bits >> (18 - 6 * k) & 63 : 64];
	}
	return join("Basic", text, ret, e);
}

/* --- git ------------------------------------------------------------------------------------------------ */

/* As Docker's documentation has it: the header is the name of a scheme, and the token what is behind it. */
static int with_scheme(const char *scheme, const char *token, char **ret, struct err *e)
{
	if (strcasecmp(scheme, "bearer") == 0)
		return join("Bearer", token, ret, e);
	return strchr(token, ':') ? basic("", token, ret, e) : join("Basic", token, ret, e);
}

static bool is_scheme(const char *header)
{
	return strcasecmp(header, "basic") == 0 || strcasecmp(header, "bearer") == 0;
}

/* The secrets of one host; "": of all. */
static int git_of(const struct build_params *p, const char *host, char **ret, struct err *e)
{
	const struct build_secret *header = find(p, "GIT_AUTH_HEADER", host);
	const struct build_secret *token = find(p, "GIT_AUTH_TOKEN", host);
	cleanup_remote_auth char *header_text = NULL, *token_text = NULL;
	int r = header ? value_of(header, &header_text, e) : 0;

	if (r == 0 && token && (!header_text || is_scheme(header_text)))
		r = value_of(token, &token_text, e);
	if (r < 0)
		return r;
	if (header_text && token_text)
		return with_scheme(header_text, token_text, ret, e);
	if (token_text)
		return basic(TOKEN_USER, token_text, ret, e);
	*ret = ptr_take(header_text);
	return 0;
}

int remote_auth_git(const struct build_params *p, const char *remote, char **ret, struct err *e)
{
	char host[HOST_MAX], suffix[HOST_MAX + 1];
	int r;

	*ret = NULL;
	if (!host_of(remote, host))
		return 0;
	(void)snprintf(suffix, sizeof(suffix), ".%s", host);
	r = git_of(p, suffix, ret, e);
	return r < 0 || *ret ? r : git_of(p, "", ret, e);
}

/* --- files ---------------------------------------------------------------------------------------------- */

int remote_auth_url(const struct build_params *p, const char *url, char **ret, struct err *e)
{
	cleanup_remote_auth char *text = NULL;
	const struct build_secret *s;
	char host[HOST_MAX];
	int r;

	*ret = NULL;
	if (!host_of(url, host))
		return 0;
	drop_port(host);
	s = find(p, "HTTP_AUTH_TOKEN_", host);
	if (!s) {
		s = find(p, "HTTP_AUTH_HEADER_", host);
		return s ? value_of(s, ret, e) : 0;
	}
	r = value_of(s, &text, e);
	return r < 0 ? r : join("Bearer", text, ret, e);
}
