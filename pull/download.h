/* SPDX-License-Identifier: Apache-2.0 */
/* One file from a web server, fetched by a process that is nobody (pull/worker.h): libcurl never runs in the caller. */
#ifndef SAMPAN_PULL_DOWNLOAD_H
#define SAMPAN_PULL_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"

#define DOWNLOAD_MAX_BYTES     (UINT64_C(64) << 30) /* where nobody says less */
#define DOWNLOAD_REDIRECTS_MAX 10                   /* Go's, and so BuildKit's */
#define DOWNLOAD_URL_MAX       8191
#define DOWNLOAD_NAME_MAX      255
#define DOWNLOAD_ETAG_MAX      255

struct download_options {
	const char *url; /* http:// or https://, with a user and a password if there are */
	const char *
		authorization; /* value of the Authorization header, for the URL's own host only. NULL: none */
	const char *etag;      /* of what we have already; NULL: nothing */
	uint64_t max_bytes;    /* 0: DOWNLOAD_MAX_BYTES */
	unsigned int retry_ms;                            /* before the second try; 0: REGISTRY_RETRY_MS */
	int cancel_fd;                                    /* -1: none */
	void (*progress)(void *arg, uint64_t done_bytes); /* NULL: nobody listens */
	void *progress_arg;
};

struct download_result {
	bool not_modified; /* it is what `etag` was of: nothing has been written, and nothing below counts */
	struct digest
		digest; /* sha256 of what is in the file, taken by the caller's process once the other one has ended */
	uint64_t size_bytes;
	bool has_mtime;
	int64_t mtime; /* Last-Modified, seconds since 1970 */
	char name
		[DOWNLOAD_NAME_MAX +
		 1]; /* of Content-Disposition: one component of a path, never "." or ".."; "" where there is none */
	char etag[DOWNLOAD_ETAG_MAX + 1]; /* "" where there is none, or a longer one */
};

/* Fetches a URL into out_fd, an empty regular file that is open for reading and writing, at its beginning; borrowed. Follows redirects, also to plain
 * HTTP, as BuildKit does; proxies are those of the environment. Tries again as pull/registry.h does, from the beginning. The bytes are those on the
 * line: nothing is inflated. What was written before an error stays.
 * -ENOENT and -EPROTO "invalid response status 404" and others, -EACCES 401 and 403, or a certificate; -ECONNABORTED; -EFBIG; -ELOOP; -EINVAL
 * no http or https URL; -EINTR. The URL is in the message, without its password. */
int download(const struct download_options *o, int out_fd, struct download_result *ret,
	     struct err *e) MUST_CHECK;

/* Pure: the file name in the value of a Content-Disposition header, in the form that download_result has it. RFC 6266. "": none. */
void download_disposition_name(const char *value, char ret[DOWNLOAD_NAME_MAX + 1]);

/* Pure: a URL for people: "https://xxxxx:xxxxx@host/". Owned; NULL: out of memory. */
char *download_redact(const char *url) MUST_CHECK;

#endif
