/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/control.h"

#define MIB(n) ((n)*INT64_C(1048576))

static struct opt_i64 some(int64_t value)
{
	return (struct opt_i64){ .set = true, .value = value };
}

static struct cgroup_stats unknown(void)
{
	struct cgroup_stats s;

	memset(&s, 0xff, sizeof(s));
	return s;
}

static void a_limit_of_memory_keeps_that_of_memory_and_swap(void **state)
{
	struct cgroup_stats now = unknown();
	struct spec_resources r = { .memory_limit = some(MIB(96)) };

	(void)state;
	now.memory_max = (uint64_t)MIB(64);
	now.memory_swap_max = (uint64_t)MIB(64);
	control_complete(&now, &r);
	assert_true(r.memory_swap.set);
	assert_int_equal(r.memory_swap.value, MIB(128));
	assert_int_equal(r.memory_limit.value, MIB(96));
}

static void a_limit_of_swap_takes_the_memory_s_limit_that_is_there(void **state)
{
	struct cgroup_stats now = unknown();
	struct spec_resources r = { .memory_swap = some(MIB(128)) };

	(void)state;
	now.memory_max = (uint64_t)MIB(64);
	control_complete(&now, &r);
	assert_int_equal(r.memory_limit.value, MIB(64));
	assert_int_equal(r.memory_swap.value, MIB(128));
}

static void no_limits_leave_memory_as_it_is_asked_for(void **state)
{
	struct cgroup_stats now = unknown();
	struct spec_resources limit = { .memory_limit = some(MIB(1)) },
			      swap = { .memory_swap = some(MIB(2)) };
	struct spec_resources lifted = { .memory_limit = some(-1) };

	(void)state;
	control_complete(&now, &limit);
	assert_false(limit.memory_swap.set);
	control_complete(&now, &swap);
	assert_false(swap.memory_limit.set);
	now.memory_max = (uint64_t)MIB(64);
	control_complete(&now, &limit); /* swap is not limited */
	assert_false(limit.memory_swap.set);
	now.memory_swap_max = 0;
	control_complete(&now, &lifted);
	assert_false(lifted.memory_swap.set);
	assert_int_equal(lifted.memory_limit.value, -1);
}

static void a_period_keeps_its_quota(void **state)
{
	struct cgroup_stats now = unknown();
	struct spec_resources period = { .cpu_period_us = { true, 50000 } };
	struct spec_resources both = { .cpu_period_us = { true, 50000 }, .cpu_quota_us = some(-1) };

	(void)state;
	control_complete(&now, &period);
	assert_false(period.cpu_quota_us.set);
	now.cpu_quota_us = 20000;
	now.cpu_period_us = 100000;
	control_complete(&now, &period);
	assert_int_equal(period.cpu_quota_us.value, 20000);
	control_complete(&now, &both);
	assert_int_equal(both.cpu_quota_us.value, -1);
}

static void device_rules_and_a_pids_limit_of_0_change_nothing(void **state)
{
	struct cgroup_stats now = unknown();
	struct spec_device_rule rule = { .allow = true, .type = 'a' };
	struct spec_resources r = { .devices = &rule, .devices_len = 1, .pids_limit = some(0) };
	struct spec_resources lifted = { .pids_limit = some(-1) };

	(void)state;
	control_complete(&now, &r);
	assert_int_equal(r.devices_len, 0);
	assert_false(r.pids_limit.set);
	control_complete(&now, &lifted);
	assert_true(lifted.pids_limit.set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_of_memory_keeps_that_of_memory_and_swap),
		cmocka_unit_test(a_limit_of_swap_takes_the_memory_s_limit_that_is_there),
		cmocka_unit_test(no_limits_leave_memory_as_it_is_asked_for),
		cmocka_unit_test(a_period_keeps_its_quota),
		cmocka_unit_test(device_rules_and_a_pids_limit_of_0_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
