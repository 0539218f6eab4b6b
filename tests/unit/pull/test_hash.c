/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "pull/hash.h"

/* FIPS 180-4's examples. */
#define SHA256_ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA256_NIL "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA512_ABC                                                                \
	"sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void known_bytes_have_their_known_digests(void **state)
{
	struct digest d;
	struct err e;

	(void)state;
	assert_int_equal(hash_bytes("sha256", "abc", 3, &d, &e), 0);
	assert_string_equal(d.text, SHA256_ABC);
	assert_int_equal(hash_bytes("sha256", "", 0, &d, &e), 0);
	assert_string_equal(d.text, SHA256_NIL);
	assert_int_equal(hash_bytes("sha512", "abc", 3, &d, &e), 0);
	assert_string_equal(d.text, SHA512_ABC);
}

static void a_digest_is_one_that_digest_parse_takes(void **state)
{
	struct digest d, parsed;
	struct err e;

	(void)state;
	assert_int_equal(hash_bytes("sha512", "abc", 3, &d, &e), 0);
	assert_int_equal(digest_parse(d.text, &parsed, &e), 0);
	assert_true(digest_equal(&d, &parsed));
}

static void pieces_have_the_digest_of_the_whole(void **state)
{
	struct hash h = { 0 };
	struct digest d;
	struct err e;

	(void)state;
	assert_int_equal(hash_init(&h, "sha256", &e), 0);
	assert_int_equal(hash_update(&h, "a", 1, &e), 0);
	assert_int_equal(hash_update(&h, "", 0, &e), 0);
	assert_int_equal(hash_update(&h, "bc", 2, &e), 0);
	assert_int_equal(hash_final(&h, &d, &e), 0);
	hash_done(&h);
	assert_string_equal(d.text, SHA256_ABC);
}

static void another_algorithm_is_refused_by_name(void **state)
{
	struct hash h = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(hash_init(&h, "md5", &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "digest algorithm 'md5' is not supported");
	assert_null(h.ctx);
	hash_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_bytes_have_their_known_digests),
		cmocka_unit_test(a_digest_is_one_that_digest_parse_takes),
		cmocka_unit_test(pieces_have_the_digest_of_the_whole),
		cmocka_unit_test(another_algorithm_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
