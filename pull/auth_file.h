/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials that users have on disk: containers-auth.json(5), docker's config.json, and the credential helpers that both name.
 * For the parent process: what it finds for one registry is all that a worker of that registry gets. */
#ifndef SAMPAN_PULL_AUTH_FILE_H
#define SAMPAN_PULL_AUTH_FILE_H

#include <stdbool.h>

#include "common/err.h"
#include "pull/auth.h"

#define AUTH_FILE_MAX  (1u << 20) /* bytes */
#define AUTH_KEY_MAX   1024
#define AUTH_DEPTH_MAX 16

/* Secrets of one user, owned; all NULL: there are none. */
struct secret {
	char *user;
	char *password;
	char *identity_token;
};
void secret_done(struct secret *s); /* wipes them too */
#define cleanup_secret __attribute__((cleanup(secret_done)))

bool secret_is_set(const struct secret *s);
struct credentials secret_borrow(const struct secret *s);

/* "quay.io", "localhost:5000/team" from what a person or docker's config.json calls a registry: "https://quay.io/v1/",
 * "index.docker.io". Owned; NULL: out of memory. */
char *auth_key(const char *text) MUST_CHECK;

/* The file that login and logout change: `given`, else $REGISTRY_AUTH_FILE, else containers/auth.json in $XDG_RUNTIME_DIR or, where there is
 * none, in /run/containers/UID. Owned; NULL: out of memory. */
char *auth_file_path(const char *given) MUST_CHECK;

/* What there is for domain/path ("quay.io", "team/app"; path may be NULL), most specific key first: in `given`, else in $REGISTRY_AUTH_FILE, else
 * in the first of auth.json's places and docker's config.json that has it. In each file credHelpers come before auths, and those before
 * credsStore. `ret` stays empty where there is nothing. -EINVAL a malformed file, -ENOENT `given` is not there, -EPROTO a helper failed. */
int auth_find(const char *given, const char *domain, const char *path, struct secret *ret,
	      struct err *e) MUST_CHECK;

/* The same in one file alone. */
int auth_file_find(const char *file, const char *domain, const char *path, struct secret *ret,
		   struct err *e) MUST_CHECK;

/* Puts `s` under `key` in a file (made 0600, in directories made 0700, where absent; the rest of it stays), or into the helper that the file
 * has for the key. */
int auth_file_set(const char *file, const char *key, const struct secret *s, struct err *e) MUST_CHECK;

/* Takes `key` out, or all keys (NULL). *ret_removed: there was something. */
int auth_file_remove(const char *file, const char *key, bool *ret_removed, struct err *e) MUST_CHECK;

#endif
