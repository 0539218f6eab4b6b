/* SPDX-License-Identifier: Apache-2.0 */
/* What was fetched from a URL, by its ETag: kept among the records of steps (store/step_cache.h), and subject to what limits these. The file itself is not kept: it is in the layer of
 * the step that has added it. */
#ifndef SAMPAN_BUILD_URL_RECORD_H
#define SAMPAN_BUILD_URL_RECORD_H

#include "build/remote.h"
#include "common/err.h"
#include "store/store.h"

/* False: nothing is known. `now_s` as for step_cache_find. */
bool url_record_find(const struct store *s, const char *url, int64_t now_s, struct remote_file *ret);

/* Keeps what was fetched, if it has an ETag. No password of the URL is written. */
int url_record_put(const struct store *s, const char *url, const struct remote_file *file,
		   struct err *e) MUST_CHECK;

#endif
