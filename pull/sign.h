/* SPDX-License-Identifier: Apache-2.0 */
/* Signing what a name in a registry stands for, as cosign does. */
#ifndef SAMPAN_PULL_SIGN_H
#define SAMPAN_PULL_SIGN_H

#include <stdbool.h>

#include "common/digest.h"
#include "common/err.h"

struct sign_options {
	const char *
		key_file; /* a private key in PEM; read when there is a worker already, who must not see it */
	/* Asked for what decrypts the key, if it is encrypted; *ret is owned, and wiped. NULL: there is nothing. */
	int (*passphrase)(void *arg, char **ret, struct err *e);
	void *passphrase_arg;
	bool tls_verify;
	const char *auth_file; /* NULL: where auth_find looks */
};

/* Signs the manifest or index that `text` names now, for its repository, and puts the signature beside those that are there, under the tag
 * sha256-<hex>.sig. *ret: its digest. -EACCES the registry refuses, -ENOENT no such image, and what pull_image and sigstore_sign
 * fail with. */
int sign_image(const char *text, const struct sign_options *options, struct digest *ret,
	       struct err *e) MUST_CHECK;

#endif
