/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a registry takes what a user says is a password. */
#ifndef SAMPAN_PULL_LOGIN_H
#define SAMPAN_PULL_LOGIN_H

#include <stdbool.h>

#include "common/err.h"
#include "pull/auth_file.h"

/* Asks the registry of `key` ("quay.io", "quay.io/team"), in a worker. -EACCES it does not; pull/registry.h. */
int login_verify(const char *key, const struct secret *s, bool tls_verify, struct err *e) MUST_CHECK;

#endif
