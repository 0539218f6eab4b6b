/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP exchange at a time over libcurl. Only pull/http.c includes curl. libcurl may start threads, so this is for worker
 * processes that never clone again. */
#ifndef SAMPAN_PULL_HTTP_H
#define SAMPAN_PULL_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "pull/sink.h"

#define HTTP_ERROR_BODY_MAX    16384 /* bytes of a body that comes with an error status; the rest is cut off */
#define HTTP_HEADERS_MAX       (256u << 10) /* bytes of all headers of an answer */
#define HTTP_CONTENT_TYPE_MAX  128
#define HTTP_CHALLENGES_MAX    8
#define HTTP_RANGE_MAX         64
#define HTTP_LINK_MAX          2048
#define HTTP_ETAG_MAX          256
#define HTTP_DISPOSITION_MAX   1024
#define HTTP_CONNECT_TIMEOUT_S 20
#define HTTP_STALL_TIMEOUT_S   60 /* less than a byte per second for so long ends a transfer */

/* What a user has for one host beside the system's certificates: PEM texts; NULL: nothing. Borrowed. */
struct http_tls {
	const char *authorities; /* certificates of authorities that are trusted too */
	const char *certificate; /* who we are, with its chain */
	const char *key;
};

struct http_options {
	bool tls_verify;
	struct http_tls tls;
	unsigned int connect_timeout_s; /* 0: HTTP_CONNECT_TIMEOUT_S */
	unsigned int stall_timeout_s;   /* 0: HTTP_STALL_TIMEOUT_S */
};

struct http; /* a libcurl handle: keeps connections and TLS sessions */

int http_new(const struct http_options *options, struct http **ret, struct err *e) MUST_CHECK;
void http_free(struct http *h);
void http_free_fn(struct http **h);
#define cleanup_http __attribute__((cleanup(http_free_fn)))

/* Certificates are checked, or not, from here on. */
void http_set_tls_verify(struct http *h, bool verify);

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_HEAD, HTTP_PATCH, HTTP_DELETE };

/* A body that is part of a file. */
struct http_upload {
	int fd; /* borrowed; its offset is neither used nor moved */
	uint64_t offset, size_bytes;
	void (*progress)(void *arg, uint64_t sent_bytes); /* NULL: none */
	void *progress_arg;
};

struct http_request {
	enum http_method method;
	const char *url;
	const char *accept;        /* value of the Accept header; NULL: none */
	const char *authorization; /* value of the Authorization header; NULL: none */
	const char *if_none_match; /* value of the If-None-Match header; NULL: none */
	bool anonymous_tls;        /* keep our client certificate back */
	bool to_this_machine;      /* by its host's name */
	const char *content_type;  /* of the body */
	const void *body;          /* of POST, PUT and PATCH; may be NULL if body_len is 0 */
	size_t body_len;
	const struct http_upload *upload; /* of PUT and PATCH, in place of `body`; NULL: none */
	const char *content_range;        /* value of the Content-Range header; NULL: none */
	const struct sink *sink; /* gets the body of a 2xx answer; NULL: it is cut off as others are */
};

/* Why an exchange failed. */
enum http_failure {
	HTTP_NO_FAILURE, /* an answer came, whatever its status */
	HTTP_FAILED_CONNECT,
	HTTP_FAILED_TLS,         /* the peer does not speak TLS as we do, or not at all */
	HTTP_FAILED_CERTIFICATE, /* it does, but cannot prove who it is */
	HTTP_FAILED_TRANSFER,    /* broken off or stalled: worth another try */
	HTTP_FAILED_LOCAL,       /* the sink, memory, a bad URL: another try would end the same */
};

struct http_response {
	enum http_failure failure; /* set on failure too */
	unsigned int status;
	char content_type[HTTP_CONTENT_TYPE_MAX]; /* without parameters; "" where absent */
	struct strvec challenges;                 /* values of WWW-Authenticate */
	char range[HTTP_RANGE_MAX]; /* value of the Range header, as uploads are answered; "" where absent */
	char link[HTTP_LINK_MAX];   /* value of the first Link header; "" where absent or longer */
	char etag[HTTP_ETAG_MAX];   /* value of the ETag header; "" where absent or longer */
	char disposition[HTTP_DISPOSITION_MAX]; /* of Content-Disposition; the same */
	bool has_last_modified;
	int64_t last_modified;            /* seconds since 1970 */
	char digest[DIGEST_TEXT_MAX + 1]; /* value of Docker-Content-Digest, unchecked; "" where absent */
	char *location;             /* of a 3xx, and of a 201 and 202: the absolute URL; NULL where absent */
	unsigned int retry_after_s; /* 0 where absent, in the past, or neither a number nor a date */
	struct buf error_body;      /* of an answer that is not 2xx, cut at its limit */
};
void http_response_done(struct http_response *r);
#define cleanup_http_response __attribute__((cleanup(http_response_done)))

/* One request without following redirects. `ret` is emptied first and is to be released by the caller after success and failure alike.
 * If the sink says that it holds bytes of an earlier try, only the rest is asked for; a server that sends all the same has those bytes
 * skipped. RFC 9110 section 14. What is uploaded is sent at most once.
 * -ECONNABORTED connection and transfer, -EPROTO TLS, or another range than the one asked for; -EACCES certificate, the sink's own
 * error. */
int http_perform(struct http *h, const struct http_request *request, struct http_response *ret,
		 struct err *e) MUST_CHECK;

/* "https://host:5000" of a URL, in lower case: what two requests must share to be sent the same secrets. RFC 6454. Owned; NULL: no
 * http or https URL, or out of memory. */
char *http_origin(const char *url) MUST_CHECK;

#endif
