/* SPDX-License-Identifier: Apache-2.0 */
#include "common/subid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"

static void ranges_are_found_by_name_and_by_number(void **state)
{
	static const char TEXT[] = "me:100000:65536\nyou:1:2\n1000:300000:10\nme:500000:7";
	struct subid_range r[SUBID_RANGES_MAX];

	(void)state;
	assert_int_equal(subid_ranges(TEXT, "me", 1000, r), 3);
	assert_int_equal(r[0].first, 100000);
	assert_int_equal(r[0].count, 65536);
	assert_int_equal(r[1].first, 300000);
	assert_int_equal(r[2].count, 7);
	assert_int_equal(subid_ranges(TEXT, "me", SUBID_NOBODY, r), 2);
	assert_int_equal(subid_ranges(TEXT, "m", SUBID_NOBODY, r), 0);
}

static void what_makes_no_sense_is_left_out(void **state)
{
	static const char TEXT[] =
		"me\nme:1\nme:1:\nme::1\nme:x:1\nme:1:0\nme:4294967295:1\nme:1:4294967295\n"
		"me:99999999999999999999:1\nme: 1:1\n\nme:7:1\n";
	struct subid_range r[SUBID_RANGES_MAX];

	(void)state;
	assert_int_equal(subid_ranges(TEXT, "me", SUBID_NOBODY, r), 1);
	assert_int_equal(r[0].first, 7);
	assert_int_equal(subid_ranges("", "me", 0, r), 0);
}

static void more_than_there_is_room_for_are_left_out(void **state)
{
	struct subid_range r[SUBID_RANGES_MAX];
	char text[(SUBID_RANGES_MAX + 9) * 8] = "";

	(void)state;
	for (size_t i = 0; i < SUBID_RANGES_MAX + 9; i++)
		memcpy(text + i * 7, "me:1:1\n", 8);
	assert_int_equal(subid_ranges(text, "me", SUBID_NOBODY, r), SUBID_RANGES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_found_by_name_and_by_number),
		cmocka_unit_test(what_makes_no_sense_is_left_out),
		cmocka_unit_test(more_than_there_is_room_for_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
