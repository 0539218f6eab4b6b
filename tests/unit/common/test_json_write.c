/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static const char *finished(struct json_out *o)
{
	struct err e = { 0 };
	const char *text = NULL;
	size_t len = 0;

	if (json_out_finish(o, &text, &len, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(strlen(text), len);
	return text;
}

static void expect_failure(struct json_out *o, int code)
{
	const char *text = "untouched";
	struct err e = { 0 };
	size_t len = 77;

	assert_int_equal(json_out_finish(o, &text, &len, &e), code);
	assert_memory_equal(e.text, "cannot write JSON: ", 19);
	assert_string_equal(text, "untouched");
	assert_int_equal(len, 77);
}

static void each_kind_of_value_is_written(void **state)
{
	cleanup_json_out struct json_out *o = json_out_new(false, 4096);
	cleanup_strvec struct strvec list = { 0 }, map = { 0 }, empty = { 0 };

	(void)state;
	assert_int_equal(strvec_add(&list, "a"), 0);
	assert_int_equal(strvec_add(&list, ""), 0);
	assert_int_equal(strvec_add(&map, "k=v=w"), 0);
	assert_int_equal(strvec_add(&map, "none"), 0);
	json_out_object(o, NULL);
	json_out_string(o, "s", "t");
	json_out_string(o, "n", NULL);
	json_out_u64(o, "u", UINT64_MAX);
	json_out_i64(o, "i", INT64_MIN);
	json_out_bool(o, "t", true);
	json_out_bool(o, "f", false);
	json_out_null(o, "z");
	json_out_raw(o, "r", "{\"x\":[1]}");
	json_out_strvec(o, "l", &list);
	json_out_strvec(o, "le", &empty);
	json_out_map(o, "m", &map);
	json_out_map(o, "me", &empty);
	json_out_array(o, "a");
	json_out_u64(o, NULL, 0);
	json_out_object(o, NULL);
	json_out_end(o);
	json_out_end(o);
	json_out_end(o);
	assert_string_equal(
		finished(o),
		"{\"s\":\"t\",\"n\":null,\"u\":18446744073709551615,\"i\":-9223372036854775808,"
		"\"t\":true,\"f\":false,\"z\":null,\"r\":{\"x\":[1]},\"l\":[\"a\",\"\"],\"le\":[],"
		"\"m\":{\"k\":\"v=w\",\"none\":\"\"},\"me\":{},\"a\":[0,{}]}");
}

static void optional_values_are_written_only_if_set(void **state)
{
	cleanup_json_out struct json_out *o = json_out_new(false, 4096);
	cleanup_strvec struct strvec one = { 0 }, empty = { 0 };

	(void)state;
	assert_int_equal(strvec_add(&one, "k=v"), 0);
	json_out_object(o, NULL);
	json_out_opt_string(o, "s0", NULL);
	json_out_opt_u64(o, "u0", (struct opt_u64){ 0 });
	json_out_opt_i64(o, "i0", (struct opt_i64){ false, 5 });
	json_out_opt_bool(o, "b0", (struct opt_bool){ 0 });
	json_out_opt_strvec(o, "l0", &empty);
	json_out_opt_map(o, "m0", &empty);
	json_out_opt_string(o, "s", "");
	json_out_opt_u64(o, "u", (struct opt_u64){ true, 0 });
	json_out_opt_i64(o, "i", (struct opt_i64){ true, -1 });
	json_out_opt_bool(o, "b", (struct opt_bool){ true, false });
	json_out_opt_strvec(o, "l", &one);
	json_out_opt_map(o, "m", &one);
	json_out_end(o);
	assert_string_equal(finished(o),
			    "{\"s\":\"\",\"u\":0,\"i\":-1,\"b\":false,\"l\":[\"k=v\"],\"m\":{\"k\":\"v\"}}");
}

static void a_lone_value_is_a_document(void **state)
{
	cleanup_json_out struct json_out *o = json_out_new(false, 10);

	(void)state;
	json_out_string(o, NULL, "x");
	assert_string_equal(finished(o), "\"x\"");
}

static void pretty_documents_are_indented_by_four(void **state)
{
	cleanup_json_out struct json_out *o = json_out_new(true, 4096);

	(void)state;
	json_out_object(o, NULL);
	json_out_string(o, "a", "b");
	json_out_array(o, "l");
	json_out_u64(o, NULL, 1);
	json_out_u64(o, NULL, 2);
	json_out_end(o);
	json_out_end(o);
	assert_string_equal(finished(o),
			    "{\n    \"a\": \"b\",\n    \"l\": [\n        1,\n        2\n    ]\n}\n");
}

static void special_characters_are_escaped(void **state)
{
	cleanup_json_out struct json_out *o = json_out_new(false, 4096);

	(void)state;
	json_out_object(o, NULL);
	json_out_string(o, "a\"b", "\"\\\n\t\x01/\x7f<>&");
	json_out_end(o);
	assert_string_equal(finished(o), "{\"a\\\"b\":\"\\\"\\\\\\n\\t\\u0001/\x7f<>&\"}");
}

#define FFFD "\xef\xbf\xbd"

static void what_is_not_utf8_is_replaced_byte_by_byte(void **state)
{
	static const struct {
		const char *text, *written;
	} CASES[] = {
		{ "plain", "plain" },
		{ "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xa2", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xa2" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },                 /* U+10FFFF */
		{ "\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80" }, /* around the surrogates */
		{ "\xff", FFFD },
		{ "a\x80z", "a" FFFD "z" },
		{ "\xc3", FFFD }, /* cut short by the end */
		{ "\xe2\x82", FFFD FFFD },
		{ "\xf0\x9f\x9a", FFFD FFFD FFFD },
		{ "\xe2\x82z", FFFD FFFD "z" },
		{ "\xc0\x80", FFFD FFFD }, /* too long for what they are */
		{ "\xc1\xbf", FFFD FFFD },
		{ "\xe0\x9f\xbf", FFFD FFFD FFFD },
		{ "\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD },
		{ "\xed\xa0\x80", FFFD FFFD FFFD },          /* a surrogate */
		{ "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD }, /* over U+10FFFF */
		{ "\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD },
		{ "\xff\xc3\xa4", FFFD "\xc3\xa4" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_json_out struct json_out *o = json_out_new(false, 4096);
		cleanup_json_doc struct json_doc *doc = NULL;
		char expected[128];
		struct err e;

		json_out_object(o, NULL);
		json_out_string(o, CASES[i].text, CASES[i].text);
		json_out_end(o);
		(void)snprintf(expected, sizeof(expected), "{\"%s\":\"%s\"}", CASES[i].written,
			       CASES[i].written);
		assert_string_equal(finished(o), expected);
		assert_int_equal(json_parse(expected, strlen(expected), 1, &doc, &e), 0);
	}
}

struct document {
	char *string, *raw;
	uint64_t u64;
	int64_t i64;
	bool boolean;
	struct opt_u64 opt;
	struct strvec list, map;
};

static void what_is_written_can_be_read_again(void **state)
{
	static const struct json_field FIELDS[] = {
		{ "string \xc3\xa4", offsetof(struct document, string), json_read_string },
		{ "raw", offsetof(struct document, raw), json_read_raw },
		{ "u64", offsetof(struct document, u64), json_read_u64 },
		{ "i64", offsetof(struct document, i64), json_read_i64 },
		{ "boolean", offsetof(struct document, boolean), json_read_bool },
		{ "opt", offsetof(struct document, opt), json_read_opt_u64 },
		{ "list", offsetof(struct document, list), json_read_strvec },
		{ "map", offsetof(struct document, map), json_read_map },
		{ 0 },
	};
	static const char ODD[] =
		"\x01\x1f \"\\/\b\f\n\r\t\x7f \xc3\xa4\xe2\x80\xa8 18446744073709551615 \\u0000";

	(void)state;
	for (int pretty = 0; pretty < 2; pretty++) {
		cleanup_json_out struct json_out *o = json_out_new(pretty, 4096);
		cleanup_strvec struct strvec list = { 0 };
		struct document d = { 0 };
		struct err e = { 0 };
		const char *text;

		assert_int_equal(strvec_add(&list, ODD), 0);
		assert_int_equal(strvec_add(&list, "k="), 0);
		json_out_object(o, NULL);
		json_out_string(o, "string \xc3\xa4", ODD);
		json_out_u64(o, "u64", UINT64_MAX);
		json_out_i64(o, "i64", INT64_MIN);
		json_out_bool(o, "boolean", true);
		json_out_u64(o, "opt", UINT64_C(9999999999999999999));
		json_out_strvec(o, "list", &list);
		json_out_map(o, "map", &list);
		json_out_raw(o, "raw", "[18446744073709551615,{\"a\":null}]");
		json_out_end(o);
		text = finished(o);
		if (json_decode(text, strlen(text), FIELDS, &d, &e) < 0)
			fail_msg("%s in %s", e.text, text);
		assert_string_equal(d.string, ODD);
		assert_string_equal(d.raw, "[18446744073709551615,{\"a\":null}]");
		assert_true(d.u64 == UINT64_MAX && d.i64 == INT64_MIN && d.boolean);
		assert_true(d.opt.set && d.opt.value == UINT64_C(9999999999999999999));
		assert_int_equal(d.list.len, 2);
		assert_string_equal(d.list.items[0], ODD);
		assert_true(strvec_has(&d.map, "k="));
		free(d.string);
		free(d.raw);
		strvec_done(&d.list);
		strvec_done(&d.map);
	}
}

/* Each makes a document that is not well nested. */
static void end_too_often(struct json_out *o)
{
	json_out_object(o, NULL);
	json_out_end(o);
	json_out_end(o);
}

static void end_never(struct json_out *o)
{
	json_out_object(o, NULL);
	json_out_array(o, "a");
	json_out_end(o);
}

static void write_nothing(struct json_out *o)
{
	(void)o;
}

static void end_at_once(struct json_out *o)
{
	json_out_end(o);
	json_out_object(o, NULL);
	json_out_end(o);
}

static void forget_a_key(struct json_out *o)
{
	json_out_object(o, NULL);
	json_out_u64(o, NULL, 1);
	json_out_end(o);
}

static void key_in_array(struct json_out *o)
{
	json_out_array(o, NULL);
	json_out_u64(o, "k", 1);
	json_out_end(o);
}

static void key_at_the_top(struct json_out *o)
{
	json_out_u64(o, "k", 1);
}

static void two_documents(struct json_out *o)
{
	json_out_u64(o, NULL, 1);
	json_out_u64(o, NULL, 2);
}

static void two_objects(struct json_out *o)
{
	json_out_object(o, NULL);
	json_out_end(o);
	json_out_object(o, NULL);
	json_out_end(o);
}

static void bad_nesting_is_an_error_that_sticks(void **state)
{
	static void (*const WRITERS[])(struct json_out *) = { end_too_often,  end_never,     write_nothing,
							      end_at_once,    forget_a_key,  key_in_array,
							      key_at_the_top, two_documents, two_objects };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(WRITERS); i++) {
		cleanup_json_out struct json_out *o = json_out_new(false, 4096);

		WRITERS[i](o);
		expect_failure(o, -EINVAL);
	}
}

static void an_error_sticks_whatever_follows(void **state)
{
	cleanup_json_out struct json_out *o = json_out_new(false, 4096);

	(void)state;
	json_out_end(o);
	json_out_object(o, NULL);
	json_out_string(o, "a", "b");
	json_out_end(o);
	expect_failure(o, -EINVAL);
	expect_failure(o, -EINVAL);
}

static void a_document_takes_exactly_its_maximum(void **state)
{
	cleanup_json_out struct json_out *fits = json_out_new(false, 10), *over = json_out_new(false, 9);

	(void)state;
	json_out_string(fits, NULL, "12345678");
	assert_string_equal(finished(fits), "\"12345678\"");
	json_out_string(over, NULL, "12345678");
	expect_failure(over, -EFBIG);
}

static void a_document_over_its_maximum_stays_one(void **state)
{
	cleanup_json_out struct json_out *o = json_out_new(false, 16);
	cleanup_json_out struct json_out *invalid = json_out_new(false, 16);

	(void)state;
	json_out_object(o, NULL);
	json_out_string(o, "key", "much too long for this");
	json_out_string(o, "b", "");
	json_out_end(o);
	expect_failure(o, -EFBIG);
	/* the replacement characters count */
	json_out_string(invalid, NULL, "\xff\xff\xff\xff\xff\xff\xff");
	expect_failure(invalid, -EFBIG);
}

static void nesting_ends_at_64_levels(void **state)
{
	for (int depth = 64; depth <= 65; depth++) {
		cleanup_json_out struct json_out *o = json_out_new(false, 4096);

		(void)state;
		for (int i = 0; i < depth; i++)
			json_out_array(o, NULL);
		for (int i = 0; i < depth; i++)
			json_out_end(o);
		if (depth == 64)
			assert_int_equal(strlen(finished(o)), 128);
		else
			expect_failure(o, -EFBIG);
	}
}

static void without_memory_every_call_is_harmless(void **state)
{
	const struct strvec none = { 0 };

	(void)state;
	json_out_object(NULL, NULL);
	json_out_array(NULL, "a");
	json_out_string(NULL, "s", "x");
	json_out_string(NULL, "s", "\xff");
	json_out_u64(NULL, "u", 1);
	json_out_i64(NULL, "i", 1);
	json_out_bool(NULL, "b", true);
	json_out_null(NULL, "n");
	json_out_raw(NULL, "r", "1");
	json_out_strvec(NULL, "v", &none);
	json_out_map(NULL, "m", &none);
	json_out_opt_string(NULL, "s", "x");
	json_out_opt_strvec(NULL, "v", &none);
	json_out_end(NULL);
	json_out_free(NULL);
	expect_failure(NULL, -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_value_is_written),
		cmocka_unit_test(optional_values_are_written_only_if_set),
		cmocka_unit_test(a_lone_value_is_a_document),
		cmocka_unit_test(pretty_documents_are_indented_by_four),
		cmocka_unit_test(special_characters_are_escaped),
		cmocka_unit_test(what_is_not_utf8_is_replaced_byte_by_byte),
		cmocka_unit_test(what_is_written_can_be_read_again),
		cmocka_unit_test(bad_nesting_is_an_error_that_sticks),
		cmocka_unit_test(an_error_sticks_whatever_follows),
		cmocka_unit_test(a_document_takes_exactly_its_maximum),
		cmocka_unit_test(a_document_over_its_maximum_stays_one),
		cmocka_unit_test(nesting_ends_at_64_levels),
		cmocka_unit_test(without_memory_every_call_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
