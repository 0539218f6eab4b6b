/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/sigstore.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_read.h"
#include "common/json_stream.h"
#include "common/json_write.h"
#include "pull/cosign_key.h"

#define SIGNATURE_TYPE "cosign container image signature"
#define RSA_BITS_MIN   2048

/* --- payloads ---------------------------------------------------------------------------------------- */

struct identity_text {
	char *reference;
};
struct image_text {
	struct digest digest;
};
struct critical_text {
	struct identity_text identity;
	struct image_text image;
	char *type;
};
struct payload_text {
	struct critical_text critical;
};

static const struct json_field IDENTITY[] = {
	{ "docker-reference", offsetof(struct identity_text, reference), json_read_string, .required = true },
	{ 0 },
};
static const struct json_field IMAGE[] = {
	{ "docker-manifest-digest", offsetof(struct image_text, digest), json_read_digest, .required = true },
	{ 0 },
};
static const struct json_field CRITICAL[] = {
	{ "identity", offsetof(struct critical_text, identity), json_read_object, IDENTITY,
	  .required = true },
	{ "image", offsetof(struct critical_text, image), json_read_object, IMAGE, .required = true },
	{ "type", offsetof(struct critical_text, type), json_read_string, .required = true },
	{ 0 },
};
static const struct json_field PAYLOAD[] = {
	{ "critical", offsetof(struct payload_text, critical), json_read_object, CRITICAL, .required = true },
	{ 0 },
};

void sigstore_tag(const struct digest *subject, char ret[DIGEST_TEXT_MAX + sizeof(".sig")])
{
	(void)snprintf(ret, DIGEST_TEXT_MAX + sizeof(".sig"), "%s-%s.sig", digest_algorithm(subject),
		       digest_hex(subject));
}

void sigstore_payload_done(struct sigstore_payload *p)
{
	free(p->name);
	*p = (struct sigstore_payload){ 0 };
}

int sigstore_payload_decode(const char *text, size_t len, struct sigstore_payload *ret, struct err *e)
{
	const struct json_limits limits = { .max_bytes = SIGSTORE_PAYLOAD_MAX,
					    .max_depth = 16,
					    .max_values = 1024 };
	struct payload_text t = { 0 };
	int r = json_guard_check(text, len, &limits, e);

	if (r == 0)
		r = json_decode(text, len, PAYLOAD, &t, e);
	if (r == 0 && strcmp(t.critical.type, SIGNATURE_TYPE) != 0)
		r = err_set(e, -EINVAL, "critical.type: expected '%s'", SIGNATURE_TYPE);
	free(t.critical.type);
	if (r < 0) {
		free(t.critical.identity.reference);
		return r;
	}
	*ret = (struct sigstore_payload){ .digest = t.critical.image.digest,
					  .name = t.critical.identity.reference };
	return 0;
}

int sigstore_payload_encode(const struct sigstore_payload *p, struct buf *out, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, SIGSTORE_PAYLOAD_MAX);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_object(o, "critical");
	json_out_object(o, "identity");
	json_out_string(o, "docker-reference", p->name);
	json_out_end(o);
	json_out_object(o, "image");
	json_out_string(o, "docker-manifest-digest", p->digest.text);
	json_out_end(o);
	json_out_string(o, "type", SIGNATURE_TYPE);
	json_out_end(o);
	json_out_null(o, "optional");
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	return r < 0 ? r : buf_add(out, text, len);
}

/* --- keys -------------------------------------------------------------------------------------------- */

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}
#define cleanup_key __attribute__((cleanup(free_key)))

static void free_context(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}
#define cleanup_context __attribute__((cleanup(free_context)))

/* For PEM's own encryption. `arg` is the passphrase, or NULL: then one that is asked for is one that nobody gives. */
static int give_passphrase(char *buf, int size, int for_writing, void *arg)
{
	size_t len = arg ? strlen(arg) : 0;

	(void)for_writing; /* we only read */
	if (!arg || size < 0 || len > (size_t)size)
		return -1;
	for (size_t i = 0; i < len; i++)
		buf[i] = ((const char *)arg)[i];
	return (int)len;
}

static int check_kind(const EVP_PKEY *key, struct err *e)
{
	char curve[64] = "";

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_ED25519:
		return 0;
	case EVP_PKEY_EC:
		(void)EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL); /* "" is no P-256 */
		if (strcmp(curve, SN_X9_62_prime256v1) == 0)
			return 0;
		break;
	case EVP_PKEY_RSA:
		if (EVP_PKEY_get_bits(key) >= RSA_BITS_MIN)
			return 0;
		break;
	default:
		break;
	}
	return err_set(e, -EOPNOTSUPP, "the key is none of ECDSA P-256, Ed25519 and RSA of %d bits",
		       RSA_BITS_MIN);
}

static int check_key(EVP_PKEY *key, EVP_PKEY **ret, struct err *e)
{
	int r = check_kind(key, e);

	if (r == 0)
		*ret = key;
	else
		EVP_PKEY_free(key);
	return r;
}

static int read_public_key(const char *pem, EVP_PKEY **ret, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key;

	if (!bio)
		return err_code(e, -ENOMEM, "cannot read a key");
	key = PEM_read_bio_PUBKEY(bio, NULL, give_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return key ? check_key(key, ret, e) : err_set(e, -EINVAL, "there is no public key in PEM");
}

bool sigstore_key_is_encrypted(const char *pem)
{
	return strstr(pem, "ENCRYPTED") != NULL;
}

static int read_private_key(const char *pem, const char *passphrase, EVP_PKEY **ret, struct err *e)
{
	EVP_PKEY *key = NULL;
	BIO *bio;
	int r;

	if (sigstore_key_is_encrypted(pem) && !passphrase)
		return err_set(e, -EACCES, "the key is encrypted, and there is no passphrase for it");
	if (cosign_key_is_one(pem)) {
		r = cosign_key_open(pem, passphrase, &key, e);
		return r < 0 ? r : check_key(key, ret, e);
	}
	bio = BIO_new_mem_buf(pem, -1);
	if (!bio)
		return err_code(e, -ENOMEM, "cannot read a key");
	key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, (void *)(uintptr_t)passphrase);
	BIO_free(bio);
	ERR_clear_error();
	if (!key && sigstore_key_is_encrypted(pem))
		return err_set(e, -EACCES,
			       "the key cannot be decrypted (another passphrase, or it is damaged)");
	return key ? check_key(key, ret, e) : err_set(e, -EINVAL, "there is no private key in PEM");
}

static const EVP_MD *hash_of(const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

/* --- signatures -------------------------------------------------------------------------------------- */

int sigstore_base64_decode(const char *text, size_t max, unsigned char *out, size_t *ret_len)
{
	size_t len = strlen(text), padding = 0;

	if (len == 0 || len % 4 != 0 || len > max)
		return -EINVAL;
	while (padding < 2 && text[len - 1 - padding] == '=')
		padding++;
	if (strcspn(text, "=") != len - padding ||
	    EVP_DecodeBlock(out, (const unsigned char *)text, (int)len) != (int)(len / 4 * 3))
		return -EINVAL;
	*ret_len = len / 4 * 3 - padding;
	return 0;
}

/* 1: this key has made it; 0: it has not. */
static int verify_one(EVP_PKEY *key, const void *payload, size_t len, const unsigned char *signature,
		      size_t signature_len, struct err *e)
{
	cleanup_context EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r;

	if (!ctx || EVP_DigestVerifyInit(ctx, NULL, hash_of(key), NULL, key) != 1)
		return err_set(e, -ENOMEM, "cannot check a signature: OpenSSL refused");
	r = EVP_DigestVerify(ctx, signature, signature_len, payload, len);
	ERR_clear_error(); /* a signature that is no DER is as bad as one that is false */
	return r == 1;
}

int sigstore_verify(const struct strvec *keys, const void *payload, size_t len, const char *signature,
		    struct err *e)
{
	unsigned char raw[SIGSTORE_SIGNATURE_MAX];
	size_t raw_len = 0;
	int r;

	if (sigstore_base64_decode(signature, SIGSTORE_SIGNATURE_MAX, raw, &raw_len) < 0)
		return err_set(e, -EACCES, "it is no base64");
	for (size_t i = 0; i < keys->len; i++) {
		cleanup_key EVP_PKEY *key = NULL;

		r = read_public_key(keys->items[i], &key, e);
		if (r < 0)
			return keys->len > 1 ? err_wrap(e, "key %zu", i + 1) : r;
		r = verify_one(key, payload, len, raw, raw_len, e);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return err_set(e, -EACCES, "it was not made with %s", keys->len == 1 ? "the key" : "one of the keys");
}

int sigstore_sign(const char *pem, const char *passphrase, const void *payload, size_t len, char **ret,
		  struct err *e)
{
	cleanup_key EVP_PKEY *key = NULL;
	cleanup_context EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char raw[SIGSTORE_SIGNATURE_MAX / 4 * 3];
	size_t raw_len = sizeof(raw);
	char *text;
	int r = read_private_key(pem, passphrase, &key, e);

	if (r < 0)
		return r;
	if (!ctx || EVP_DigestSignInit(ctx, NULL, hash_of(key), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, raw, &raw_len, payload, len) != 1)
		return err_set(e, -EIO, "cannot sign: OpenSSL failed");
	text = malloc(4 * ((raw_len + 2) / 3) + 1);
	if (!text)
		return err_code(e, -ENOMEM, "cannot keep a signature");
	(void)EVP_EncodeBlock((unsigned char *)text, raw, (int)raw_len); /* cannot fail */
	*ret = text;
	return 0;
}
