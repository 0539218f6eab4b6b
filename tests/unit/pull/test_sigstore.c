/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/sigstore.h"

/* Made for this test, by openssl genpkey; they open nothing. */
static const char EC_KEY[] = "-----BEGIN PRIVATE KEY-----\n"
			     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghBrORh+p2lGz0Qu7\n"
			     "5pp+yS8JTIx0p0bgU2PamaG/9XihRANCAATUKUUFsnReEaFQrVw4pMBD6WRWrmOc\n"
			     "oZJ2ut0witNfevKlyIJkuvRFzV/sPKAPHJxTi95NhCAlGrMLQmDECrw6\n"
			     "-----END PRIVATE KEY-----\n";
static const char EC_PUBLIC[] = "-----BEGIN PUBLIC KEY-----\n"
				"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1ClFBbJ0XhGhUK1cOKTAQ+lkVq5j\n"
				"nKGSdrrdMIrTX3rypciCZLr0Rc1f7DygDxycU4veTYQgJRqzC0JgxAq8Og==\n"
				"-----END PUBLIC KEY-----\n";
static const char ED_KEY[] = "-----BEGIN PRIVATE KEY-----\n"
			     "MC4CAQAwBQYDK2VwBCIEIBnq14lBVvLmPfLTaYj5LbEejG4rv8jXwN+UW9pA3C73\n"
			     "-----END PRIVATE KEY-----\n";
static const char ED_PUBLIC[] = "-----BEGIN PUBLIC KEY-----\n"
				"MCowBQYDK2VwAyEAsQCDlOVH3Azs/Eum+/l0U1FqaMa6Dr5k//EfCScJkUw=\n"
				"-----END PUBLIC KEY-----\n";
static const char P384_KEY[] = "-----BEGIN PRIVATE KEY-----\n"
			       "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDB3cfJGZImjbNdcsJ2D\n"
			       "gR8cOxHGkBNpzWSQ9Cf5n2SRyMzvXcshFaVdeLNW2Ie4DjKhZANiAATd2/I5URN/\n"
			       "iPIGnr8PlkSJm3qBF6RtmDbaJ8DzVhAxji7QkdZAweXQAGLY28J0kTXBZBqXaZIj\n"
			       "btyge3cLyHkX9LcTxpWhaN/i6Ox6KADCqQ8A4ZqapAoLRY8daf0vdjM=\n"
			       "-----END PRIVATE KEY-----\n";

#define DIGEST "sha256:1111111111111111111111111111111111111111111111111111111111111111"

static void payloads_are_cosigns_byte_for_byte_and_read_again(void **state)
{
	struct sigstore_payload p = { .digest = { DIGEST } };
	cleanup_sigstore_payload struct sigstore_payload again = { 0 };
	cleanup_buf struct buf text = BUF_INIT(1024);
	char name[] = "x.io/a";
	struct err e = { 0 };

	(void)state;
	p.name = name;
	assert_int_equal(sigstore_payload_encode(&p, &text, &e), 0);
	assert_string_equal(text.data, "{\"critical\":{\"identity\":{\"docker-reference\":\"x.io/a\"},"
				       "\"image\":{\"docker-manifest-digest\":\"" DIGEST "\"},"
				       "\"type\":\"cosign container image signature\"},\"optional\":null}");
	assert_int_equal(sigstore_payload_decode(text.data, text.len, &again, &e), 0);
	assert_string_equal(again.name, "x.io/a");
	assert_string_equal(again.digest.text, DIGEST);
}

static void payloads_that_lack_something_are_refused(void **state)
{
	static const char *const TEXTS[] = {
		"",
		"{}",
		"[]",
		"{\"critical\":{}}",
		"{\"critical\":{\"identity\":{\"docker-reference\":\"a\"},\"image\":{},"
		"\"type\":\"cosign container image signature\"}}",
		"{\"critical\":{\"identity\":{\"docker-reference\":\"a\"},"
		"\"image\":{\"docker-manifest-digest\":\"" DIGEST
		"\"},\"type\":\"atomic container signature\"}}",
		"{\"critical\":{\"identity\":{\"docker-reference\":\"a\"},"
		"\"image\":{\"docker-manifest-digest\":\"" DIGEST
		"\"},\"type\":\"cosign container image signature\"},"
		"\"critical\":1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_sigstore_payload struct sigstore_payload p = { 0 };
		struct err e = { 0 };

		assert_int_equal(sigstore_payload_decode(TEXTS[i], strlen(TEXTS[i]), &p, &e), -EINVAL);
		assert_null(p.name);
	}
}

static int verify(const char *first, const char *second, const char *payload, const char *signature,
		  struct err *e)
{
	cleanup_strvec struct strvec keys = { 0 };

	assert_int_equal(strvec_add(&keys, first), 0);
	if (second)
		assert_int_equal(strvec_add(&keys, second), 0);
	return sigstore_verify(&keys, payload, strlen(payload), signature, e);
}

static void what_a_key_has_signed_its_public_half_verifies_and_nothing_else(void **state)
{
	static const struct {
		const char *key, *public, *other;
	} CASES[] = { { EC_KEY, EC_PUBLIC, ED_PUBLIC }, { ED_KEY, ED_PUBLIC, EC_PUBLIC } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_free char *signature = NULL;
		struct err e = { 0 };

		assert_int_equal(sigstore_sign(CASES[i].key, NULL, "payload", 7, &signature, &e), 0);
		assert_int_equal(verify(CASES[i].public, NULL, "payload", signature, &e), 0);
		assert_int_equal(verify(CASES[i].other, CASES[i].public, "payload", signature, &e), 0);
		assert_int_equal(verify(CASES[i].public, NULL, "payloaD", signature, &e), -EACCES);
		assert_string_equal(e.text, "it was not made with the key");
		assert_int_equal(verify(CASES[i].other, CASES[i].other, "payload", signature, &e), -EACCES);
		assert_string_equal(e.text, "it was not made with one of the keys");
		signature[10] = signature[10] == 'A' ? 'B' : 'A';
		assert_int_equal(verify(CASES[i].public, NULL, "payload", signature, &e), -EACCES);
	}
}

static void signatures_that_are_no_base64_are_refused(void **state)
{
	static const char *const TEXTS[] = { "", "A", "AAA", "A===", "AA=A", "====", "AAA%", "AAAA\nAAAA" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		struct err e = { 0 };

		assert_int_equal(verify(EC_PUBLIC, NULL, "payload", TEXTS[i], &e), -EACCES);
		assert_string_equal(e.text, "it is no base64");
	}
}

static void keys_of_other_kinds_are_refused(void **state)
{
	char *signature = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(sigstore_sign(P384_KEY, NULL, "x", 1, &signature, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "the key is none of ECDSA P-256, Ed25519 and RSA of 2048 bits");
	assert_int_equal(sigstore_sign(EC_PUBLIC, NULL, "x", 1, &signature, &e), -EINVAL);
	assert_string_equal(e.text, "there is no private key in PEM");
	assert_int_equal(verify(EC_KEY, NULL, "x", "AAAA", &e), -EINVAL);
	assert_string_equal(e.text, "there is no public key in PEM");
	assert_int_equal(verify(EC_PUBLIC, "junk", "x", "AAAA", &e), -EINVAL);
	assert_string_equal(e.text, "key 2: there is no public key in PEM");
	assert_null(signature);
}

static void the_tag_of_signatures_is_cosigns(void **state)
{
	const struct digest d = { DIGEST };
	char tag[DIGEST_TEXT_MAX + sizeof(".sig")];

	(void)state;
	sigstore_tag(&d, tag);
	assert_string_equal(tag,
			    "sha256-1111111111111111111111111111111111111111111111111111111111111111.sig");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payloads_are_cosigns_byte_for_byte_and_read_again),
		cmocka_unit_test(payloads_that_lack_something_are_refused),
		cmocka_unit_test(what_a_key_has_signed_its_public_half_verifies_and_nothing_else),
		cmocka_unit_test(signatures_that_are_no_base64_are_refused),
		cmocka_unit_test(keys_of_other_kinds_are_refused),
		cmocka_unit_test(the_tag_of_signatures_is_cosigns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
