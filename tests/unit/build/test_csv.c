/* SPDX-License-Identifier: Apache-2.0 */
#include "build/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void assert_fields(const char *text, const char *joined)
{
	cleanup_strvec struct strvec fields = { 0 };
	char all[256] = "";
	struct err e = { 0 };

	if (csv_fields(text, &fields, &e) != 0)
		fail_msg("%s: %s", text, e.text);
	for (size_t i = 0; i < fields.len; i++)
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "[%s]", fields.items[i]);
	assert_string_equal(all, joined);
}

static void assert_malformed(const char *text, const char *message)
{
	cleanup_strvec struct strvec fields = { 0 };
	struct err e = { 0 };

	assert_int_equal(csv_fields(text, &fields, &e), -EINVAL);
	assert_string_equal(e.text, message);
}

static void fields_are_parted_by_commas(void **state)
{
	(void)state;
	assert_fields("a", "[a]");
	assert_fields("type=bind,target=/x", "[type=bind][target=/x]");
	assert_fields(",a,", "[][a][]");
}

static void quoted_fields_may_hold_commas_and_quotes(void **state)
{
	(void)state;
	assert_fields("\"target=/a,b\",ro", "[target=/a,b][ro]");
	assert_fields("\"a\"\"b\"", "[a\"b]");
	assert_fields("\"\",x", "[][x]");
}

static void misplaced_quotes_are_refused(void **state)
{
	(void)state;
	assert_malformed("a\"b", "parse error on line 1, column 2: bare \" in non-quoted field");
	assert_malformed("\"ab", "parse error on line 1, column 4: extraneous or missing \" in quoted-field");
	assert_malformed("\"ab\"c,d",
			 "parse error on line 1, column 4: extraneous or missing \" in quoted-field");
	assert_malformed("", "it is empty");
}

static void there_is_a_limit_of_fields(void **state)
{
	cleanup_strvec struct strvec fields = { 0 };
	char text[CSV_FIELDS_MAX + 2];
	struct err e = { 0 };

	(void)state;
	memset(text, ',', CSV_FIELDS_MAX);
	text[CSV_FIELDS_MAX] = '\0';
	assert_int_equal(csv_fields(text, &fields, &e), -EFBIG);
	assert_string_equal(e.text, "more than 256 fields");
	assert_int_equal(fields.len, CSV_FIELDS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_parted_by_commas),
		cmocka_unit_test(quoted_fields_may_hold_commas_and_quotes),
		cmocka_unit_test(misplaced_quotes_are_refused),
		cmocka_unit_test(there_is_a_limit_of_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
