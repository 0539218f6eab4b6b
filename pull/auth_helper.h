/* SPDX-License-Identifier: Apache-2.0 */
/* docker-credential-NAME: programs that keep credentials (docker-credential-helpers' protocol). For the parent process. */
#ifndef SAMPAN_PULL_AUTH_HELPER_H
#define SAMPAN_PULL_AUTH_HELPER_H

#include "common/err.h"
#include "pull/auth_file.h"

#define AUTH_HELPER_ANSWER_MAX 65536
#define AUTH_HELPER_TIMEOUT_MS 30000

/* Asks a helper. `ret` stays empty where it has nothing for `server`. -EINVAL a name that is no file name, -ENOENT no such program in $PATH,
 * -EPROTO it failed (with its own words), -ETIMEDOUT. */
int auth_helper_get(const char *name, const char *server, struct secret *ret, struct err *e) MUST_CHECK;

/* Errors as above. */
int auth_helper_store(const char *name, const char *server, const struct secret *s, struct err *e) MUST_CHECK;
int auth_helper_erase(const char *name, const char *server, struct err *e) MUST_CHECK;

#endif
