/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: secrets/<name>, mode 0600: one line of JSON that tells of it, then its bytes. docs/store.md, "Secrets". */
#ifndef SAMPAN_STORE_SECRET_H
#define SAMPAN_STORE_SECRET_H

#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"
#include "store/store.h"

#define SECRET_DATA_MAX 512000u /* bytes; docker's and podman's */
#define SECRET_ID_LEN   25      /* hex digits; podman's */

struct secret_record {
	char *name, *id;
	char *created, *updated; /* RFC 3339 */
	struct strvec labels;    /* "key=value" */
};
void secret_record_done(struct secret_record *r);
#define cleanup_secret_record __attribute__((cleanup(secret_record_done)))

/* Overwrites what was in memory, and frees it. For buffers that held a secret. */
void secret_buf_done(struct buf *b);
#define cleanup_secret_buf __attribute__((cleanup(secret_buf_done)))

/* Keeps `len` bytes under r->name, durably; fills the rest but the labels. `replace`: one of that name may be there: its ID stays, and so does the time of
 * its making. -EEXIST "secret name X already in use"; -EINVAL bad name, or no bytes or too many. */
int secret_create(const struct store *s, struct secret_record *r, const void *data, size_t len, bool replace,
		  struct err *e) MUST_CHECK;

/* By name, ID, or unique prefix of an ID. data: NULL, or what is appended to: its maximum is SECRET_DATA_MAX or more. -ENOENT 'no secret with name
 * or id "X": no such secret'; -EINVAL ambiguous; -EBADMSG damaged. */
int secret_find(const struct store *s, const char *what, struct secret_record *ret, struct buf *data,
		struct err *e) MUST_CHECK;

/* By name; damaged ones are left out. */
int secret_list(const struct store *s, struct secret_record **ret_items, size_t *ret_len,
		struct err *e) MUST_CHECK;
void secret_list_free(struct secret_record *items, size_t len);

/* By its name. Containers that have it cannot be started any more; those that run keep theirs. -ENOENT. */
int secret_remove(const struct store *s, const char *name, struct err *e) MUST_CHECK;

#endif
