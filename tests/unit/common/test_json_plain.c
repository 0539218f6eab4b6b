/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/digest.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct plain {
	char *string, *raw;
	struct strvec strvec;
	bool boolean;
	int64_t i64;
	uint64_t u64;
	uint32_t u32;
	struct digest digest;
	int colour;
};

static const struct json_enum COLOURS[] = { { "red", 3 }, { "green", 5 }, { 0 } };
static const struct json_field FIELDS[] = {
	{ "string", offsetof(struct plain, string), json_read_string, .required = true },
	{ "strvec", offsetof(struct plain, strvec), json_read_strvec },
	{ "boolean", offsetof(struct plain, boolean), json_read_bool },
	{ "i64", offsetof(struct plain, i64), json_read_i64 },
	{ "u64", offsetof(struct plain, u64), json_read_u64 },
	{ "u32", offsetof(struct plain, u32), json_read_u32 },
	{ "digest", offsetof(struct plain, digest), json_read_digest },
	{ "colour", offsetof(struct plain, colour), json_read_enum, COLOURS },
	{ "raw", offsetof(struct plain, raw), json_read_raw },
	{ 0 },
};

static void plain_done(struct plain *p)
{
	free(p->string);
	free(p->raw);
	strvec_done(&p->strvec);
	*p = (struct plain){ 0 };
}
#define cleanup_plain __attribute__((cleanup(plain_done)))

static int decode(const char *text, struct plain *ret)
{
	cleanup_free char *exact = strndup(text, strlen(text)); /* a read too far is one of a sanitizer's */

	return json_plain_decode(exact, strlen(text), FIELDS, ret);
}

static void plain_members_are_read_without_a_tree(void **state)
{
	static const char TEXT[] =
		"{\"string\":\"a b\",\"strvec\":[\"x\",\"\",\"z/\"],\"boolean\":true,\"i64\":-12,"
		"\"u64\":123456789012345678,\"u32\":4294967295,\"digest\":\"sha256:" HEX64
		"\",\"colour\":\"green\"}";
	cleanup_plain struct plain p = { 0 };

	(void)state;
	assert_int_equal(decode(TEXT, &p), 1);
	assert_string_equal(p.string, "a b");
	assert_int_equal(p.strvec.len, 3);
	assert_string_equal(p.strvec.items[0], "x");
	assert_string_equal(p.strvec.items[1], "");
	assert_string_equal(p.strvec.items[2], "z/");
	assert_true(p.boolean);
	assert_int_equal(p.i64, -12);
	assert_int_equal(p.u64, 123456789012345678);
	assert_int_equal(p.u32, UINT32_MAX);
	assert_string_equal(p.digest.text, "sha256:" HEX64);
	assert_int_equal(p.colour, 5);
}

static void members_come_in_any_order(void **state)
{
	cleanup_plain struct plain p = { 0 };

	(void)state;
	assert_int_equal(decode("{\"u32\":0,\"strvec\":[],\"string\":\"\"}", &p), 1);
	assert_string_equal(p.string, "");
	assert_int_equal(p.strvec.len, 0);
}

/* Some of it is good JSON, and some is not: the long way tells. */
static const char *const OTHERS[] = {
	"",
	"{",
	"{}",
	"[]",
	"{\"string\"",
	"{\"string\":",
	"{\"string\":\"a",
	"{\"string\":\"a\"",
	"{\"string\":\"a\",",
	"{\"string\":\"a\",}",
	"{\"string\":\"a\"}}",
	"{\"string\":\"a\"}\n",
	" {\"string\":\"a\"}",
	"{\"string\": \"a\"}",
	"{\"string\":\"a\\n\"}",
	"{\"string\":\"\\u0061\"}",
	"{\"string\":\"\xc3\xa4\"}",
	"{\"string\":\"\xff\"}",
	"{\"string\":\"\x7f\"}",
	"{\"string\":\"a\tb\"}",
	"{\"string\":null}",
	"{\"string\":1}",
	"{\"string\":[\"a\"]}",
	"{\"string\":{\"a\":1}}",
	"{\"string\":\"a\",\"string\":\"b\"}",
	"{\"string\":\"a\",\"stranger\":1}",
	"{\"string\":\"a\",\"str\":\"b\"}",
	"{\"string\":\"a\",\"\":\"b\"}",
	"{\"u64\":1}",
	"{\"string\":\"a\",\"raw\":\"a\"}",
	"{\"string\":\"a\",\"strvec\":[\"a\",]}",
	"{\"string\":\"a\",\"strvec\":[\"a\"",
	"{\"string\":\"a\",\"strvec\":[",
	"{\"string\":\"a\",\"strvec\":[1]}",
	"{\"string\":\"a\",\"strvec\":[\"a\" ,\"b\"]}",
	"{\"string\":\"a\",\"boolean\":tru}",
	"{\"string\":\"a\",\"boolean\":truer}",
	"{\"string\":\"a\",\"boolean\":\"true\"}",
	"{\"string\":\"a\",\"i64\":-}",
	"{\"string\":\"a\",\"i64\":-0}",
	"{\"string\":\"a\",\"i64\":01}",
	"{\"string\":\"a\",\"i64\":1.5}",
	"{\"string\":\"a\",\"i64\":1e3}",
	"{\"string\":\"a\",\"i64\":1234567890123456789}",
	"{\"string\":\"a\",\"u64\":-1}",
	"{\"string\":\"a\",\"u32\":4294967296}",
	"{\"string\":\"a\",\"digest\":\"sha256:12\"}",
	"{\"string\":\"a\",\"digest\":\"sha256:" HEX64 HEX64 HEX64 "\"}",
	"{\"string\":\"a\",\"colour\":\"blue\"}",
	"{\"string\":\"a\",\"colour\":\"gree\"}",
};

static void what_is_not_plain_is_left_to_the_parser(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
		cleanup_plain struct plain p = { 0 };

		assert_int_equal(decode(OTHERS[i], &p), 0);
	}
}

static void what_the_parser_reads_as_well_is_read_once(void **state)
{
	static const char *const TEXTS[] = {
		"{\"strvec\":[\"a\"],\"string\":\"\xc3\xa4\"}",
		"{\"strvec\":[\"a\"],\"string\":\"a\"} ",
		"{\"strvec\":[\"a\"],\"string\":\"a\",\"stranger\":[]}",
		"{\"strvec\":[\"a\"],\"string\":\"a\",\"raw\":{}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_plain struct plain p = { 0 };
		struct err e = { 0 };

		assert_int_equal(json_decode(TEXTS[i], strlen(TEXTS[i]), FIELDS, &p, &e), 0);
		assert_int_equal(p.strvec.len, 1);
	}
}

/* Any change of one byte: whatever the short way takes, the parser takes, and reads the same of it. */
static void no_text_is_read_otherwise_than_by_the_parser(void **state)
{
	static const char TEXT[] =
		"{\"string\":\"ab\",\"strvec\":[\"c\",\"d\"],\"boolean\":false,\"i64\":-10,\"u32\":7}";
	static const char BYTES[] = " \"\\,:[]{}-0189aet\x7f\x1f";
	size_t taken = 0;

	(void)state;
	for (size_t at = 0; at + 1 < sizeof(TEXT); at++) {
		for (size_t b = 0; b + 1 < sizeof(BYTES); b++) {
			cleanup_plain struct plain p = { 0 }, q = { 0 };
			char text[sizeof(TEXT) + 2];
			struct err e = { 0 };

			/* The blank keeps json_decode from going the short way itself. */
			(void)snprintf(text, sizeof(text), "%s ", TEXT);
			text[at] = BYTES[b];
			if (json_plain_decode(text, sizeof(TEXT) - 1, FIELDS, &p) != 1)
				continue;
			taken++;
			assert_int_equal(json_decode(text, sizeof(TEXT), FIELDS, &q, &e), 0);
			assert_string_equal(p.string, q.string);
			assert_int_equal(p.strvec.len, q.strvec.len);
			for (size_t i = 0; i < p.strvec.len; i++)
				assert_string_equal(p.strvec.items[i], q.strvec.items[i]);
			assert_int_equal(p.boolean, q.boolean);
			assert_int_equal(p.i64, q.i64);
			assert_int_equal(p.u32, q.u32);
		}
	}
	assert_true(taken > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_members_are_read_without_a_tree),
		cmocka_unit_test(members_come_in_any_order),
		cmocka_unit_test(what_is_not_plain_is_left_to_the_parser),
		cmocka_unit_test(what_the_parser_reads_as_well_is_read_once),
		cmocka_unit_test(no_text_is_read_otherwise_than_by_the_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
