/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oci/runtime_spec.h"

static void resources_are_read_on_their_own(void **state)
{
	static const char TEXT[] =
		"{\"memory\":{\"limit\":33554432,\"checkBeforeUpdate\":true},\"cpu\":{\"cpus\":\"0\","
		"\"quota\":-1},"
		"\"pids\":{\"limit\":5},\"devices\":[{\"allow\":false}],\"unified\":{\"memory.high\":\"9\"},"
		"\"network\":{\"classID\":7},\"unknown\":1}";
	cleanup_spec_resources struct spec_resources r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(spec_resources_decode(TEXT, strlen(TEXT), &r, &e), 0);
	assert_true(r.memory_limit.set && r.memory_limit.value == 33554432);
	assert_true(r.memory_check_before_update.set && r.memory_check_before_update.value);
	assert_string_equal(r.cpu_cpus, "0");
	assert_true(r.cpu_quota_us.set && r.cpu_quota_us.value == -1);
	assert_false(r.memory_swap.set || r.cpu_shares.set);
	assert_int_equal(r.pids_limit.value, 5);
	assert_int_equal(r.devices_len, 1);
	assert_int_equal(r.devices[0].type, 'a');
	assert_string_equal(r.unified.items[0], "memory.high=9");
	assert_true(r.has_network);
}

static void bad_resources_name_the_place_and_leave_nothing(void **state)
{
	static const char TEXT[] = "{\"cpu\":{\"cpus\":\"0\"},\"memory\":{\"limit\":\"big\"}}";
	static const struct spec_resources EMPTY;
	struct spec_resources r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(spec_resources_decode(TEXT, strlen(TEXT), &r, &e), -EINVAL);
	assert_non_null(strstr(e.text, "memory.limit"));
	assert_memory_equal(&r, &EMPTY, sizeof(r));
	assert_int_equal(spec_resources_decode("", 0, &r, &e), -EINVAL);
	assert_int_equal(spec_resources_decode("[]", 2, &r, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resources_are_read_on_their_own),
		cmocka_unit_test(bad_resources_name_the_place_and_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
