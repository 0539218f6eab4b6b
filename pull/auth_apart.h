/* SPDX-License-Identifier: Apache-2.0 */
/* auth_find in a process of its own: the secrets of other registries in the same files never reach the memory that workers inherit. */
#ifndef SAMPAN_PULL_AUTH_APART_H
#define SAMPAN_PULL_AUTH_APART_H

#include "common/err.h"
#include "pull/auth_file.h"

/* As auth_find. To be called without threads. -EPROTO the process died. */
int auth_find_apart(const char *given, const char *domain, const char *path, struct secret *ret,
		    struct err *e) MUST_CHECK;

#endif
