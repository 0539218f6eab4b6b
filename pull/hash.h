/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SHA-512 over bytes as they pass, by OpenSSL. image-spec descriptor.md#registered-algorithms. */
#ifndef SAMPAN_PULL_HASH_H
#define SAMPAN_PULL_HASH_H

#include <stddef.h>

#include "common/digest.h"
#include "common/err.h"

struct hash {
	struct evp_md_ctx_st *ctx; /* OpenSSL's EVP_MD_CTX; NULL when empty */
	char algorithm[sizeof("sha256")];
};

/* Starts a hash; `algorithm` is "sha256" or "sha512", as digest_algorithm gives it. hash_done frees it.
 * -EOPNOTSUPP another algorithm, -ENOMEM. */
int hash_init(struct hash *h, const char *algorithm, struct err *e) MUST_CHECK;

/* The next `len` bytes. -EIO if OpenSSL fails. */
int hash_update(struct hash *h, const void *data, size_t len, struct err *e) MUST_CHECK;

/* The digest of all the bytes so far; only hash_done may follow. -EIO if OpenSSL fails. */
int hash_final(struct hash *h, struct digest *ret, struct err *e) MUST_CHECK;

/* Frees what a started hash holds; takes an empty one ({ 0 }) too. */
void hash_done(struct hash *h);
#define cleanup_hash __attribute__((cleanup(hash_done)))

/* All in one, for bytes in hand. Errors as above. */
int hash_bytes(const char *algorithm, const void *data, size_t len, struct digest *ret,
	       struct err *e) MUST_CHECK;

#endif
