/* SPDX-License-Identifier: Apache-2.0 */
#include "build/check_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/cleanup.h"

static struct check_options parsed(const char *text)
{
	struct check_options c = { 0 };
	struct err e = { 0 };

	if (check_options_parse(text, &c, &e) != 0)
		fail_msg("%s: %s", text, e.text);
	return c;
}

static void rules_are_skipped_by_name(void **state)
{
	cleanup_check_options struct check_options c = parsed(" skip=A, B ;error=true;experimental=E");

	(void)state;
	assert_true(check_options_skip(&c, "A", false));
	assert_true(check_options_skip(&c, "B", false));
	assert_false(check_options_skip(&c, "C", false));
	assert_false(check_options_skip(&c, "E", true));
	assert_true(check_options_skip(&c, "F", true));
	assert_true(c.error);
}

static void all_rules_may_be_meant(void **state)
{
	cleanup_check_options struct check_options none = parsed("skip=all"),
						   more = parsed("experimental=all");

	(void)state;
	assert_true(check_options_skip(&none, "A", false));
	assert_false(none.error);
	assert_false(check_options_skip(&more, "A", true));
}

static void nothing_may_be_said(void **state)
{
	cleanup_check_options struct check_options c = parsed(" ");

	(void)state;
	assert_false(check_options_skip(&c, "A", false));
	assert_true(check_options_skip(&c, "A", true));
}

static void bad_options_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} BAD[] = {
		{ "all", "invalid check option \"all\"" },
		{ "skip=a;", "invalid check option \"\"" },
		{ "skpi=a", "invalid check option \"skpi\"" },
		{ "error=maybe", "failed to parse check option \"error=maybe\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct check_options c = { 0 };
		struct err e = { 0 };

		assert_int_equal(check_options_parse(BAD[i].text, &c, &e), -EINVAL);
		assert_string_equal(e.text, BAD[i].message);
	}
}

static void there_is_a_limit_of_rules(void **state)
{
	char text[5 + CHECK_RULES_MAX + 1] = "skip=";
	struct check_options c = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < CHECK_RULES_MAX; i++)
		text[5 + i] = ',';
	assert_int_equal(check_options_parse(text, &c, &e), -EFBIG);
	assert_string_equal(e.text, "more than 256 rules in a check option");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_skipped_by_name), cmocka_unit_test(all_rules_may_be_meant),
		cmocka_unit_test(nothing_may_be_said),       cmocka_unit_test(bad_options_are_refused),
		cmocka_unit_test(there_is_a_limit_of_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
