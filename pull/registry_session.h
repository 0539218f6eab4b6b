/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the registry client share: a session with one registry, and one request from its first try to its last. */
#ifndef SAMPAN_PULL_REGISTRY_SESSION_H
#define SAMPAN_PULL_REGISTRY_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "pull/registry.h"

struct registry {
	const struct registry_options *options;
	struct http *http;
	enum registry_scheme scheme;
	char *authorization; /* header value; NULL until the registry asked for one */
	int64_t expires_ms;  /* monotonic: the authorization is no good from then on; 0: it does not end */
	bool can_push;       /* tokens are asked for pushing too */
};

/* One thing that is asked for: `path` ("/v2/...") at the registry, or else an absolute URL that it gave us. */
struct registry_ask {
	enum http_method method;
	const char *path, *url;
	const char *accept;
	const char *content_type;
	const void *body;
	size_t body_len;
	const struct http_upload *upload; /* see struct http_request */
	const char *content_range;
	const struct sink *sink; /* NULL: the body does not matter */
	bool once;               /* a failure is told at once: the caller knows better than to repeat it */
};

/* Asks with redirects, authentication and retries until there is a 2xx. `ret` is the caller's to release, on failure too. Errors as
 * registry_manifest's; -EBUSY the registry wants to be left alone for longer than we wait. */
int registry_ask(struct registry *r, const struct registry_ask *what, struct http_response *ret,
		 struct err *e) MUST_CHECK;

/* Answers a 401 to `url` by getting what it asks for. -EACCES where we have nothing to answer with. */
int registry_authenticate(struct registry *r, const struct http_response *refusal, const char *url,
			  struct err *e) MUST_CHECK;

/* Forgets a token that has run out, so that the next answer says how to get another. */
void registry_auth_expire(struct registry *r);

/* From HTTPS there is no way back to HTTP but where the user, or loopback, allows it. */
int registry_check_downgrade(const struct registry *r, const char *from, const char *to,
			     struct err *e) MUST_CHECK;
bool registry_plain_http_allowed(const struct registry *r);

/* Whether an answer, or that there is none, may be different next time. */
bool registry_worth_another_try(const struct http_response *answer);

/* Waits before try number `failures` + 1, as long as the server asks and at least a while that doubles each time, with jitter. False: it asks
 * for more than we wait. */
bool registry_wait(const struct registry *r, unsigned int failures, const struct http_response *answer);

#endif
