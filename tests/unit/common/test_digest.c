/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void registered_algorithms_are_accepted(void **state)
{
	struct digest d = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_false(digest_is_set(&d));
	assert_int_equal(digest_parse("sha256:" HEX64, &d, &e), 0);
	assert_string_equal(d.text, "sha256:" HEX64);
	assert_string_equal(digest_hex(&d), HEX64);
	assert_ptr_equal(digest_hex(&d), d.text + strlen("sha256:"));
	assert_string_equal(digest_algorithm(&d), "sha256");
	assert_true(digest_is_set(&d));
	assert_int_equal(digest_parse("sha512:" HEX64 HEX64, &d, &e), 0);
	assert_string_equal(d.text, "sha512:" HEX64 HEX64);
	assert_int_equal(strlen(d.text), DIGEST_TEXT_MAX);
	assert_string_equal(digest_algorithm(&d), "sha512");
}

static void malformed_digests_are_refused(void **state)
{
	static const char *const BAD[] = {
		"",
		":",
		"sha256",
		"sha256:",
		":" HEX64,
		HEX64,
		"sha256:0123456789abcdef",
		"sha256:" HEX64 "0",
		"sha256:" HEX64 HEX64,
		"sha512:" HEX64,
		"sha256:" HEX64 ":",
		"sha256:" HEX64 " ",
		" sha256:" HEX64,
		"SHA256:" HEX64,
		"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"sha256:0123456789abcdeg0123456789abcdef0123456789abcdef0123456789abcdef",
		"sha256:../3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"../../x:" HEX64,
		/* what descriptor.md#digests has no room for, whatever the algorithm */
		"md5:../../../etc/passwd",
		"md5:a b",
		"+md5:00",
		"md5+:00",
		"a..b:00",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct digest d = { .text = "untouched" };
		struct err e = { 0 };

		if (digest_parse(BAD[i], &d, &e) != -EINVAL)
			fail_msg("'%s' passed, or failed otherwise: %s", BAD[i], e.text);
		assert_string_equal(d.text, "untouched");
		assert_memory_equal(e.text, "bad digest '", 12);
	}
}

static void unknown_algorithms_are_told_from_garbage(void **state)
{
	static const char *const UNKNOWN[] = {
		"md5:d41d8cd98f00b204e9800998ecf8427e",
		"sha384:abc",
		"sha2:00",
		"sha2567:" HEX64,
		"multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
		"sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
		"a.b_c-d:x="
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(UNKNOWN); i++) {
		struct digest d = { .text = "untouched" };
		struct err e = { 0 };
		char expected[256];

		(void)snprintf(expected, sizeof(expected), "digest '%s' is of an unknown algorithm",
			       UNKNOWN[i]);
		assert_int_equal(digest_parse(UNKNOWN[i], &d, &e), -EOPNOTSUPP);
		assert_string_equal(e.text, expected);
		assert_string_equal(d.text, "untouched");
	}
}

static void an_endless_digest_gives_a_short_message(void **state)
{
	char text[10000];
	struct digest d;
	struct err e;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(digest_parse(text, &d, &e), -EINVAL);
	assert_true(strlen(e.text) < 200);
}

static void digests_are_equal_by_algorithm_and_hex(void **state)
{
	struct digest a = { "sha256:" HEX64 }, b = { "sha256:" HEX64 }, unset = { 0 };

	(void)state;
	assert_true(digest_equal(&a, &b));
	b.text[sizeof("sha256:") + 3] ^= 1;
	assert_false(digest_equal(&a, &b));
	assert_false(digest_equal(&a, &unset));
	assert_true(digest_equal(&unset, &unset));
}

static void an_unset_digest_has_neither_hex_nor_algorithm(void **state)
{
	const struct digest unset = { 0 };

	(void)state;
	assert_string_equal(digest_hex(&unset), "");
	assert_string_equal(digest_algorithm(&unset), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registered_algorithms_are_accepted),
		cmocka_unit_test(malformed_digests_are_refused),
		cmocka_unit_test(unknown_algorithms_are_told_from_garbage),
		cmocka_unit_test(an_endless_digest_gives_a_short_message),
		cmocka_unit_test(digests_are_equal_by_algorithm_and_hex),
		cmocka_unit_test(an_unset_digest_has_neither_hex_nor_algorithm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
