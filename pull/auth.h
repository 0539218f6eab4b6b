/* SPDX-License-Identifier: Apache-2.0 */
/* How a registry wants to be asked: WWW-Authenticate challenges (RFC 9110 section 11) and the token protocol of
 * distribution (spec/auth/token.md). Pure: no I/O. */
#ifndef SAMPAN_PULL_AUTH_H
#define SAMPAN_PULL_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"

#define AUTH_HEADER_MAX 16384 /* bytes of one WWW-Authenticate header */
#define AUTH_TOKEN_MAX  65536 /* bytes of a token */

enum auth_scheme { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct auth_challenge {
	enum auth_scheme scheme;
	char *realm;   /* Bearer: URL of the token server; Basic: a text */
	char *service; /* NULL where absent, as below */
	char *scope;
	char *error; /* "invalid_token", "insufficient_scope" */
};
void auth_challenge_done(struct auth_challenge *c);
#define cleanup_auth_challenge __attribute__((cleanup(auth_challenge_done)))

/* A user's secrets for one registry; all NULL: anonymous. Borrowed by whoever gets them. */
struct credentials {
	const char *user;
	const char *password;
	const char *identity_token; /* OAuth2 refresh token */
};

/* Picks the challenge to answer from all values of WWW-Authenticate: Bearer before Basic; others are passed over.
 * -EINVAL malformed, -EOPNOTSUPP none that we know, -EFBIG, -ENOMEM. RFC 9110 section 11.6.1. */
int auth_challenge_choose(const struct strvec *headers, struct auth_challenge *ret, struct err *e) MUST_CHECK;

/* Appends the URL that a Bearer challenge says to ask for a token: realm, service, the challenge's scope or else
 * `default_scope` (NULL: none), and the account whose token it shall be (NULL: anybody's). -EINVAL the realm is no http or https URL,
 * -EFBIG, -ENOMEM. */
int auth_token_url(const struct auth_challenge *c, const char *default_scope, const char *account,
		   struct buf *out, struct err *e) MUST_CHECK;

/* The same for a refresh token, with which a form is posted to the realm. Errors as above. spec/auth/oauth.md. */
int auth_refresh_request(const struct auth_challenge *c, const char *default_scope, const char *refresh_token,
			 struct buf *url, struct buf *form, struct err *e) MUST_CHECK;

struct auth_token {
	char *token;
	uint64_t expires_in_s; /* 0: not said */
};
void auth_token_done(struct auth_token *t);
#define cleanup_auth_token __attribute__((cleanup(auth_token_done)))

/* A token server's answer ("token", else "access_token"). -EINVAL malformed, or a token with bytes that do not belong into a
 * header. */
int auth_token_decode(const char *text, size_t len, struct auth_token *ret, struct err *e) MUST_CHECK;

/* The value of an Authorization header. *ret is owned. -ENOMEM; basic: -EINVAL a user with ':'. */
int auth_bearer_header(const char *token, char **ret, struct err *e) MUST_CHECK;
int auth_basic_header(const struct credentials *c, char **ret, struct err *e) MUST_CHECK;

#endif
