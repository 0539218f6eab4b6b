/* SPDX-License-Identifier: Apache-2.0 */
#include "common/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/cleanup.h"

#define UNTOUCHED 0x5a5a5a5a5a5a5a5a

static const char *const NO_NUMBERS[] = { "",  " ",   "+1",  " 1",  "1 ", "0x1", "1\n", "1_000", "1,0",
					  "١", "1e3", "--1", "- 1", "1-", "/",   ":",   "\t1",   "1a" };

static void words_that_are_no_numbers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(NO_NUMBERS); i++) {
		uint64_t n = UNTOUCHED;
		int64_t s = UNTOUCHED;

		if (parse_u64(NO_NUMBERS[i], 0, UINT64_MAX, &n) != -EINVAL ||
		    parse_i64(NO_NUMBERS[i], INT64_MIN, INT64_MAX, &s) != -EINVAL ||
		    parse_octal(NO_NUMBERS[i], UINT64_MAX, &n) != -EINVAL)
			fail_msg("'%s' passed for a number", NO_NUMBERS[i]);
		assert_true(n == UNTOUCHED && s == UNTOUCHED);
	}
}

static void unsigned_numbers_end_at_their_maximum(void **state)
{
	uint64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_u64("99999999999999999999999999", 0, UINT64_MAX, &n), -ERANGE);
	assert_true(n == UNTOUCHED);
	assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse_u64("0", 0, UINT64_MAX, &n), 0);
	assert_true(n == 0);
	assert_int_equal(parse_u64("007", 0, 7, &n), 0);
	assert_true(n == 7);
}

static void unsigned_numbers_stay_within_the_bounds_given(void **state)
{
	uint64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(parse_u64("9", 10, 20, &n), -ERANGE);
	assert_int_equal(parse_u64("21", 10, 20, &n), -ERANGE);
	assert_true(n == UNTOUCHED);
	assert_int_equal(parse_u64("10", 10, 20, &n), 0);
	assert_int_equal(parse_u64("20", 10, 20, &n), 0);
	assert_true(n == 20);
}

static void a_minus_makes_no_unsigned_number(void **state)
{
	uint64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(parse_u64("-1", 0, UINT64_MAX, &n), -EINVAL);
	assert_int_equal(parse_u64("-0", 0, UINT64_MAX, &n), -EINVAL);
	assert_true(n == UNTOUCHED);
}

static void signed_numbers_reach_both_ends(void **state)
{
	int64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_i64("-18446744073709551616", INT64_MIN, INT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_i64("-", INT64_MIN, INT64_MAX, &n), -EINVAL);
	assert_int_equal(parse_i64("-11", -10, 10, &n), -ERANGE);
	assert_int_equal(parse_i64("11", -10, 10, &n), -ERANGE);
	assert_true(n == UNTOUCHED);
	assert_int_equal(parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &n), 0);
	assert_true(n == INT64_MIN);
	assert_int_equal(parse_i64("-10", -10, 10, &n), 0);
	assert_true(n == -10);
	assert_int_equal(parse_i64("-0", 0, 0, &n), 0);
	assert_true(n == 0);
}

static void octal_numbers_have_octal_digits(void **state)
{
	uint64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(parse_octal("8", 07777, &n), -EINVAL);
	assert_int_equal(parse_octal("0o17", 07777, &n), -EINVAL);
	assert_int_equal(parse_octal("-7", 07777, &n), -EINVAL);
	assert_int_equal(parse_octal("10000", 07777, &n), -ERANGE);
	assert_int_equal(parse_octal("2000000000000000000000", UINT64_MAX, &n), -ERANGE);
	assert_true(n == UNTOUCHED);
	assert_int_equal(parse_octal("7777", 07777, &n), 0);
	assert_true(n == 07777);
	assert_int_equal(parse_octal("0644", 07777, &n), 0);
	assert_true(n == 0644);
	assert_int_equal(parse_octal("1777777777777777777777", UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
}

struct unit_case {
	const char *text;
	uint64_t value;
};

static void sizes_are_understood_in_all_units(void **state)
{
	static const struct unit_case CASES[] = {
		{ "0", 0 },
		{ "1024", 1024 },
		{ "512b", 512 },
		{ "512B", 512 },
		{ "1k", 1024 },
		{ "1K", 1024 },
		{ "1kb", 1024 },
		{ "1KB", 1024 },
		{ "512m", UINT64_C(512) << 20 },
		{ "512M", UINT64_C(512) << 20 },
		{ "512mb", UINT64_C(512) << 20 },
		{ "512Mi", UINT64_C(512) << 20 },
		{ "512MiB", UINT64_C(512) << 20 },
		{ "512Ki", 512 << 10 },
		{ "1.5g", UINT64_C(3) << 29 },
		{ "1.5Gi", UINT64_C(3) << 29 },
		{ "2t", UINT64_C(2) << 40 },
		{ "1Ti", UINT64_C(1) << 40 },
		{ "1p", UINT64_C(1) << 50 },
		{ "1Pi", UINT64_C(1) << 50 },
		{ ".5k", 512 },
		{ ".5", 0 },
		{ "1.", 1 },
		{ "1.9", 1 },
		{ "0.1k", 102 },
		{ "9223372036854775807", INT64_MAX },
		{ "8388607t", UINT64_C(8388607) << 40 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		uint64_t n = UNTOUCHED;

		if (parse_size_bytes(CASES[i].text, &n) != 0 || n != CASES[i].value)
			fail_msg("'%s' became %llu", CASES[i].text, (unsigned long long)n);
	}
}

static void words_that_are_no_sizes_are_refused(void **state)
{
	static const char *const BAD[] = { "",     "b",     "k",   "Mi",   ".",    ".k",  "1e3", "-1",
					   "+1",   " 1",    "1 ",  "1 k",  "0x10", "1kk", "1ib", "1ki b",
					   "1..5", "1.5.1", "1.x", "1.-5", "m1",   "1x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		uint64_t n = UNTOUCHED;

		if (parse_size_bytes(BAD[i], &n) != -EINVAL)
			fail_msg("'%s' passed for a size", BAD[i]);
		assert_true(n == UNTOUCHED);
	}
}

static void sizes_over_the_largest_are_out_of_range(void **state)
{
	static const char *const BAD[] = { "9223372036854775808",  "9223372036854775807.5k", "8388608t",
					   "18446744073709551615", "18446744073709551616",   "8192p",
					   "99999999999999999999g" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		uint64_t n = UNTOUCHED;

		if (parse_size_bytes(BAD[i], &n) != -ERANGE)
			fail_msg("'%s' was not out of range", BAD[i]);
		assert_true(n == UNTOUCHED);
	}
}

static void cpus_are_counted_in_billionths(void **state)
{
	static const struct unit_case CASES[] = {
		{ "0.5", 500000000 },
		{ ".5", 500000000 },
		{ "2", 2000000000 },
		{ "2.", 2000000000 },
		{ "500m", 500000000 },
		{ "1500m", 1500000000 },
		{ "0.1m", 100000 },
		{ "0", 0 },
		{ "1.0000000001", 1000000000 },
		{ "1.000000001", 1000000001 },
		{ "0.999999999", 999999999 },
		{ "9223372036", UINT64_C(9223372036000000000) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		uint64_t n = UNTOUCHED;

		if (parse_nano_cpus(CASES[i].text, &n) != 0 || n != CASES[i].value)
			fail_msg("'%s' became %llu", CASES[i].text, (unsigned long long)n);
	}
}

static void words_that_are_no_cpus_are_refused(void **state)
{
	static const char *const BAD[] = { "",    "m",   ".",  ".m", "-1",  "1M", "1k",
					   "1e0", "0x1", " 1", "1 ", "1mm", "1,5" };
	uint64_t n = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		if (parse_nano_cpus(BAD[i], &n) != -EINVAL)
			fail_msg("'%s' passed for a number of CPUs", BAD[i]);
	assert_int_equal(parse_nano_cpus("9223372037", &n), -ERANGE);
	assert_int_equal(parse_nano_cpus("18446744073709551616", &n), -ERANGE);
	assert_true(n == UNTOUCHED);
}

static void booleans_are_spelt_as_in_go(void **state)
{
	static const char *const TRUE_WORDS[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const FALSE_WORDS[] = { "0", "f", "F", "false", "FALSE", "False" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TRUE_WORDS); i++) {
		bool yes = false, no = true;

		assert_int_equal(parse_bool(TRUE_WORDS[i], &yes), 0);
		assert_int_equal(parse_bool(FALSE_WORDS[i], &no), 0);
		assert_true(yes);
		assert_false(no);
	}
}

static void other_words_are_no_booleans(void **state)
{
	static const char *const BAD[] = { "",  "yes", "no", "on",    "off", "tRUE",
					   "2", "-1",  " 1", "true ", "01" };
	bool value = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(parse_bool(BAD[i], &value), -EINVAL);
	assert_true(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_that_are_no_numbers_are_refused),
		cmocka_unit_test(unsigned_numbers_end_at_their_maximum),
		cmocka_unit_test(unsigned_numbers_stay_within_the_bounds_given),
		cmocka_unit_test(a_minus_makes_no_unsigned_number),
		cmocka_unit_test(signed_numbers_reach_both_ends),
		cmocka_unit_test(octal_numbers_have_octal_digits),
		cmocka_unit_test(sizes_are_understood_in_all_units),
		cmocka_unit_test(words_that_are_no_sizes_are_refused),
		cmocka_unit_test(sizes_over_the_largest_are_out_of_range),
		cmocka_unit_test(cpus_are_counted_in_billionths),
		cmocka_unit_test(words_that_are_no_cpus_are_refused),
		cmocka_unit_test(booleans_are_spelt_as_in_go),
		cmocka_unit_test(other_words_are_no_booleans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
