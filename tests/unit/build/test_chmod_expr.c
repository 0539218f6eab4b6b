/* SPDX-License-Identifier: Apache-2.0 */
#include "build/chmod_expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/cleanup.h"

static uint32_t changed(const char *text, uint32_t mode, bool is_directory)
{
	struct chmod_expr x = { 0 };
	struct err e = { 0 };

	if (chmod_expr_parse(text, 022, &x, &e) != 0)
		fail_msg("%s", e.text);
	return chmod_expr_apply(&x, mode, is_directory);
}

static void octal_modes_are_set_as_they_are(void **state)
{
	(void)state;
	assert_int_equal(changed("755", 0, false), 0755);
	assert_int_equal(changed("0644", 04755, false), 0644);
	assert_int_equal(changed("4755", 0, true), 04755);
	assert_int_equal(changed("0", 0777, true), 0);
}

static void symbolic_modes_change_what_they_name(void **state)
{
	static const struct {
		const char *text;
		uint32_t before, after;
	} CASES[] = {
		{ "u+x", 0644, 0744 },      { "go-r", 0644, 0600 },     { "a=r", 0751, 0444 },
		{ "u=rwx,go=rx", 0, 0755 }, { "g=u", 0640, 0660 },      { "o=g-w", 0660, 0664 },
		{ "u+s,g+s", 0755, 06755 }, { "+t", 0777, 01777 },      { "u=", 04755, 055 },
		{ "ug+rw-x", 0100, 0660 },  { "u-s", 04755, 0755 },     { "o=", 01777, 0770 },
		{ "g+u,o+u", 0700, 0777 },  { "u=rwX,go=rX", 0, 0644 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		if (changed(CASES[i].text, CASES[i].before, false) != CASES[i].after)
			fail_msg("%s of %o is %o", CASES[i].text, CASES[i].before,
				 changed(CASES[i].text, CASES[i].before, false));
}

static void a_large_x_is_for_directories_and_programs(void **state)
{
	(void)state;
	assert_int_equal(changed("a+X", 0644, false), 0644);
	assert_int_equal(changed("a+X", 0644, true), 0755);
	assert_int_equal(changed("a+X", 0744, false), 0755);
	assert_int_equal(changed("u=rwX,go=rX", 0600, true), 0755);
}

static void the_umask_counts_where_nobody_is_named(void **state)
{
	(void)state;
	assert_int_equal(changed("+w", 0444, false), 0644);
	assert_int_equal(changed("a+w", 0444, false), 0666);
	assert_int_equal(changed("+x", 0644, false), 0755);
}

static void other_texts_are_refused(void **state)
{
	static const char *const NUMBERS[] = { "8", "10000", "0o755", "755x" };
	static const char *const WORDS[] = { "", "u", "x+u", "u+rx,", "u+y", "+x,,+r", "rwx" };
	struct chmod_expr x = { 0 };
	char expected[256];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
		(void)snprintf(
			expected, sizeof(expected),
			"invalid chmod parameter: '%s'. it should be octal string and between 0 and 07777",
			NUMBERS[i]);
		assert_int_equal(chmod_expr_parse(NUMBERS[i], 022, &x, &e), -EINVAL);
		assert_string_equal(e.text, expected);
	}
	for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
		(void)snprintf(
			expected, sizeof(expected),
			"invalid chmod parameter: '%s'. it should be octal string and between 0 and 07777, "
			"or symbolic like 'u=rwX,go=rX'",
			WORDS[i]);
		assert_int_equal(chmod_expr_parse(WORDS[i], 022, &x, &e), -EINVAL);
		assert_string_equal(e.text, expected);
	}
}

static void there_is_a_limit_of_clauses(void **state)
{
	struct chmod_expr x = { 0 };
	char text[4 + CHMOD_CLAUSES_MAX + 1] = "u";
	struct err e = { 0 };

	(void)state;
	memset(text + 1, '+', CHMOD_CLAUSES_MAX + 1);
	assert_int_equal(chmod_expr_parse(text, 022, &x, &e), -EFBIG);
	assert_string_equal(e.text, "invalid chmod parameter: more than 32 clauses");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octal_modes_are_set_as_they_are),
		cmocka_unit_test(symbolic_modes_change_what_they_name),
		cmocka_unit_test(a_large_x_is_for_directories_and_programs),
		cmocka_unit_test(the_umask_counts_where_nobody_is_named),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(there_is_a_limit_of_clauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
