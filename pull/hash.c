/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/hash.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

int hash_init(struct hash *h, const char *algorithm, struct err *e)
{
	const EVP_MD *md;
	EVP_MD_CTX *ctx;

	if (strcmp(algorithm, "sha256") == 0)
		md = EVP_sha256();
	else if (strcmp(algorithm, "sha512") == 0)
		md = EVP_sha512();
	else
		return err_set(e, -EOPNOTSUPP, "digest algorithm '%s' is not supported", algorithm);
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return err_set(e, -ENOMEM, "cannot start a %s: out of memory", algorithm);
	if (EVP_DigestInit_ex(ctx, md, NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		return err_set(e, -ENOMEM, "cannot start a %s: OpenSSL refused", algorithm);
	}
	h->ctx = ctx;
	(void)snprintf(h->algorithm, sizeof(h->algorithm), "%s", algorithm); /* fits: one of the two */
	return 0;
}

int hash_update(struct hash *h, const void *data, size_t len, struct err *e)
{
	if (EVP_DigestUpdate(h->ctx, data, len) != 1)
		return err_set(e, -EIO, "cannot compute a %s: OpenSSL failed", h->algorithm);
	return 0;
}

int hash_final(struct hash *h, struct digest *ret, struct err *e)
{
	static const char HEX[] = "0123456789abcdef";
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	char *out;

	if (EVP_DigestFinal_ex(h->ctx, raw, &len) != 1)
		return err_set(e, -EIO, "cannot compute a %s: OpenSSL failed", h->algorithm);
	out = ret->text + snprintf(ret->text, sizeof(ret->text), "%s:", h->algorithm);
	for (unsigned int i = 0; i < len; i++) {
		*out++ = HEX[raw[i] >> 4];
		*out++ = HEX[raw[i] & 15];
	}
	*out = '\0';
	return 0;
}

void hash_done(struct hash *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

int hash_bytes(const char *algorithm, const void *data, size_t len, struct digest *ret, struct err *e)
{
	cleanup_hash struct hash h = { 0 };
	int r = hash_init(&h, algorithm, e);

	if (r == 0)
		r = hash_update(&h, data, len, e);
	if (r == 0)
		r = hash_final(&h, ret, e);
	return r;
}
