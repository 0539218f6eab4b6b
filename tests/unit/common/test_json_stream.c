/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

static const struct json_limits LIMITS = { .max_bytes = 4096, .max_depth = 8, .max_values = 100 };

static int check(const char *text, struct err *e)
{
	*e = (struct err){ 0 };
	return json_guard_check(text, strlen(text), &LIMITS, e);
}

static void well_formed_documents_pass(void **state)
{
	static const char *const GOOD[] = {
		"{}",
		"[]",
		"null",
		"1",
		"-0.5e10",
		"\"text\"",
		" { \"a\" : [ 1, true, null, \"x\" ] }\n",
		"{\"a\":{\"b\":1},\"b\":{\"a\":1}}",      /* the same keys in other objects */
		"[{\"a\":1},{\"a\":2}]",                  /* and in the next one */
		"{\"a\":{\"a\":{\"a\":1}}}",              /* and inside */
		"{\"\":1,\" \":2,\"\\u0000\":3}",         /* odd ones */
		"{\"n\":123456789012345678901234567890}", /* numbers are not read here */
		"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		struct err e;

		if (check(GOOD[i], &e) != 0)
			fail_msg("%s: %s", GOOD[i], e.text);
	}
}

static void malformed_documents_are_refused_with_their_place(void **state)
{
	static const char *const BAD[] = {
		"{\"a\":1,}",        "[1,2", "{\"a\"}", "{a:1}", "[1]]",     "{} {}",    "{}x",
		"/* c */ {}",        "nul",  "\"\n\"",  "01",    "\"\xff\"", "\"\xc3\"", "\"\\x\"",
		"{\"a\":\"\\ud8\"}", "'a'",  "[1 2]",   "+1",    "NaN",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct err e;

		if (check(BAD[i], &e) != -EINVAL)
			fail_msg("%s: passed, or with another error: %s", BAD[i], e.text);
		assert_non_null(strstr(e.text, "json is malformed behind byte "));
	}
}

static void nothing_at_all_is_no_document(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(check("", &e), -EINVAL);
	assert_int_equal(check(" \n\t", &e), -EINVAL);
}

static void a_key_twice_in_one_object_is_refused(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(check("{\"a\":1,\"b\":2,\"a\":3}", &e), -EINVAL);
	assert_string_equal(e.text, "json has the key 'a' twice in one object");
	/* escapes do not hide it */
	assert_int_equal(check("{\"layers\":1,\"l\\u0061yers\":3}", &e), -EINVAL);
	assert_string_equal(e.text, "json has the key 'layers' twice in one object");
	/* control characters do not reach a terminal */
	assert_int_equal(check("[{\"\\u001b[31m\":1,\"\\u001b[31m\":3}]", &e), -EINVAL);
	assert_string_equal(e.text, "json has the key '?[31m' twice in one object");
	/* after an inner object has come and gone */
	assert_int_equal(check("{\"a\":{\"b\":1},\"c\":[{}],\"a\":0}", &e), -EINVAL);
}

static void every_limit_is_enforced_and_named(void **state)
{
	cleanup_buf struct buf text = BUF_INIT(8192);
	struct err e;

	(void)state;
	assert_int_equal(check("[[[[[[[[]]]]]]]]", &e), 0); /* eight */
	assert_int_equal(check("[[[[[[[[[]]]]]]]]]", &e), -EFBIG);
	assert_string_equal(e.text, "json is nested deeper than 8 levels");
	assert_int_equal(check("{\"a\":[{\"a\":[{\"a\":[{\"a\":[{}]}]}]}]}", &e), -EFBIG);

	assert_int_equal(buf_add_str(&text, "[0"), 0); /* the array counts as one */
	for (int i = 1; i < 99; i++)
		assert_int_equal(buf_add_str(&text, ",0"), 0);
	assert_int_equal(json_guard_check(text.data, text.len, &LIMITS, &e), -EINVAL); /* no end yet */
	assert_int_equal(buf_add_str(&text, "]"), 0);
	assert_int_equal(json_guard_check(text.data, text.len, &LIMITS, &e), 0);
	text.data[text.len - 1] = ',';
	assert_int_equal(buf_add_str(&text, "0]"), 0);
	assert_int_equal(json_guard_check(text.data, text.len, &LIMITS, &e), -EFBIG);
	assert_string_equal(e.text, "json holds more than 100 values");

	buf_clear(&text);
	assert_int_equal(buf_add_char(&text, '"'), 0);
	while (text.len < 4095)
		assert_int_equal(buf_add_char(&text, 'x'), 0);
	assert_int_equal(buf_add_char(&text, '"'), 0);
	assert_int_equal(json_guard_check(text.data, text.len, &LIMITS, &e), 0);
	assert_int_equal(buf_add_char(&text, ' '), 0);
	assert_int_equal(json_guard_check(text.data, text.len, &LIMITS, &e), -EFBIG);
	assert_string_equal(e.text, "json is larger than 4096 bytes");
}

static void a_document_may_arrive_byte_by_byte(void **state)
{
	static const char TEXT[] = "{\"k\\u00e4\":[1.5e3,\"\xe2\x82\xac\",{\"x\":null}],\"end\":true}";

	(void)state;
	for (size_t step = 1; step < 8; step++) {
		cleanup_json_guard struct json_guard *g = json_guard_new(&LIMITS);
		struct err e = { 0 };

		assert_non_null(g);
		for (size_t i = 0; i < strlen(TEXT); i += step) {
			size_t left = strlen(TEXT) - i;

			assert_int_equal(json_guard_feed(g, TEXT + i, left < step ? left : step, &e), 0);
		}
		assert_int_equal(json_guard_finish(g, &e), 0);
	}
}

static void the_size_limit_holds_over_all_pieces(void **state)
{
	cleanup_json_guard struct json_guard *g = json_guard_new(&LIMITS);
	char blanks[1000];
	struct err e;

	(void)state;
	memset(blanks, ' ', sizeof(blanks));
	for (int i = 0; i < 4; i++)
		assert_int_equal(json_guard_feed(g, blanks, sizeof(blanks), &e), 0);
	assert_int_equal(json_guard_feed(g, blanks, 97, &e), -EFBIG);
}

static void a_guard_dropped_half_way_frees_all(void **state)
{
	cleanup_json_guard struct json_guard *g = json_guard_new(&LIMITS);
	static const char TEXT[] = "{\"a\":{\"b\":[{\"c\":\"half a str";
	struct err e;

	(void)state;
	assert_int_equal(json_guard_feed(g, TEXT, strlen(TEXT), &e), 0); /* LeakSanitizer looks at the rest */
}

static void many_keys_in_one_object_are_no_trouble(void **state)
{
	static const struct json_limits WIDE = { .max_bytes = 1 << 22, .max_depth = 4, .max_values = 200000 };
	cleanup_buf struct buf text = BUF_INIT(1 << 22);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(buf_add_char(&text, '{'), 0);
	for (int i = 0; i < 50000; i++) /* sorted: the worst order for a tree that does not balance itself */
		assert_int_equal(buf_printf(&text, "\"key%08d\":0,", i), 0);
	assert_int_equal(buf_add_str(&text, "\"last\":0}"), 0);
	assert_int_equal(json_guard_check(text.data, text.len, &WIDE, &e), 0);
	text.len -= strlen("\"last\":0}");
	assert_int_equal(buf_add_str(&text, "\"key00031415\":0}"), 0);
	assert_int_equal(json_guard_check(text.data, text.len, &WIDE, &e), -EINVAL);
	assert_string_equal(e.text, "json has the key 'key00031415' twice in one object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_documents_pass),
		cmocka_unit_test(malformed_documents_are_refused_with_their_place),
		cmocka_unit_test(nothing_at_all_is_no_document),
		cmocka_unit_test(a_key_twice_in_one_object_is_refused),
		cmocka_unit_test(every_limit_is_enforced_and_named),
		cmocka_unit_test(a_document_may_arrive_byte_by_byte),
		cmocka_unit_test(the_size_limit_holds_over_all_pieces),
		cmocka_unit_test(a_guard_dropped_half_way_frees_all),
		cmocka_unit_test(many_keys_in_one_object_are_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
