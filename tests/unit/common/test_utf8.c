/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"

#include "tests/unit/common/scratch.h"

static void characters_are_as_long_as_unicode_says(void **state)
{
	static const struct {
		const char *text;
		size_t len, expected;
	} CASES[] = {
		{ "a", 1, 1 },
		{ "\0", 1, 1 },
		{ "\x7f", 1, 1 },
		{ "\xc2\x80", 2, 2 },
		{ "\xdf\xbf", 2, 2 },
		{ "\xe0\xa0\x80", 3, 3 },
		{ "\xed\x9f\xbf", 3, 3 },
		{ "\xef\xbf\xbf", 3, 3 },
		{ "\xf0\x90\x80\x80", 4, 4 },
		{ "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "\x80", 1, 0 },             /* a byte that follows */
		{ "\xc1\xbf", 2, 0 },         /* too long a form */
		{ "\xe0\x9f\xbf", 3, 0 },     /* the same */
		{ "\xf0\x8f\xbf\xbf", 4, 0 }, /* the same */
		{ "\xed\xa0\x80", 3, 0 },     /* a surrogate */
		{ "\xf4\x90\x80\x80", 4, 0 }, /* over U+10FFFF */
		{ "\xf5\x80\x80\x80", 4, 0 },
		{ "\xff", 1, 0 },
		{ "\xc3", 1, 0 }, /* cut off */
		{ "\xe4\xbd", 2, 0 },
		{ "\xf0\x9f\x98", 3, 0 },
		{ "\xc3(", 2, 0 },
		{ "\xe4\xbd(", 3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_int_equal(utf8_char_len(CASES[i].text, CASES[i].len), CASES[i].expected);
}

static void what_is_cut_off_at_the_end_is_counted(void **state)
{
	static const struct {
		const char *text;
		size_t expected;
	} CASES[] = {
		{ "", 0 },
		{ "abc", 0 },
		{ "ab\xc3", 1 },
		{ "ab\xc3\xa4", 0 },
		{ "a\xe4", 1 },
		{ "a\xe4\xbd", 2 },
		{ "a\xe4\xbd\xa0", 0 },
		{ "\xf0\x9f\x98", 3 },
		{ "\xf0\x9f\x98\x80", 0 },
		{ "\xe0\x9f", 0 }, /* nothing makes this whole */
		{ "\x80\x80\x80\x80", 0 },
		{ "\xff", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_int_equal(utf8_cut_len(CASES[i].text, strlen(CASES[i].text)), CASES[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_are_as_long_as_unicode_says),
		cmocka_unit_test(what_is_cut_off_at_the_end_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
