/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/cosign_key.h"

#include <dlfcn.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_read.h"
#include "common/json_stream.h"
#include "pull/sigstore.h"

#define BASE64_MAX  16384 /* of any of its parts */
#define SALT_MAX    64
#define KEY_BYTES   32 /* crypto_secretbox(3) */
#define NONCE_BYTES 24
#define MAC_BYTES   16
#define SODIUM      "libsodium.so.23"

/* --- the document ---------------------------------------------------------------------------------------------- */

struct scrypt_params {
	uint64_t n, r, p;
};
struct kdf {
	char *name, *salt;
	struct scrypt_params params;
};
struct cipher {
	char *name, *nonce;
};
struct key_document {
	struct kdf kdf;
	struct cipher cipher;
	char *ciphertext;
};

static void key_document_done(struct key_document *d)
{
	free(d->kdf.name);
	free(d->kdf.salt);
	free(d->cipher.name);
	free(d->cipher.nonce);
	free(d->ciphertext);
}
#define cleanup_key_document __attribute__((cleanup(key_document_done)))

static const struct json_field PARAMS[] = {
	{ "N", offsetof(struct scrypt_params, n), json_read_u64, .required = true },
	{ "r", offsetof(struct scrypt_params, r), json_read_u64, .required = true },
	{ "p", offsetof(struct scrypt_params, p), json_read_u64, .required = true },
	{ 0 },
};
static const struct json_field KDF[] = {
	{ "name", offsetof(struct kdf, name), json_read_string, .required = true },
	{ "params", offsetof(struct kdf, params), json_read_object, PARAMS, .required = true },
	{ "salt", offsetof(struct kdf, salt), json_read_string, .required = true },
	{ 0 },
};
static const struct json_field CIPHER[] = {
	{ "name", offsetof(struct cipher, name), json_read_string, .required = true },
	{ "nonce", offsetof(struct cipher, nonce), json_read_string, .required = true },
	{ 0 },
};
static const struct json_field DOCUMENT[] = {
	{ "kdf", offsetof(struct key_document, kdf), json_read_object, KDF, .required = true },
	{ "cipher", offsetof(struct key_document, cipher), json_read_object, CIPHER, .required = true },
	{ "ciphertext", offsetof(struct key_document, ciphertext), json_read_string, .required = true },
	{ 0 },
};

bool cosign_key_is_one(const char *pem)
{
	return strstr(pem, "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----") ||
	       strstr(pem, "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----");
}

static bool is_word(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

static int decode(const char *text, size_t len, struct key_document *ret, struct err *e)
{
	const struct json_limits limits = { .max_bytes = SIGSTORE_KEY_MAX, .max_depth = 8, .max_values = 64 };
	int r = json_guard_check(text, len, &limits, e);

	if (r == 0)
		r = json_decode(text, len, DOCUMENT, ret, e);
	if (r < 0)
		return r;
	if (!is_word(ret->kdf.name, "scrypt") || !is_word(ret->cipher.name, "nacl/secretbox"))
		return err_set(e, -EOPNOTSUPP,
			       "it is encrypted otherwise than with scrypt and nacl/secretbox");
	return 0;
}

static int read_document(const char *pem, struct key_document *ret, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long len = 0;
	int r;

	if (!bio)
		return err_code(e, -ENOMEM, "cannot read a key");
	if (PEM_read_bio(bio, &name, &header, &data, &len) == 1)
		r = decode((const char *)data, (size_t)len, ret, e);
	else
		r = err_set(e, -EINVAL, "it is no PEM");
	BIO_free(bio);
	ERR_clear_error();
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	return r;
}

/* --- decryption ------------------------------------------------------------------------------------------------ */

typedef int init_fn(void);
typedef int open_fn(unsigned char *out, const unsigned char *in, unsigned long long len,
		    const unsigned char *nonce, const unsigned char *key);

/* Stays open: it is asked once. */
static int find_secretbox(open_fn **ret, struct err *e)
{
	void *library = dlopen(SODIUM, RTLD_NOW | RTLD_LOCAL);
	init_fn *init = NULL;

	if (library) {
		*(void **)&init = dlsym(library, "sodium_init");
		*(void **)ret = dlsym(library, "crypto_secretbox_open_easy");
	}
	if (!init || !*ret || init() < 0)
		return err_set(e, -EOPNOTSUPP,
			       "to decrypt it takes " SODIUM
			       ", which is not there (on Debian: apt-get install "
			       "libsodium23)");
	return 0;
}

static int derive(const struct kdf *k, const char *passphrase, unsigned char out[KEY_BYTES], struct err *e)
{
	unsigned char salt[BASE64_MAX / 4 * 3];
	const struct scrypt_params *p = &k->params;
	size_t salt_len = 0;

	if (sigstore_base64_decode(k->salt, BASE64_MAX, salt, &salt_len) < 0 || salt_len > SALT_MAX)
		return err_set(e, -EINVAL, "kdf.salt: expected base64 of up to %d bytes", SALT_MAX);
	if (p->n < 2 || p->n > UINT32_MAX || p->r < 1 || p->r > 1024 || p->p < 1 || p->p > 16 ||
	    128 * p->n * p->r > COSIGN_SCRYPT_MEMORY_MAX)
		return err_set(e, -EFBIG, "kdf.params: it asks for more memory or time than %llu MiB",
			       (unsigned long long)(COSIGN_SCRYPT_MEMORY_MAX >> 20));
	if (EVP_PBE_scrypt(passphrase, strlen(passphrase), salt, salt_len, p->n, p->r, p->p,
			   2 * COSIGN_SCRYPT_MEMORY_MAX, out, KEY_BYTES) == 1)
		return 0;
	ERR_clear_error();
	return err_set(e, -EINVAL, "kdf.params: scrypt does not take them");
}

static int decrypt(const struct key_document *d, const char *passphrase, unsigned char *out, size_t *ret_len,
		   struct err *e)
{
	unsigned char nonce[BASE64_MAX / 4 * 3], box[BASE64_MAX / 4 * 3], key[KEY_BYTES];
	size_t nonce_len = 0, len = 0;
	open_fn *open_box = NULL;
	int r;

	if (sigstore_base64_decode(d->cipher.nonce, BASE64_MAX, nonce, &nonce_len) < 0 ||
	    nonce_len != NONCE_BYTES)
		return err_set(e, -EINVAL, "cipher.nonce: expected base64 of %d bytes", NONCE_BYTES);
	if (sigstore_base64_decode(d->ciphertext, BASE64_MAX, box, &len) < 0 || len <= MAC_BYTES)
		return err_set(e, -EINVAL, "ciphertext: expected base64");
	r = find_secretbox(&open_box, e);
	if (r == 0)
		r = derive(&d->kdf, passphrase, key, e);
	if (r < 0)
		return r;
	r = open_box(out, box, len, nonce, key);
	explicit_bzero(key, sizeof(key));
	if (r != 0)
		return err_set(e, -EACCES, "it cannot be decrypted (another passphrase, or it is damaged)");
	*ret_len = len - MAC_BYTES;
	return 0;
}

static int read_pkcs8(const unsigned char *der, size_t len, EVP_PKEY **ret, struct err *e)
{
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, (long)len);

	ERR_clear_error();
	if (!key)
		return err_set(e, -EINVAL, "what it holds is no private key");
	*ret = key;
	return 0;
}

int cosign_key_open(const char *pem, const char *passphrase, struct evp_pkey_st **ret, struct err *e)
{
	cleanup_key_document struct key_document d = { 0 };
	unsigned char der[BASE64_MAX / 4 * 3];
	size_t len = 0;
	int r = read_document(pem, &d, e);

	if (r == 0)
		r = decrypt(&d, passphrase, der, &len, e);
	if (r == 0)
		r = read_pkcs8(der, len, ret, e);
	explicit_bzero(der, sizeof(der));
	return r < 0 ? err_wrap(e, "the encrypted key") : 0;
}
