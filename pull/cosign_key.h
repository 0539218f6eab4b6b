/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys as cosign and skopeo generate-sigstore-key keep them: PEM of a JSON document that holds a PKCS#8 key, encrypted by NaCl's secretbox with a key that scrypt
 * makes of a passphrase. libsodium is opened when such a key is. github.com/secure-systems-lab/go-securesystemslib encrypted. */
#ifndef SAMPAN_PULL_COSIGN_KEY_H
#define SAMPAN_PULL_COSIGN_KEY_H

#include <stdbool.h>

#include "common/err.h"

#define COSIGN_SCRYPT_MEMORY_MAX ((uint64_t)256 << 20) /* bytes that a key may ask for */

struct evp_pkey_st;

/* "ENCRYPTED COSIGN PRIVATE KEY", or "ENCRYPTED SIGSTORE PRIVATE KEY", which is the same. */
bool cosign_key_is_one(const char *pem);

/* *ret is owned (EVP_PKEY_free). -EACCES another passphrase, or damage; -EINVAL malformed; -EFBIG it asks for too much; -EOPNOTSUPP other algorithms, or there is no
 * libsodium. */
int cosign_key_open(const char *pem, const char *passphrase, struct evp_pkey_st **ret,
		    struct err *e) MUST_CHECK;

#endif
