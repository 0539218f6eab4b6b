/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_read.h"

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

enum colour { RED = 3, GREEN = 5 };

struct inner {
	char *name;
	uint64_t size;
};

struct everything {
	char *string, *raw;
	bool boolean;
	uint64_t u64;
	int64_t i64;
	uint32_t u32;
	int32_t i32;
	struct opt_u64 opt_u64;
	struct opt_i64 opt_i64;
	struct opt_bool opt_bool;
	struct digest digest;
	struct strvec strvec, map, keys;
	int colour;
	struct inner object;
	struct inner *pointer;
	struct json_items manifests;
};

static const struct json_enum COLOURS[] = { { "red", RED }, { "green", GREEN }, { 0 } };
static const struct json_field INNER[] = {
	{ "name", offsetof(struct inner, name), json_read_string },
	{ "size", offsetof(struct inner, size), json_read_u64, .required = true },
	{ 0 },
};
static const struct json_array MANIFESTS = { INNER, sizeof(struct inner), 4 };
static const struct json_pointer POINTER = { INNER, sizeof(struct inner) };
static const struct json_field EVERYTHING[] = {
	{ "string", offsetof(struct everything, string), json_read_string },
	{ "raw", offsetof(struct everything, raw), json_read_raw },
	{ "boolean", offsetof(struct everything, boolean), json_read_bool },
	{ "u64", offsetof(struct everything, u64), json_read_u64 },
	{ "i64", offsetof(struct everything, i64), json_read_i64 },
	{ "u32", offsetof(struct everything, u32), json_read_u32 },
	{ "i32", offsetof(struct everything, i32), json_read_i32 },
	{ "optU64", offsetof(struct everything, opt_u64), json_read_opt_u64 },
	{ "optI64", offsetof(struct everything, opt_i64), json_read_opt_i64 },
	{ "optBool", offsetof(struct everything, opt_bool), json_read_opt_bool },
	{ "digest", offsetof(struct everything, digest), json_read_digest },
	{ "strvec", offsetof(struct everything, strvec), json_read_strvec },
	{ "map", offsetof(struct everything, map), json_read_map },
	{ "keys", offsetof(struct everything, keys), json_read_keys },
	{ "colour", offsetof(struct everything, colour), json_read_enum, COLOURS },
	{ "object", offsetof(struct everything, object), json_read_object, INNER },
	{ "pointer", offsetof(struct everything, pointer), json_read_pointer, &POINTER },
	{ "manifests", offsetof(struct everything, manifests), json_read_array, &MANIFESTS },
	{ 0 },
};

static void everything_done(struct everything *v)
{
	struct inner *items = v->manifests.items;

	for (size_t i = 0; i < v->manifests.len; i++)
		free(items[i].name);
	free(items);
	if (v->pointer)
		free(v->pointer->name);
	free(v->pointer);
	free(v->object.name);
	free(v->string);
	free(v->raw);
	strvec_done(&v->strvec);
	strvec_done(&v->map);
	strvec_done(&v->keys);
}
#define cleanup_everything __attribute__((cleanup(everything_done)))

static int decode(const char *text, struct everything *v, struct err *e)
{
	*e = (struct err){ 0 };
	*v = (struct everything){ 0 };
	return json_decode(text, strlen(text), EVERYTHING, v, e);
}

static void expect_decodes(const char *text, struct everything *v)
{
	struct err e;

	if (decode(text, v, &e) < 0)
		fail_msg("%s: %s", text, e.text);
}

static void expect_error(const char *text, int code, const char *message)
{
	cleanup_everything struct everything v;
	struct err e;
	int r = decode(text, &v, &e);

	if (r != code || strcmp(e.text, message) != 0)
		fail_msg("%s: %d '%s', not %d '%s'", text, r, e.text, code, message);
}

static void each_reader_reads_its_kind(void **state)
{
	cleanup_everything struct everything v;

	(void)state;
	expect_decodes("{\"string\":\"t\\u00e4xt\",\"raw\":{\"b\":[1,true,null,\"x\"]},\"boolean\":true,"
		       "\"u64\":7,\"i64\":-7,"
		       "\"u32\":4294967295,\"i32\":-2147483648,\"optU64\":0,\"optI64\":0,\"optBool\":false,"
		       "\"digest\":\"sha256:" HEX64
		       "\",\"strvec\":[\"a\",\"\"],\"map\":{\"k\":\"v=w\",\"e\":\"\"},"
		       "\"keys\":{\"8080/"
		       "tcp\":{},\"x\":null},\"colour\":\"green\",\"object\":{\"size\":1,\"name\":\"in\"},"
		       "\"pointer\":{\"size\":2},\"manifests\":[{\"size\":3,\"name\":\"m\"},{\"size\":4}]}",
		       &v);
	assert_string_equal(v.string, "täxt");
	assert_string_equal(v.raw, "{\"b\":[1,true,null,\"x\"]}");
	assert_true(v.boolean);
	assert_true(v.u64 == 7 && v.i64 == -7 && v.u32 == UINT32_MAX && v.i32 == INT32_MIN);
	assert_true(v.opt_u64.set && v.opt_u64.value == 0);
	assert_true(v.opt_i64.set && v.opt_i64.value == 0);
	assert_true(v.opt_bool.set && !v.opt_bool.value);
	assert_string_equal(v.digest.text, "sha256:" HEX64);
	assert_true(v.strvec.len == 2 && strcmp(v.strvec.items[0], "a") == 0 && v.strvec.items[1][0] == '\0');
	assert_true(v.map.len == 2 && strvec_has(&v.map, "k=v=w") && strvec_has(&v.map, "e="));
	assert_true(v.keys.len == 2 && strvec_has(&v.keys, "8080/tcp") && strvec_has(&v.keys, "x"));
	assert_int_equal(v.colour, GREEN);
	assert_true(v.object.size == 1 && strcmp(v.object.name, "in") == 0);
	assert_true(v.pointer->size == 2 && !v.pointer->name);
	assert_int_equal(v.manifests.len, 2);
	assert_true(((struct inner *)v.manifests.items)[1].size == 4);
}

static void what_is_absent_or_null_stays_zero(void **state)
{
	static const char *const TEXTS[] = {
		"{}",
		"{\"string\":null,\"raw\":null,\"boolean\":null,\"u64\":null,\"i64\":null,\"u32\":null,"
		"\"i32\":null,"
		"\"optU64\":null,\"optI64\":null,\"optBool\":null,\"digest\":null,\"strvec\":null,\"map\":"
		"null,"
		"\"keys\":null,\"colour\":null,\"object\":null,\"pointer\":null,\"manifests\":null}",
		"{\"unknown\":{\"string\":5},\"String\":7,\"\":0}",
	};
	static const struct everything NOTHING;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_everything struct everything v;

		expect_decodes(TEXTS[i], &v);
		assert_memory_equal(&v, &NOTHING, sizeof(v));
	}
}

static void empty_lists_are_empty(void **state)
{
	cleanup_everything struct everything v;

	(void)state;
	expect_decodes("{\"strvec\":[],\"map\":{},\"keys\":{},\"manifests\":[],\"raw\":[],\"string\":\"\"}",
		       &v);
	assert_true(v.strvec.len == 0 && v.map.len == 0 && v.keys.len == 0);
	assert_true(v.manifests.len == 0 && !v.manifests.items);
	assert_string_equal(v.raw, "[]");
	assert_string_equal(v.string, "");
}

static void failures_name_the_place(void **state)
{
	(void)state;
	expect_error("{\"manifests\":[{\"size\":1},{\"size\":1},{\"size\":1},{\"size\":-1}]}", -EINVAL,
		     "manifests[3].size: expected a non-negative integer");
	expect_error("{\"manifests\":[{\"size\":\"1\"}]}", -EINVAL,
		     "manifests[0].size: expected a non-negative integer");
	expect_error("{\"manifests\":[{}]}", -EINVAL, "manifests[0].size: missing");
	expect_error("{\"manifests\":[{\"size\":null}]}", -EINVAL, "manifests[0].size: missing");
	expect_error("{\"manifests\":[null]}", -EINVAL, "manifests[0]: expected an object");
	expect_error("{\"manifests\":{}}", -EINVAL, "manifests: expected an array");
	expect_error("{\"object\":[]}", -EINVAL, "object: expected an object");
	expect_error("{\"pointer\":{\"size\":1,\"name\":5}}", -EINVAL, "pointer.name: expected a string");
	expect_error("{\"strvec\":[\"a\",5]}", -EINVAL, "strvec[1]: expected a string");
	expect_error("{\"strvec\":[\"a\",null]}", -EINVAL, "strvec[1]: expected a string");
	expect_error("{\"strvec\":{}}", -EINVAL, "strvec: expected an array of strings");
	expect_error("{\"map\":{\"a\":5}}", -EINVAL, "map.a: expected a string");
	expect_error("{\"map\":{\"a=b\":\"x\"}}", -EINVAL, "map.a=b: the key has a '='");
	expect_error("{\"map\":[]}", -EINVAL, "map: expected an object");
	expect_error("{\"keys\":\"x\"}", -EINVAL, "keys: expected an object");
	expect_error("{\"colour\":\"blue\"}", -EINVAL, "colour: unknown value 'blue'");
	expect_error("{\"colour\":3}", -EINVAL, "colour: expected a string");
	expect_error("{\"boolean\":1}", -EINVAL, "boolean: expected true or false");
	expect_error("{\"optBool\":\"true\"}", -EINVAL, "optBool: expected true or false");
	expect_error("{\"digest\":\"sha256:12\"}", -EINVAL, "digest: bad digest 'sha256:12'");
	expect_error("{\"digest\":\"md5:12\"}", -EOPNOTSUPP,
		     "digest: digest 'md5:12' is of an unknown algorithm");
	expect_error("[]", -EINVAL, "expected an object");
	expect_error("null", -EINVAL, "expected an object");
	expect_error("5", -EINVAL, "expected an object");
}

static void integers_keep_to_their_type(void **state)
{
	(void)state;
	expect_error("{\"u64\":1.0}", -EINVAL, "u64: expected a non-negative integer");
	expect_error("{\"u64\":1e2}", -EINVAL, "u64: expected a non-negative integer");
	expect_error("{\"u64\":true}", -EINVAL, "u64: expected a non-negative integer");
	expect_error("{\"i64\":\"1\"}", -EINVAL, "i64: expected an integer");
	expect_error("{\"i64\":0.5}", -EINVAL, "i64: expected an integer");
	expect_error("{\"u32\":4294967296}", -ERANGE, "u32: is larger than 4294967295");
	expect_error("{\"u32\":-1}", -EINVAL, "u32: expected a non-negative integer");
	expect_error("{\"i32\":2147483648}", -ERANGE, "i32: is not within -2147483648 and 2147483647");
	expect_error("{\"i32\":-2147483649}", -ERANGE, "i32: is not within -2147483648 and 2147483647");
	expect_error("{\"u64\":18446744073709551616}", -ERANGE, "u64: is larger than 18446744073709551615");
	expect_error("{\"u32\":18446744073709551615}", -ERANGE, "u32: is larger than 4294967295");
	expect_error("{\"i64\":9223372036854775808}", -ERANGE,
		     "i64: is not within -9223372036854775808 and 9223372036854775807");
	expect_error("{\"optI64\":18446744073709551615}", -ERANGE,
		     "optI64: is not within -9223372036854775808 and 9223372036854775807");
}

static void integers_reach_their_ends(void **state)
{
	cleanup_everything struct everything v;

	(void)state;
	expect_decodes(
		"{\"u64\":18446744073709551615,\"i64\":-9223372036854775808,\"optU64\":9223372036854775808,"
		"\"optI64\":9223372036854775807,\"u32\":0,\"i32\":2147483647}",
		&v);
	assert_true(v.u64 == UINT64_MAX && v.i64 == INT64_MIN);
	assert_true(v.opt_u64.set && v.opt_u64.value == (uint64_t)INT64_MAX + 1);
	assert_true(v.opt_i64.set && v.opt_i64.value == INT64_MAX);
	assert_true(v.i32 == INT32_MAX);
}

static void nineteen_digits_that_fit_are_ordinary_numbers(void **state)
{
	cleanup_everything struct everything v;

	(void)state;
	expect_decodes(
		"{\"u64\" : 1000000000000000000 , \"i64\":1234567890123456789\n,\"manifests\":[{\"size\":"
		"9999999999999999999}]}",
		&v);
	assert_true(v.u64 == UINT64_C(1000000000000000000));
	assert_true(v.i64 == INT64_C(1234567890123456789));
	assert_true(((struct inner *)v.manifests.items)[0].size == UINT64_C(9999999999999999999));
}

static void digits_in_strings_stay_text(void **state)
{
	static const struct {
		const char *json, *text;
	} CASES[] = {
		{ "\"18446744073709551615\"", "18446744073709551615" },
		{ "\"[18446744073709551615]\"", "[18446744073709551615]" },
		{ "\"a: 18446744073709551615, b\"", "a: 18446744073709551615, b" },
		{ "\"\\\"18446744073709551615\"", "\"18446744073709551615" },
		{ "\"\\\\\"", "\\" },
		{ "\"x\\\\\\\"18446744073709551615\"", "x\\\"18446744073709551615" },
		{ "\"\\u002218446744073709551615\"", "\"18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_everything struct everything v;
		char text[256];

		/* with a big number before and behind, so that the text is rewritten */
		(void)snprintf(text, sizeof(text),
			       "{\"u64\":18446744073709551615,\"string\":%s,\"optU64\":18446744073709551614}",
			       CASES[i].json);
		expect_decodes(text, &v);
		assert_string_equal(v.string, CASES[i].text);
		assert_true(v.u64 == UINT64_MAX && v.opt_u64.value == UINT64_MAX - 1);
	}
}

static void a_big_number_is_no_string(void **state)
{
	(void)state;
	expect_error("{\"string\":18446744073709551615}", -EINVAL, "string: expected a string");
	expect_error("{\"strvec\":[18446744073709551615]}", -EINVAL, "strvec[0]: expected a string");
	expect_error("{\"map\":{\"a\":18446744073709551615}}", -EINVAL, "map.a: expected a string");
	expect_error("{\"digest\":18446744073709551615}", -EINVAL, "digest: expected a string");
	expect_error("{\"colour\":18446744073709551615}", -EINVAL, "colour: expected a string");
	expect_error("{\"boolean\":18446744073709551615}", -EINVAL, "boolean: expected true or false");
	expect_error("{\"object\":18446744073709551615}", -EINVAL, "object: expected an object");
}

static void raw_values_keep_their_big_numbers(void **state)
{
	cleanup_everything struct everything v;

	(void)state;
	expect_decodes("{\"raw\" : { \"a\" : 18446744073709551615, \"b\" : [ -1, 9223372036854775808, "
		       "\"9223372036854775808\" ] } }",
		       &v);
	assert_string_equal(
		v.raw, "{\"a\":18446744073709551615,\"b\":[-1,9223372036854775808,\"9223372036854775808\"]}");
	everything_done(&v);
	expect_decodes("{\"raw\":18446744073709551615}", &v);
	assert_string_equal(v.raw, "18446744073709551615");
	everything_done(&v);
	/* what only looks like the inner mark: in keys, and inside of strings */
	expect_decodes(
		"{\"raw\":[{\"\\u0001u64:12345678901234567890\":1},\"x\\\"\\u0001u64:12345678901234567890\"],"
		"\"u64\":18446744073709551615}",
		&v);
	assert_string_equal(
		v.raw, "[{\"\\u0001u64:12345678901234567890\":1},\"x\\\"\\u0001u64:12345678901234567890\"]");
	everything_done(&v);
	expect_decodes("{\"raw\":\"text with \\\" and \\\\ and \\n\"}", &v);
	assert_string_equal(v.raw, "\"text with \\\" and \\\\ and \\n\"");
}

static void malformed_text_is_refused_with_line_and_column(void **state)
{
	static const char *const BAD[] = {
		"",
		" ",
		"{",
		"{\"a\":1,}",
		"{} {}",
		"{}x",
		"{a:1}",
		"{'a':1}",
		"[1",
		"{\"a\":01}",
		"{\"a\":+1}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\n\"}",
		"{\"a\":NaN}",
		"{\"a\":.5}",
		"/**/{}",
		"{\"a\":\"\\x\"}",
		/* a big number is a number still */
		"{18446744073709551615:1}",
		"{\"a\":00000000000000000001}",
		"{\"a\":0000000000000000001}",
		"{\"a\" 18446744073709551615}",
		"{\"a\":x18446744073709551615}",
		"{\"a\":1 18446744073709551615}",
		"{\"a\":184467440737095516150}",
		"{\"a\":-18446744073709551615}",
		"{\"u64\":18446744073709551615",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		cleanup_everything struct everything v;
		struct err e;

		if (decode(BAD[i], &v, &e) != -EINVAL)
			fail_msg("%s: passed, or with another error: %s", BAD[i], e.text);
		if (strncmp(e.text, "bad JSON at line ", 17) != 0)
			fail_msg("%s: %s", BAD[i], e.text);
	}
}

static void the_place_is_counted_in_lines(void **state)
{
	cleanup_everything struct everything v;
	struct err e;

	(void)state;
	assert_int_equal(decode("{\n\"a\": 1,\n\"b\" 2}", &v, &e), -EINVAL);
	assert_memory_equal(e.text, "bad JSON at line 3, column ", 27);
}

static void duplicate_keys_are_refused_however_spelt(void **state)
{
	static const char *const BAD[] = { "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}",
					   "{\"x\":[{\"a\":1,\"b\":2,\"a\":null}]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		cleanup_everything struct everything v;
		struct err e;

		assert_int_equal(decode(BAD[i], &v, &e), -EINVAL);
		assert_non_null(strstr(e.text, "duplicate"));
	}
}

static void nul_bytes_are_refused_where_they_are_read(void **state)
{
	cleanup_everything struct everything v, unread;

	(void)state;
	expect_error("{\"string\":\"a\\u0000b\"}", -EINVAL, "string: has a NUL byte");
	expect_error("{\"strvec\":[\"\\u0000\"]}", -EINVAL, "strvec[0]: has a NUL byte");
	expect_error("{\"map\":{\"k\":\"\\u0000\"}}", -EINVAL, "map.k: has a NUL byte");
	expect_error("{\"colour\":\"red\\u0000\"}", -EINVAL, "colour: has a NUL byte");
	expect_error("{\"digest\":\"sha256:" HEX64 "\\u0000\"}", -EINVAL, "digest: has a NUL byte");
	expect_decodes("{\"unread\":\"\\u0000\"}", &unread);
	{
		struct err e;

		assert_int_equal(decode("{\"a\\u0000b\":1}", &v, &e), -EINVAL);
	}
}

static void bytes_behind_a_nul_are_not_overlooked(void **state)
{
	static const char TEXT[] = "{}\0{}";
	struct json_doc *doc = NULL;
	struct err e;

	(void)state;
	assert_int_equal(json_parse(TEXT, sizeof(TEXT) - 1, 8, &doc, &e), -EINVAL);
	assert_null(doc);
}

static void more_than_the_most_entries_are_too_many(void **state)
{
	cleanup_everything struct everything v;

	(void)state;
	expect_decodes("{\"manifests\":[{\"size\":1},{\"size\":1},{\"size\":1},{\"size\":1}]}", &v);
	assert_int_equal(v.manifests.len, 4);
	expect_error("{\"manifests\":[{\"size\":1},{\"size\":1},{\"size\":1},{\"size\":1},{\"size\":1}]}",
		     -EFBIG, "manifests: has more than 4 entries");
}

/* What was read before the failure is the owner's to free: ASan sees to it. */
static void half_read_structs_can_be_freed(void **state)
{
	cleanup_everything struct everything v;
	struct err e;

	(void)state;
	assert_int_equal(
		decode("{\"string\":\"x\",\"strvec\":[\"a\",\"b\"],\"pointer\":{\"name\":\"n\",\"size\":-1}}",
		       &v, &e),
		-EINVAL);
	assert_string_equal(v.string, "x");
	assert_int_equal(v.strvec.len, 2);
	assert_string_equal(v.pointer->name, "n");
	everything_done(&v);
	assert_int_equal(decode("{\"manifests\":[{\"size\":1,\"name\":\"a\"},{\"name\":\"b\"}]}", &v, &e),
			 -EINVAL);
	assert_int_equal(v.manifests.len, 2);
}

static int parse_nested(unsigned int depth, const char *inner, unsigned int max_depth, struct err *e)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	char text[512];
	size_t len = 0;

	for (unsigned int i = 0; i < depth; i++)
		text[len++] = '[';
	len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", inner);
	for (unsigned int i = 0; i < depth; i++)
		text[len++] = ']';
	return json_parse(text, len, max_depth, &doc, e);
}

static void nesting_ends_at_the_depth_given(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(parse_nested(8, "1", 8, &e), 0);
	assert_int_equal(parse_nested(8, "\"[[[{{{\\\"[[[\"", 8, &e),
			 0); /* brackets in strings do not count */
	assert_int_equal(parse_nested(9, "1", 8, &e), -EFBIG);
	assert_string_equal(e.text, "JSON is nested deeper than 8 levels");
	assert_int_equal(parse_nested(8, "{}", 8, &e), -EFBIG);
	assert_int_equal(parse_nested(7, "{},{},[]", 8, &e), 0);
	assert_int_equal(parse_nested(0, "1", 0, &e), 0);
	assert_int_equal(parse_nested(200, "", 64, &e), -EFBIG);
}

static int add_letters(const struct json_in *member, void *arg, struct err *e)
{
	char *letters = arg;

	if (strcmp(member->key, "stop") == 0)
		return json_error(member, -EBUSY, e, "stopped here");
	letters[strlen(letters)] = member->key[0];
	return 0;
}

static void documents_are_walked_by_hand(void **state)
{
	static const char TEXT[] = "{\"a\":{\"b\":[\"x\",{\"c\":null}]},\"s\":\"t\"}";
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_in top, a, b, item, absent, beyond;
	char letters[8] = "";
	struct err e;

	(void)state;
	assert_int_equal(json_parse(TEXT, strlen(TEXT), 8, &doc, &e), 0);
	top = json_top(doc);
	a = json_get(&top, "a");
	b = json_get(&a, "b");
	item = json_at(&b, 1);
	assert_true(json_in_is_object(&top) && json_in_is_object(&a) && json_in_is_array(&b));
	assert_false(json_in_is_string(&top) || json_in_is_array(&a) || json_in_is_object(&b));
	assert_int_equal(json_len(&b), 2);
	assert_int_equal(json_len(&top), 0);
	absent = json_get(&item, "c");
	assert_null(absent.value);
	assert_int_equal(json_error(&absent, -EINVAL, &e, "is %d", 5), -EINVAL);
	assert_string_equal(e.text, "a.b[1].c: is 5");
	beyond = json_at(&b, 2);
	assert_null(beyond.value);
	assert_false(json_in_is_string(&absent) || json_in_is_object(&absent) || json_in_is_array(&beyond));
	assert_int_equal(json_len(&absent), 0);
	assert_null(json_get(&absent, "x").value);
	assert_int_equal(json_each(&absent, add_letters, letters, &e), -EINVAL);
	assert_int_equal(json_each(&top, add_letters, letters, &e), 0);
	assert_int_equal(strlen(letters), 2);
	assert_true(strchr(letters, 'a') && strchr(letters, 's'));
}

static void walking_members_stops_at_the_first_error(void **state)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	static const char TEXT[] = "{\"in\":{\"stop\":1}}";
	struct json_in top, in;
	char letters[8] = "";
	struct err e;

	(void)state;
	assert_int_equal(json_parse(TEXT, strlen(TEXT), 8, &doc, &e), 0);
	top = json_top(doc);
	in = json_get(&top, "in");
	assert_int_equal(json_each(&in, add_letters, letters, &e), -EBUSY);
	assert_string_equal(e.text, "in.stop: stopped here");
}

static void endless_keys_do_not_run_over_the_message(void **state)
{
	cleanup_free char *text = malloc(20000);
	cleanup_everything struct everything v;
	struct err e;
	size_t len;

	(void)state;
	assert_non_null(text);
	len = (size_t)snprintf(text, 20000, "{\"map\":{\"");
	memset(text + len, 'k', 15000);
	(void)snprintf(text + len + 15000, 20000 - len - 15000, "\":5}}");
	assert_int_equal(decode(text, &v, &e), -EINVAL);
	assert_memory_equal(e.text, "map.kkkkkk", 10);
	assert_non_null(strstr(e.text, ": expected a string"));
}

static void reading_a_string_twice_frees_the_first(void **state)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *text = NULL;
	struct json_in top;
	struct err e;

	(void)state;
	assert_int_equal(json_parse("\"x\"", 3, 0, &doc, &e), 0);
	top = json_top(doc);
	assert_true(json_in_is_string(&top));
	assert_int_equal(json_read_string(&top, NULL, &text, &e), 0);
	assert_int_equal(json_read_string(&top, NULL, &text, &e), 0);
	assert_string_equal(text, "x");
	assert_int_equal(json_read_raw(&top, NULL, &text, &e), 0);
	assert_string_equal(text, "\"x\"");
	json_doc_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reader_reads_its_kind),
		cmocka_unit_test(what_is_absent_or_null_stays_zero),
		cmocka_unit_test(empty_lists_are_empty),
		cmocka_unit_test(failures_name_the_place),
		cmocka_unit_test(integers_keep_to_their_type),
		cmocka_unit_test(integers_reach_their_ends),
		cmocka_unit_test(nineteen_digits_that_fit_are_ordinary_numbers),
		cmocka_unit_test(digits_in_strings_stay_text),
		cmocka_unit_test(a_big_number_is_no_string),
		cmocka_unit_test(raw_values_keep_their_big_numbers),
		cmocka_unit_test(malformed_text_is_refused_with_line_and_column),
		cmocka_unit_test(the_place_is_counted_in_lines),
		cmocka_unit_test(duplicate_keys_are_refused_however_spelt),
		cmocka_unit_test(nul_bytes_are_refused_where_they_are_read),
		cmocka_unit_test(bytes_behind_a_nul_are_not_overlooked),
		cmocka_unit_test(more_than_the_most_entries_are_too_many),
		cmocka_unit_test(half_read_structs_can_be_freed),
		cmocka_unit_test(nesting_ends_at_the_depth_given),
		cmocka_unit_test(documents_are_walked_by_hand),
		cmocka_unit_test(walking_members_stops_at_the_first_error),
		cmocka_unit_test(endless_keys_do_not_run_over_the_message),
		cmocka_unit_test(reading_a_string_twice_frees_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
