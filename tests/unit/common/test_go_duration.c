/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/go_duration.h"
#include "common/cleanup.h"

static void spans_are_read_as_go_reads_them(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} CASES[] = {
		{ "0", 0 },
		{ "-0", 0 },
		{ "0s", 0 },
		{ "5s", INT64_C(5000000000) },
		{ "+5s", INT64_C(5000000000) },
		{ "-5s", INT64_C(-5000000000) },
		{ "1ns", 1 },
		{ "1us", 1000 },
		{ "1\xc2\xb5s", 1000 },
		{ "1\xce\xbcs", 1000 },
		{ "300ms", 300000000 },
		{ "1.5h", INT64_C(5400000000000) },
		{ ".5s", 500000000 },
		{ "1.s", INT64_C(1000000000) },
		{ "1m30s", INT64_C(90000000000) },
		{ "1h15m30.918s", INT64_C(4530918000000) },
		{ "0.3333333333333333333h", INT64_C(1199999999999) },
		{ "9223372036854775807ns", INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		int64_t ns = -7;

		assert_int_equal(go_duration_parse(CASES[i].text, &ns), 0);
		assert_int_equal(ns, CASES[i].ns);
	}
}

static void what_is_no_span_is_refused(void **state)
{
	static const char *const BAD[] = { "",    "5",  "-",  "+",   "s",    ".s",   "5 s", " 5s",
					   "5s ", "5S", "5d", "5sm", "--5s", "1e3s", "5s3", "\xc2s" };
	static const char *const HUGE_SPANS[] = { "9223372036854775808ns", "3000000h",
						  "99999999999999999999s", "2562047h48m" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		int64_t ns = -7;

		assert_int_equal(go_duration_parse(BAD[i], &ns), -EINVAL);
		assert_int_equal(ns, -7);
	}
	for (size_t i = 0; i < ARRAY_LEN(HUGE_SPANS); i++) {
		int64_t ns = -7;

		assert_int_equal(go_duration_parse(HUGE_SPANS[i], &ns), -ERANGE);
		assert_int_equal(ns, -7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_are_read_as_go_reads_them),
		cmocka_unit_test(what_is_no_span_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
