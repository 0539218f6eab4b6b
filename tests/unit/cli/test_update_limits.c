/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/update_limits.h"

#define CPUS 4
#define MIB  ((int64_t)1 << 20)

static struct opt_i64 i64(int64_t value)
{
	return (struct opt_i64){ .set = true, .value = value };
}

static struct opt_u64 u64(uint64_t value)
{
	return (struct opt_u64){ .set = true, .value = value };
}

static void the_options_are_the_limits_of_run_and_its_restart_policy(void **state)
{
	const struct option_def *o = update_limits_options();
	size_t n = 0;

	(void)state;
	for (; o[n].name; n++)
		assert_non_null(o[n].help);
	assert_int_equal(n, 12);
}

static void period_and_quota_go_together(void **state)
{
	const struct run_flags period = { .cpu_period = i64(50000) }, quota = { .cpu_quota = i64(-1) };
	struct spec_resources changes, now = { .cpu_quota_us = i64(20000), .cpu_period_us = u64(100000) };
	struct err e;

	(void)state;
	assert_int_equal(update_limits_make(&period, CPUS, &now, &changes, &e), 0);
	assert_int_equal(changes.cpu_quota_us.value, 20000);
	assert_int_equal(update_limits_merge(&changes, &now), 0);
	assert_int_equal(now.cpu_period_us.value, 50000);
	assert_int_equal(update_limits_make(&quota, CPUS, &now, &changes, &e), 0);
	assert_int_equal(changes.cpu_period_us.value, 50000);
	assert_int_equal(update_limits_merge(&changes, &now), 0);
	assert_int_equal(now.cpu_quota_us.value, -1);
	assert_int_equal(update_limits_make(&period, CPUS, NULL, &changes, &e), 0);
	assert_false(changes.cpu_quota_us.set);
}

static void only_what_was_asked_for_changes(void **state)
{
	const struct run_flags f = { .memory = u64(64 * MIB) };
	struct spec_resources changes, now = { .cpu_shares = u64(7), .pids_limit = i64(9) };
	struct err e;

	(void)state;
	assert_int_equal(update_limits_make(&f, CPUS, &now, &changes, &e), 0);
	assert_true(changes.memory_limit.set);
	assert_int_equal(changes.memory_limit.value, 64 * MIB);
	assert_false(changes.memory_swap.set); /* unlike with `run` */
	assert_false(changes.pids_limit.set);
	assert_int_equal(update_limits_merge(&changes, &now), 0);
	assert_int_equal(now.memory_limit.value, 64 * MIB);
	assert_int_equal(now.cpu_shares.value, 7);
	assert_int_equal(now.pids_limit.value, 9);
	spec_resources_done(&changes);
}

static void all_of_them_are_merged(void **state)
{
	const struct run_flags f = { .memory = u64(64 * MIB),
				     .memory_swap = i64(-1),
				     .memory_reservation = u64(32 * MIB),
				     .nano_cpus = u64(500000000),
				     .cpu_shares = u64(512),
				     .cpuset_cpus = "0-1",
				     .cpuset_mems = "0",
				     .pids_limit = i64(0) };
	struct spec_resources changes, now = { .cpu_cpus = strdup("3") };
	struct err e;

	(void)state;
	assert_int_equal(update_limits_make(&f, CPUS, &now, &changes, &e), 0);
	assert_int_equal(update_limits_merge(&changes, &now), 0);
	assert_int_equal(now.memory_swap.value, -1);
	assert_int_equal(now.memory_reservation.value, 32 * MIB);
	assert_int_equal(now.cpu_quota_us.value, 50000);
	assert_int_equal(now.cpu_period_us.value, 100000);
	assert_int_equal(now.cpu_shares.value, 512);
	assert_string_equal(now.cpu_cpus, "0-1");
	assert_string_equal(now.cpu_mems, "0");
	assert_int_equal(now.pids_limit.value, -1); /* 0 is no limit */
	spec_resources_done(&changes);
	spec_resources_done(&now);
}

static void refuse(const struct run_flags *f, const struct spec_resources *now, const char *text)
{
	struct spec_resources changes;
	struct err e = { 0 };

	assert_true(update_limits_make(f, CPUS, now, &changes, &e) < 0);
	assert_string_equal(e.text, text);
}

static void what_does_not_go_together_is_refused(void **state)
{
	const struct spec_resources now = { .memory_limit = i64(64 * MIB), .memory_swap = i64(128 * MIB) };

	(void)state;
	refuse(&(struct run_flags){ 0 }, &now, "you must provide one or more flags when using this command");
	refuse(&(struct run_flags){ .memory = u64(256 * MIB) }, &now,
	       "memory limit should be smaller than already set memoryswap limit, update the memoryswap at "
	       "the "
	       "same time");
	refuse(&(struct run_flags){ .memory_swap = i64(32 * MIB) }, &now,
	       "--memory-swap is memory and swap together: it must not be less than -m");
	refuse(&(struct run_flags){ .memory_swap = i64(32 * MIB) }, NULL,
	       "you should always set the memory limit when using --memory-swap (use -m too)");
	refuse(&(struct run_flags){ .memory = u64(1) }, &now, "minimum memory limit allowed is 256KiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_options_are_the_limits_of_run_and_its_restart_policy),
		cmocka_unit_test(period_and_quota_go_together),
		cmocka_unit_test(only_what_was_asked_for_changes),
		cmocka_unit_test(all_of_them_are_merged),
		cmocka_unit_test(what_does_not_go_together_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
