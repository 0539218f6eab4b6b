/* SPDX-License-Identifier: Apache-2.0 */
/* cosign's signatures: a "simple signing" payload that names an image and its digest, and a signature over it. Pure but for OpenSSL: no I/O.
 * github.com/sigstore/cosign specs/SIGNATURE_SPEC.md. */
#ifndef SAMPAN_PULL_SIGSTORE_H
#define SAMPAN_PULL_SIGSTORE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"

#define SIGSTORE_PAYLOAD_TYPE   "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIGSTORE_ARTIFACT_TYPE  "application/vnd.dev.cosign.artifact.sig.v1+json"
#define SIGSTORE_SIGNATURE_KEY  "dev.cosignproject.cosign/signature"
#define SIGSTORE_PAYLOAD_MAX    65536 /* bytes */
#define SIGSTORE_SIGNATURE_MAX  2048  /* bytes, in base64 */
#define SIGSTORE_KEY_MAX        65536 /* bytes of a key file */
#define SIGSTORE_SIGNATURES_MAX 64    /* of one image */

/* The tag under which cosign puts the signatures of a manifest: "sha256-<hex>.sig". */
void sigstore_tag(const struct digest *subject, char ret[DIGEST_TEXT_MAX + sizeof(".sig")]);

struct sigstore_payload {
	struct digest digest; /* of the manifest or index that is signed */
	char *name;           /* critical.identity.docker-reference: "host/path", or with a tag */
};
void sigstore_payload_done(struct sigstore_payload *p);
#define cleanup_sigstore_payload __attribute__((cleanup(sigstore_payload_done)))

/* -EINVAL malformed, or of another type; -EFBIG. */
int sigstore_payload_decode(const char *text, size_t len, struct sigstore_payload *ret,
			    struct err *e) MUST_CHECK;

/* Appends a payload for an image. */
int sigstore_payload_encode(const struct sigstore_payload *p, struct buf *out, struct err *e) MUST_CHECK;

/* Checks a signature (base64) over `payload` with one of the public keys (PEM: ECDSA P-256, Ed25519, or RSA of at least 2048 bits; SHA-256
 * except for Ed25519). -EACCES none of them has made it; -EINVAL a key is malformed; -EOPNOTSUPP a key of another kind. */
int sigstore_verify(const struct strvec *keys, const void *payload, size_t len, const char *signature,
		    struct err *e) MUST_CHECK;

/* Signs with a private key (PEM: PKCS#8, SEC1, or as cosign encrypts it). `passphrase` is what decrypts it, and may be NULL where sigstore_key_is_encrypted
 * says no. *ret: base64, owned. -EINVAL malformed, -EACCES another passphrase, -EOPNOTSUPP a key of another kind. */
int sigstore_sign(const char *key, const char *passphrase, const void *payload, size_t len, char **ret,
		  struct err *e) MUST_CHECK;

/* Whether a private key needs a passphrase. */
bool sigstore_key_is_encrypted(const char *pem);

/* Base64, strict: whole groups, padding at the end alone. `out` holds max / 4 * 3 bytes. -EINVAL it is none, is empty, or has more than `max` characters. */
int sigstore_base64_decode(const char *text, size_t max, unsigned char *out, size_t *ret_len) MUST_CHECK;

#endif
