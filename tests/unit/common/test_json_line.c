/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_line.h"

#include "common/buf.h"
#include "tests/unit/common/scratch.h"

#define LINE_MAX_BYTES 4096

/* "under/key=value;" for each, with NULs as '0'. */
static void collect(const struct json_line_member *m, void *arg)
{
	struct buf *b = arg;
	size_t before;

	if (m->under)
		assert_int_equal(buf_printf(b, "%.*s/", (int)m->under_len, m->under), 0);
	assert_int_equal(buf_printf(b, "%.*s=", (int)m->key_len, m->key), 0);
	before = b->len;
	assert_int_equal(buf_add(b, m->value, m->value_len), 0);
	for (size_t i = before; i < b->len; i++)
		if (b->data[i] == '\0')
			b->data[i] = '0';
	assert_int_equal(buf_add_char(b, ';'), 0);
}

static int parse(const char *text, struct buf *ret)
{
	struct json_line *l = json_line_new(LINE_MAX_BYTES);
	int r;

	assert_non_null(l);
	buf_clear(ret);
	r = json_line_parse(l, text, strlen(text), collect, ret);
	json_line_free(l);
	return r;
}

static void strings_of_two_levels_are_visited(void **state)
{
	static const struct {
		const char *text, *expected;
	} CASES[] = {
		{ "{}", "" },
		{ " {\"a\" : \"b\" , \"c\":\"\"} ", "a=b;c=;" },
		{ "{\"a\":\"x\\u0000y\\n\\u00e4\\ud83d\\ude00\"}", "a=x0y\n\xc3\xa4\xf0\x9f\x98\x80;" },
		{ "{\"o\":{\"k\":\"v\",\"l\":{\"deep\":\"no\"}},\"z\":\"1\"}", "o/k=v;z=1;" },
		{ "{\"n\":1.5e9,\"t\":true,\"u\":null,\"l\":[\"x\",{\"y\":\"z\"}],\"s\":\"t\"}", "s=t;" },
		{ "{\"a\":\"1\",\"a\":\"2\"}", "a=1;a=2;" },
	};
	cleanup_buf struct buf b = BUF_INIT(LINE_MAX_BYTES);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		assert_int_equal(parse(CASES[i].text, &b), 0);
		assert_string_equal(b.data ? b.data : "", CASES[i].expected);
	}
}

static void what_is_no_object_is_refused(void **state)
{
	static const char *const BAD[] = { "",
					   " ",
					   "{",
					   "[]",
					   "\"a\"",
					   "1",
					   "null",
					   "{}}",
					   "{\"a\":\"b\"",
					   "{\"a\":\"b",
					   "{a:1}",
					   "{\"a\"}",
					   "{\"a\":}",
					   "{} {}",
					   "{\"a\":\"\xff\"}",
					   "{\"a\":\"\n\"}",
					   "{\"a\":\"\\x\"}",
					   "{\"a\":[[[[1]]]]}" };
	cleanup_buf struct buf b = BUF_INIT(LINE_MAX_BYTES);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(parse(BAD[i], &b), -EINVAL);
}

/* The memory of a line is bounded, whatever is in it. */
static void a_line_has_a_maximum(void **state)
{
	static char text[LINE_MAX_BYTES + 2];
	cleanup_buf struct buf b = BUF_INIT(2 * LINE_MAX_BYTES);

	(void)state;
	memset(text, '\\', LINE_MAX_BYTES); /* escapes: each is decoded into a buffer that grows */
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + LINE_MAX_BYTES - 2, "\"}", 2);
	assert_int_equal(parse(text, &b), 0);
	assert_int_equal(b.len, (LINE_MAX_BYTES - 8) / 2 + 3);
	text[LINE_MAX_BYTES] = ' ';
	assert_int_equal(parse(text, &b), -EFBIG);
	memset(text, '[', LINE_MAX_BYTES);
	memcpy(text, "{\"a\":", 5);
	text[LINE_MAX_BYTES] = '\0';
	assert_int_equal(parse(text, &b), -EINVAL);
	/* A key of its own maximum. */
	memset(text, 'k', LINE_MAX_BYTES);
	memcpy(text, "{\"", 2);
	memcpy(text + LINE_MAX_BYTES - 5, "\":\"\"}", 5);
	assert_int_equal(parse(text, &b), 0);
}

static void a_parser_goes_on_after_a_bad_line(void **state)
{
	struct json_line *l = json_line_new(LINE_MAX_BYTES);
	cleanup_buf struct buf b = BUF_INIT(LINE_MAX_BYTES);

	(void)state;
	assert_non_null(l);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(json_line_parse(l, "{\"a\":\"b", 7, collect, &b), -EINVAL);
		buf_clear(&b);
		assert_int_equal(json_line_parse(l, "{\"a\":\"b\"}", 9, collect, &b), 0);
		assert_string_equal(b.data, "a=b;");
	}
	json_line_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_of_two_levels_are_visited),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(a_line_has_a_maximum),
		cmocka_unit_test(a_parser_goes_on_after_a_bad_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
