/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/format.h"
#include "common/timestamp.h"
#include "common/cleanup.h"

static void sizes_have_three_digits(void **state)
{
	char out[FORMAT_MAX];

	(void)state;
	format_size(0, out);
	assert_string_equal(out, "0B");
	format_size(999, out);
	assert_string_equal(out, "999B");
	format_size(4261550, out);
	assert_string_equal(out, "4.26MB");
	format_size(1500000000, out);
	assert_string_equal(out, "1.5GB");
	format_size(UINT64_MAX, out);
	assert_string_equal(out, "18.4EB");
}

static void binary_sizes_have_four_digits(void **state)
{
	char out[FORMAT_MAX];

	(void)state;
	format_size_binary(64 << 20, out);
	assert_string_equal(out, "64MiB");
	format_size_binary(1610612736, out);
	assert_string_equal(out, "1.5GiB");
	format_size_binary(1000 << 10, out);
	assert_string_equal(out, "1000KiB");
}

static void durations_are_said_as_docker_says_them(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} CASES[] = {
		{ -5, "Less than a second" },
		{ 0, "Less than a second" },
		{ 1, "1 second" },
		{ 59, "59 seconds" },
		{ 60, "About a minute" },
		{ 119, "About a minute" },
		{ 120, "2 minutes" },
		{ 3599, "59 minutes" },
		{ 3600, "About an hour" },
		{ 2 * 3600, "2 hours" },
		{ 47 * 3600, "47 hours" },
		{ 48 * 3600, "2 days" },
		{ 13 * 86400, "13 days" },
		{ 14 * 86400, "2 weeks" },
		{ 62 * 86400, "8 weeks" },
		{ 63 * 86400, "2 months" },
		{ 730 * 86400, "2 years" },
		{ INT64_MAX, "292471208677 years" },
	};
	char out[FORMAT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		format_duration(CASES[i].seconds, out);
		assert_string_equal(out, CASES[i].text);
	}
}

static void ages_of_images_without_a_date_are_not_available(void **state)
{
	char out[FORMAT_MAX];

	(void)state;
	format_ago("2026-11-23T21:00:00Z", 1795474800 + 7200, out);
	assert_string_equal(out, "4 hours ago");
	format_ago(NULL, 0, out);
	assert_string_equal(out, "N/A");
	format_ago("yesterday", 0, out);
	assert_string_equal(out, "N/A");
	format_ago("0001-01-01T00:00:00Z", 0, out);
	assert_string_equal(out, "N/A");
}

static void times_survive_the_way_to_text_and_back(void **state)
{
	struct timespec t = { .tv_sec = 1795474800, .tv_nsec = 42 }, back = { 0 };
	char out[FORMAT_MAX];

	(void)state;
	timestamp_format(&t, out);
	assert_string_equal(out, "2026-11-23T23:00:00.000000042Z");
	assert_int_equal(format_parse_rfc3339(out, &back), 0);
	assert_int_equal(back.tv_sec, t.tv_sec);
	assert_int_equal(back.tv_nsec, 42);
	assert_int_equal(format_parse_rfc3339("2026-11-24T00:30:00.5+01:30", &back), 0);
	assert_int_equal(back.tv_sec, t.tv_sec);
	assert_int_equal(back.tv_nsec, 500000000);
}

static void malformed_times_are_refused(void **state)
{
	static const char *const CASES[] = {
		"",
		"2026",
		"2026-11-23",
		"2026-13-23T00:00:00Z",
		"2026-11-23T00:00:00",
		"2026-11-23T24:00:00Z",
		"2026-11-23T00:00:00.Z",
		"2026-11-23T00:00:00Zx",
		"2026-11-23T00:00:00+1:00",
	};
	struct timespec t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_int_equal(format_parse_rfc3339(CASES[i], &t), -EINVAL);
}

static void short_ids_have_twelve_digits(void **state)
{
	char out[FORMAT_MAX];

	(void)state;
	format_short_id("sha256:0123456789abcdef0123", out);
	assert_string_equal(out, "0123456789ab");
	format_short_id("0123456789abcdef0123", out);
	assert_string_equal(out, "0123456789ab");
	format_short_id("01", out);
	assert_string_equal(out, "01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_three_digits),
		cmocka_unit_test(binary_sizes_have_four_digits),
		cmocka_unit_test(durations_are_said_as_docker_says_them),
		cmocka_unit_test(ages_of_images_without_a_date_are_not_available),
		cmocka_unit_test(times_survive_the_way_to_text_and_back),
		cmocka_unit_test(malformed_times_are_refused),
		cmocka_unit_test(short_ids_have_twelve_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
