/* SPDX-License-Identifier: Apache-2.0 */
/* Small content-addressed documents: manifests, indexes, image configs. The caller has verified their digests. */
#ifndef SAMPAN_STORE_BLOB_H
#define SAMPAN_STORE_BLOB_H

#include "common/buf.h"
#include "common/digest.h"
#include "store/layer.h"
#include "store/store.h"

/* Keeps a blob. Nothing is done if it is there with that size. Not durable before store_sync. */
int blob_put(const struct store *s, const struct digest *digest, const void *data, size_t len,
	     struct err *e) MUST_CHECK;

/* Appends a blob to `out` (-EFBIG over out->max). -ENOENT. */
int blob_get(const struct store *s, const struct digest *digest, struct buf *out, struct err *e) MUST_CHECK;

/* Moves staging/<st>/<name>, whose digest the caller has verified, and whose contents are synced, into place. */
int blob_adopt(const struct store *s, const struct staging *st, const char *name, const struct digest *digest,
	       struct err *e) MUST_CHECK;

/* Opens a blob for reading. -ENOENT. */
int blob_open(const struct store *s, const struct digest *digest, int *ret_fd, struct err *e) MUST_CHECK;

/* Removes a blob that is damaged, so that blob_put keeps a better one. An absent one is a success. */
int blob_drop(const struct store *s, const struct digest *digest, struct err *e) MUST_CHECK;

bool blob_exists(const struct store *s, const struct digest *digest);

#endif
