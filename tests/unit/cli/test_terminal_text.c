/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/terminal_text.h"
#include "common/cleanup.h"

static void assert_shown_bytes(const char *text, size_t len, const char *expected)
{
	cleanup_free char *shown = NULL;
	size_t shown_len = 0;
	FILE *out = open_memstream(&shown, &shown_len);

	assert_non_null(out);
	terminal_text_put(out, text, len);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(shown, expected);
	assert_int_equal(shown_len, strlen(expected));
}

static void assert_shown(const char *text, const char *expected)
{
	assert_shown_bytes(text, strlen(text), expected);
}

static void what_is_text_stays(void **state)
{
	(void)state;
	assert_shown("", "");
	assert_shown("a\tb c~", "a\tb c~");
	assert_shown("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8b \xc2\xa0",
		     "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8b \xc2\xa0");
}

static void control_characters_become_question_marks(void **state)
{
	(void)state;
	assert_shown("a\nb\rc\bd\ae\x7f", "a?b?c?d?e?");
	assert_shown_bytes("a\0b", 3, "a?b");
	assert_shown("\xc2\x9b"
		     "2J\xc2\x80",
		     "?2J?");
	assert_shown("\033]0;title\007", "?]0;title?");
	assert_shown("\033[2J\033[H\033c", "?[2J?[H?c");
}

static void colours_stay(void **state)
{
	(void)state;
	assert_shown("\033[1;31mred\033[0m\033[m", "\033[1;31mred\033[0m\033[m");
	assert_shown("\033[1;31", "?[1;31");
	assert_shown("\033[", "?[");
	assert_shown("\033", "?");
	assert_shown("\033[?25l\033[1;2H", "?[?25l?[1;2H");
	assert_shown("\033[1111111111111111111111111111111111111111m",
		     "?[1111111111111111111111111111111111111111m");
}

static void a_carriage_return_at_the_end_is_left_out(void **state)
{
	(void)state;
	assert_shown("line\r", "line");
	assert_shown("\r", "");
	assert_shown("a\r\r", "a?");
}

static void nothing_is_read_behind_the_end(void **state)
{
	const char cut[] = { 'a', '\xc2' };

	(void)state;
	assert_shown_bytes(cut, sizeof(cut), "a\xc2");
	assert_shown_bytes("\033[31m", 3, "?[3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_text_stays),
		cmocka_unit_test(control_characters_become_question_marks),
		cmocka_unit_test(colours_stay),
		cmocka_unit_test(a_carriage_return_at_the_end_is_left_out),
		cmocka_unit_test(nothing_is_read_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
