/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes that are being put together (`sampan manifest`), one file each: lists/<encoded reference>. What is in them is their maker's affair; no image
 * hangs on them, and a collection leaves them alone. */
#ifndef SAMPAN_STORE_MANIFEST_LIST_H
#define SAMPAN_STORE_MANIFEST_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "store/store.h"

/* `name` is a canonical reference in all of these (-EINVAL). */

/* Appends the list's text. -ENOENT, with text. */
int manifest_list_read(const struct store *s, const char *name, struct buf *out, struct err *e) MUST_CHECK;

/* Keeps it, durably. -EEXIST unless `replace`. */
int manifest_list_write(const struct store *s, const char *name, const char *text, size_t len, bool replace,
			struct err *e) MUST_CHECK;

/* -ENOENT. */
int manifest_list_remove(const struct store *s, const char *name, struct err *e) MUST_CHECK;

#endif
