/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_escape.h"

#include "common/json_read.h"
#include "common/utf8.h"
#include "tests/unit/common/scratch.h"

static void assert_escaped(const char *data, size_t len, const char *expected)
{
	char out[512];
	size_t taken, n = json_escape(data, len, out, sizeof(out), &taken);

	assert_int_equal(taken, len);
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(out, expected, n);
}

static void what_needs_it_is_escaped_and_nothing_else(void **state)
{
	(void)state;
	assert_escaped("", 0, "");
	assert_escaped("plain <text> & more than sixteen bytes of it / \x7f", 48,
		       "plain <text> & more than sixteen bytes of it / \x7f");
	assert_escaped("\"\\\n\r\t\b\f\v\x1b\x1f\0", 11,
		       "\\\"\\\\\\n\\r\\t\\b\\f\\u000b\\u001b\\u001f\\u0000");
	assert_escaped("\xc3\xa4\xe4\xbd\xa0\xf0\x9f\x98\x80\xed\x9f\xbf", 12,
		       "\xc3\xa4\xe4\xbd\xa0\xf0\x9f\x98\x80\xed\x9f\xbf");
	assert_escaped("a\xff\xc3(\xed\xa0\x80z", 8,
		       "a" UTF8_REPLACEMENT UTF8_REPLACEMENT
		       "(" UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT "z");
}

/* At every place of the sixteen bytes that are looked at together, of four times as many, and of what is left of them. */
static void each_byte_is_found_wherever_it_stands(void **state)
{
	(void)state;
	for (unsigned int c = 0; c < 256; c++) {
		char alone[8], text[150], out[sizeof(text) * JSON_ESCAPE_GROWTH];
		const char one[] = { (char)c };
		size_t taken, len = json_escape(one, 1, alone, sizeof(alone), &taken);

		for (size_t text_len = 15; text_len <= sizeof(text); text_len += 27)
			for (size_t at = 0; at < text_len; at++) {
				size_t n;

				memset(text, 'x', text_len);
				text[at] = (char)c;
				n = json_escape(text, text_len, out, sizeof(out), &taken);
				assert_int_equal(taken, text_len);
				assert_int_equal(n, text_len - 1 + len);
				assert_memory_equal(out + at, alone, len);
				for (size_t i = 0; i < n; i++)
					if ((i < at || i >= at + len) && out[i] != 'x')
						fail_msg("byte %zu of %zu", i, text_len);
			}
	}
}

static void there_is_never_more_than_the_room(void **state)
{
	static const char TEXT[] = "ab\"\x01\xc3\xa4\xf0\x9f\x98\x80\xff....................................."
				   ".................................................c\n";
	char whole[256], out[256];
	size_t taken, all = json_escape(TEXT, sizeof(TEXT), whole, sizeof(whole), &taken);

	(void)state;
	for (size_t room = 0; room <= all; room++) {
		size_t rest_taken, n;

		memset(out, '#', sizeof(out));
		n = json_escape(TEXT, sizeof(TEXT), out, room, &taken);
		assert_true(n <= room);
		assert_true(room - n < JSON_ESCAPE_GROWTH);
		assert_int_equal(out[room], '#');
		/* What was left is all the rest, and no character was cut. */
		n += json_escape(TEXT + taken, sizeof(TEXT) - taken, out + n, sizeof(out) - n, &rest_taken);
		assert_int_equal(taken + rest_taken, sizeof(TEXT));
		assert_int_equal(n, all);
		assert_memory_equal(out, whole, all);
	}
}

static void a_parser_reads_it_back(void **state)
{
	char text[1000], json[sizeof(text) * JSON_ESCAPE_GROWTH + 16] = "{\"a\":\"";
	static const struct json_field FIELDS[] = { { "a", 0, json_read_string, NULL, true }, { 0 } };
	uint32_t random = 1;
	struct err e;

	(void)state;
	for (int round = 0; round < 200; round++) {
		cleanup_free char *back = NULL;
		size_t len = 0, n = strlen("{\"a\":\""), taken;

		while (len + UTF8_MAX < sizeof(text)) {
			random = random * 1664525 + 1013904223;
			if (random >> 30 == 0)
				len += (size_t)snprintf(text + len, UTF8_MAX + 1, "\xe4\xbd\xa0");
			else
				text[len++] = (char)((random >> 16) % 127 + 1);
		}
		text[len] = '\0';
		n += json_escape(text, len, json + n, sizeof(json) - n - 2, &taken);
		assert_int_equal(taken, len);
		memcpy(json + n, "\"}", 3);
		assert_int_equal(json_decode(json, n + 2, FIELDS, &back, &e), 0);
		assert_string_equal(back, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_needs_it_is_escaped_and_nothing_else),
		cmocka_unit_test(each_byte_is_found_wherever_it_stands),
		cmocka_unit_test(there_is_never_more_than_the_room),
		cmocka_unit_test(a_parser_reads_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
