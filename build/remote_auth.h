/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of --secret that are for servers, not for RUN, by the names that BuildKit knows. Pure.
 *
 *	GIT_AUTH_HEADER[.HOST]     the value of the Authorization header for git over HTTP; "basic" or "bearer" alone: how the token is to be sent
 *	GIT_AUTH_TOKEN[.HOST]      a token for it, sent as a password is
 *	HTTP_AUTH_HEADER_HOST      the same header for ADD of a URL, and for contexts; without the port
 *	HTTP_AUTH_TOKEN_HOST       a Bearer token for them
 */
#ifndef SAMPAN_BUILD_REMOTE_AUTH_H
#define SAMPAN_BUILD_REMOTE_AUTH_H

#include "build/build.h"
#include "common/err.h"

/* The header's value for a repository: a secret of its host (with the port, where there is one) before one of all hosts, a header before a token. *ret is owned (remote_auth_done); NULL: there is
 * none, or the remote is not of HTTP. -EINVAL a secret that is empty, or has control characters. */
int remote_auth_git(const struct build_params *p, const char *remote, char **ret, struct err *e) MUST_CHECK;

/* The same for a URL; a token before a header. */
int remote_auth_url(const struct build_params *p, const char *url, char **ret, struct err *e) MUST_CHECK;

/* Wipes it. */
void remote_auth_done(char **value);
#define cleanup_remote_auth __attribute__((cleanup(remote_auth_done)))

#endif
