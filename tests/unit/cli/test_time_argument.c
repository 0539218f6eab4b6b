/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/time_argument.h"

#include "tests/unit/common/scratch.h"

#define SECOND INT64_C(1000000000)

static const struct timespec NOW = { .tv_sec = 2000000000, .tv_nsec = 5 };

static int64_t parse(const char *text)
{
	struct err e = { 0 };
	int64_t ns = 0;

	if (time_argument_parse(text, &NOW, &ns, &e) < 0)
		fail_msg("%s", e.text);
	return ns;
}

static void durations_go_back_from_now(void **state)
{
	(void)state;
	assert_int_equal(parse("10m"), NOW.tv_sec * SECOND + 5 - 600 * SECOND);
	assert_int_equal(parse("1h0.5s"), NOW.tv_sec * SECOND + 5 - 3600 * SECOND - SECOND / 2);
	assert_int_equal(parse("-10s"), NOW.tv_sec * SECOND + 5 + 10 * SECOND);
	assert_int_equal(parse("0"), NOW.tv_sec * SECOND + 5);
}

static void seconds_since_1970_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("1764000000"), 1764000000 * SECOND);
	assert_int_equal(parse("1764000000.25"), 1764000000 * SECOND + SECOND / 4);
	assert_int_equal(parse("1764000000.123456789"), 1764000000 * SECOND + 123456789);
	assert_int_equal(parse("-1.5"), -SECOND - SECOND / 2);
}

static void as_much_of_a_date_as_there_is_counts(void **state)
{
	(void)state;
	assert_int_equal(parse("2026-01-02T03:04:05Z"), 1767323045 * SECOND);
	assert_int_equal(parse("2026-01-02T03:04:05.5Z"), 1767323045 * SECOND + SECOND / 2);
	assert_int_equal(parse("2026-01-02T05:04:05+02:00"), 1767323045 * SECOND);
	assert_int_equal(parse("2026-01-02T03:04Z"), 1767323040 * SECOND);
	assert_int_equal(parse("2026-01-02T03Z"), 1767322800 * SECOND);
	assert_int_equal(parse("2026-01-02T03-01:00"), 1767326400 * SECOND);
	assert_int_equal(parse("2026-01-02Z"), 1767312000 * SECOND);
	assert_int_equal(parse("2026-01-02-01:00"), 1767315600 * SECOND);
}

static void without_a_zone_a_date_is_local(void **state)
{
	(void)state;
	assert_int_equal(setenv("TZ", "XYZ-3", 1), 0); /* three hours east */
	tzset();
	assert_int_equal(parse("2026-01-02T06:04:05"), 1767323045 * SECOND);
	assert_int_equal(parse("2026-01-02T06:04"), 1767323040 * SECOND);
	assert_int_equal(parse("2026-01-02T06"), 1767322800 * SECOND);
	assert_int_equal(parse("2026-01-02"), 1767301200 * SECOND);
	assert_int_equal(parse("2026-01-02T06:04:05.25"), 1767323045 * SECOND + SECOND / 4);
}

static void anything_else_is_refused_in_dockers_words(void **state)
{
	static const char *const BAD[] = { "",
					   "yesterday",
					   "2026-13-01",
					   "2026-01-02T",
					   "2026-01-02T3",
					   "2026-01-02T03:4",
					   "2026-01-02T03:04:05X",
					   "2026-01-02T03:04:05+2",
					   "12.3.4",
					   "1e9",
					   "99999999999999999999",
					   "9300000000",
					   "5 m" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		char expected[128];
		struct err e = { 0 };
		int64_t ns;

		assert_int_equal(time_argument_parse(BAD[i], &NOW, &ns, &e), -EINVAL);
		(void)snprintf(expected, sizeof(expected),
			       "failed to parse value as time or duration: \"%s\"", BAD[i]);
		assert_string_equal(e.text, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_go_back_from_now),
		cmocka_unit_test(seconds_since_1970_are_taken),
		cmocka_unit_test(as_much_of_a_date_as_there_is_counts),
		cmocka_unit_test(without_a_zone_a_date_is_local),
		cmocka_unit_test(anything_else_is_refused_in_dockers_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
