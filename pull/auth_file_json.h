/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of auth.json and config.json: read, and written back with all in it that is not ours. */
#ifndef SAMPAN_PULL_AUTH_FILE_JSON_H
#define SAMPAN_PULL_AUTH_FILE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/json_read.h"
#include "pull/auth_file.h"

struct auth_document {
	struct json_doc *json;
};
void auth_document_done(struct auth_document *d);
#define cleanup_auth_document __attribute__((cleanup(auth_document_done)))

/* -ENOENT, -EINVAL malformed, -EFBIG; open(2). Errors of a file name it. */
int auth_document_read(const char *file, struct auth_document *ret, struct err *e) MUST_CHECK;
int auth_document_parse(const char *text, size_t len, struct auth_document *ret, struct err *e) MUST_CHECK;

/* One member of "auths"; empty where there is none. */
struct auth_entry {
	char *auth, *identity_token;
};
void auth_entry_done(struct auth_entry *entry); /* wipes */

int auth_document_entry(const struct auth_document *d, const char *key, struct auth_entry *ret,
			struct err *e) MUST_CHECK;
bool auth_document_has_any(const struct auth_document *d);

/* The helper that credHelpers has for a key, and the one in credsStore; owned, NULL: none. */
int auth_document_helper(const struct auth_document *d, const char *key, char **ret,
			 struct err *e) MUST_CHECK;
int auth_document_store(const struct auth_document *d, char **ret, struct err *e) MUST_CHECK;

/* Writes the document to `file` without what it has for `key` (NULL: for any key), and with `s` under it unless that is NULL. */
int auth_document_write(const struct auth_document *d, const char *file, const char *key,
			const struct secret *s, struct err *e) MUST_CHECK;

#endif
