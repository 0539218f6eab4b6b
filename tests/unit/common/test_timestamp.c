/* SPDX-License-Identifier: Apache-2.0 */
#include "common/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static void points_in_time_are_written_in_utc(void **state)
{
	static const struct {
		struct timespec time;
		const char *text;
	} CASES[] = {
		{ { 0, 0 }, "1970-01-01T00:00:00.000000000Z" },
		{ { 951782400, 1 }, "2000-02-29T00:00:00.000000001Z" },
		{ { 1136214245, 5000000 }, "2006-01-02T15:04:05.005000000Z" },
		{ { 2147483648, 999999999 }, "2038-01-19T03:14:08.999999999Z" },
		{ { 4102444799, 0 }, "2099-12-31T23:59:59.000000000Z" },
		{ { 253402300799, 0 }, "9999-12-31T23:59:59.000000000Z" },
		{ { -1, 0 }, "1969-12-31T23:59:59.000000000Z" },
	};
	char text[TIMESTAMP_MAX];

	(void)state;
	assert_int_equal(setenv("TZ", "Asia/Kathmandu", 1), 0); /* which must not matter */
	tzset();
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		timestamp_format(&CASES[i].time, text);
		assert_string_equal(text, CASES[i].text);
	}
}

static void later_points_in_time_sort_behind(void **state)
{
	static const struct timespec TIMES[] = { { 5, 999999999 }, { 6, 0 },         { 6, 9 },
						 { 6, 10 },        { 59, 0 },        { 60, 0 },
						 { 86399, 0 },     { 86400, 0 },     { 2678399, 5 },
						 { 2678400, 4 },   { 999999999, 0 }, { 1000000000, 0 } };
	char earlier[TIMESTAMP_MAX], later[TIMESTAMP_MAX];

	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(TIMES); i++) {
		timestamp_format(&TIMES[i - 1], earlier);
		timestamp_format(&TIMES[i], later);
		assert_true(strcmp(earlier, later) < 0);
		assert_int_equal(strlen(later), TIMESTAMP_MAX - 1);
	}
}

static void now_lies_between_before_and_after(void **state)
{
	char before[TIMESTAMP_MAX], now[TIMESTAMP_MAX], after[TIMESTAMP_MAX];
	struct timespec t;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
	timestamp_format(&t, before);
	timestamp_now(now);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
	timestamp_format(&t, after);
	assert_true(strcmp(before, now) <= 0);
	assert_true(strcmp(now, after) <= 0);
}

static void any_number_stays_within_its_width(void **state)
{
	static const struct timespec ODD[] = { { INT64_MAX, 0 },
					       { INT64_MIN, 0 },
					       { 253402300800, 0 },
					       { -99999999999999, 0 },
					       { 0, 1000000000000 } };
	char text[TIMESTAMP_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ODD); i++) {
		timestamp_format(&ODD[i], text);
		assert_int_equal(strlen(text), TIMESTAMP_MAX - 1);
	}
}

static void what_was_written_is_read_back(void **state)
{
	static const char *const SAME[] = { "2000-02-29T00:00:00.000000001Z",
					    "2000-02-29T00:00:00.000000001000Z",
					    "2000-02-29t01:30:00.000000001+01:30",
					    "2000-02-28 23:00:00.000000001-01:00" };
	static const char *const BAD[] = { "",
					   "2000-02-29",
					   "2000-02-29T00:00:00",
					   "2000-02-29T00:00:00.Z",
					   "2000-02-29T24:00:00Z",
					   "2000-00-29T00:00:00Z",
					   "2000-02-29T00:00:00Zx" };
	struct timespec t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(SAME); i++) {
		assert_int_equal(timestamp_parse(SAME[i], &t), 0);
		assert_int_equal(t.tv_sec, 951782400);
		assert_int_equal(t.tv_nsec, 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(timestamp_parse(BAD[i], &t), -EINVAL);
}

static void the_clock_for_deadlines_runs_in_milliseconds(void **state)
{
	struct timespec before, after;
	int64_t ms;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
	ms = monotonic_ms();
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
	assert_true(ms >= (int64_t)before.tv_sec * 1000 + before.tv_nsec / 1000000);
	assert_true(ms <= (int64_t)after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_in_time_are_written_in_utc),
		cmocka_unit_test(later_points_in_time_sort_behind),
		cmocka_unit_test(now_lies_between_before_and_after),
		cmocka_unit_test(any_number_stays_within_its_width),
		cmocka_unit_test(what_was_written_is_read_back),
		cmocka_unit_test(the_clock_for_deadlines_runs_in_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
