/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl, loaded when something is to be fetched: it brings forty libraries along, and most commands fetch nothing. */
#ifndef SAMPAN_PULL_CURL_LIBRARY_H
#define SAMPAN_PULL_CURL_LIBRARY_H

#include <curl/curl.h>

#include "common/err.h"

/* curl.h's functions by their names without "curl_". */
struct curl_library {
	typeof(&curl_global_init) global_init;
	typeof(&curl_global_cleanup) global_cleanup;
	typeof(&curl_easy_init) easy_init;
	typeof(&curl_easy_cleanup) easy_cleanup;
	typeof(&curl_easy_reset) easy_reset;
	CURLcode (*easy_setopt)(CURL *handle, CURLoption option, ...);
	CURLcode (*easy_getinfo)(CURL *handle, CURLINFO info, ...);
	typeof(&curl_easy_perform) easy_perform;
	typeof(&curl_easy_strerror) easy_strerror;
	typeof(&curl_easy_header) easy_header;
	typeof(&curl_slist_append) slist_append;
	typeof(&curl_slist_free_all) slist_free_all;
	typeof(&curl_getdate) getdate;
	typeof(&curl_url) url;
	typeof(&curl_url_cleanup) url_cleanup;
	typeof(&curl_url_get) url_get;
	typeof(&curl_url_set) url_set;
	typeof(&curl_free) free;
};

/* It stays loaded until the process ends: the TLS library that it brings does not like to go. Once it is, this costs a few look-ups.
 * -EOPNOTSUPP: it is not there, or too old. */
int curl_library_open(struct curl_library *ret, struct err *e) MUST_CHECK;

#endif
