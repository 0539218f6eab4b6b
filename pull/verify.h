/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a name in a registry stands for is signed. */
#ifndef SAMPAN_PULL_VERIFY_H
#define SAMPAN_PULL_VERIFY_H

#include <stdbool.h>

#include "common/digest.h"
#include "common/err.h"

struct verify_options {
	const char *key; /* PEM of a public key */
	bool tls_verify;
	const char *auth_file; /* NULL: where auth_find looks */
};

struct verify_result {
	struct digest digest; /* of the manifest or index that the name stands for */
	char *name;           /* the one in the signature */
};
void verify_result_done(struct verify_result *r);
#define cleanup_verify_result __attribute__((cleanup(verify_result_done)))

/* Finds a signature of `text` ("quay.io/team/app:1") for its repository, made with the key. -EACCES there is none, -ENOENT no such image, and
 * what pull_image and sigstore_verify fail with. */
int verify_image(const char *text, const struct verify_options *options, struct verify_result *ret,
		 struct err *e) MUST_CHECK;

#endif
