/* SPDX-License-Identifier: Apache-2.0 */
#include "build/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char *const NAMES[] = { "WORKDIR", "COPY", "CMD", "RUN" };

static void the_nearest_word_is_suggested(void **state)
{
	(void)state;
	assert_string_equal(suggest("WORKDIRR", NAMES, 4, true).text, " (did you mean WORKDIR?)");
	assert_string_equal(suggest("WRKDR", NAMES, 4, true).text, " (did you mean WORKDIR?)");
	assert_string_equal(suggest("COPPY", NAMES, 4, true).text, " (did you mean COPY?)");
	assert_string_equal(suggest("RNU", NAMES, 4, true).text, " (did you mean RUN?)");
}

static void nothing_is_suggested_for_what_is_far_away(void **state)
{
	(void)state;
	assert_string_equal(suggest("WRKD", NAMES, 4, true).text, "");
	assert_string_equal(suggest("", NAMES, 4, true).text, "");
	assert_string_equal(suggest("RUN", NAMES, 0, true).text, "");
	assert_string_equal(suggest("WORKDIRWORKDIRWORKDIRWORKDIRWORKDIR", NAMES, 4, true).text, "");
}

static void nothing_is_suggested_for_a_word_of_the_list(void **state)
{
	(void)state;
	assert_string_equal(suggest("COPY", NAMES, 4, true).text, "");
	assert_string_equal(suggest("copy", NAMES, 4, true).text, "");
}

static void suggestions_have_the_case_of_what_was_written(void **state)
{
	(void)state;
	assert_string_equal(suggest("workdirr", NAMES, 4, true).text, " (did you mean workdir?)");
	assert_string_equal(suggest("Workdirr", NAMES, 4, true).text, " (did you mean workdir?)");
}

static void case_counts_where_it_is_asked_for(void **state)
{
	static const char *const FLAGS[] = { "chmod", "chown" };

	(void)state;
	assert_string_equal(suggest("chomd", FLAGS, 2, false).text, " (did you mean chmod?)");
	assert_string_equal(suggest("chwn", FLAGS, 2, false).text, " (did you mean chown?)");
	assert_string_equal(suggest("CHOWN", FLAGS, 2, false).text, "");
}

static void the_nearest_option_can_be_had_alone(void **state)
{
	static const char *const VARIABLES[] = { "PATH", "Version" };

	(void)state;
	assert_ptr_equal(suggest_nearest("PAHT", VARIABLES, 2, false), VARIABLES[0]);
	assert_ptr_equal(suggest_nearest("version1", VARIABLES, 2, true), VARIABLES[1]);
	assert_null(suggest_nearest("PATH", VARIABLES, 2, false));
	assert_null(suggest_nearest("HOME", VARIABLES, 2, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word_is_suggested),
		cmocka_unit_test(nothing_is_suggested_for_what_is_far_away),
		cmocka_unit_test(nothing_is_suggested_for_a_word_of_the_list),
		cmocka_unit_test(suggestions_have_the_case_of_what_was_written),
		cmocka_unit_test(case_counts_where_it_is_asked_for),
		cmocka_unit_test(the_nearest_option_can_be_had_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
