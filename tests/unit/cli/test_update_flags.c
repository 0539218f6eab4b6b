/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/update_flags.h"
#include "common/cleanup.h"

static const struct command_def UPDATE = { .name = "update", .options = UPDATE_FLAGS };

/* Parses words; argv[0] is not one of them. */
static int parse(const char *const *words, size_t len, struct update_flags *f, struct err *e)
{
	char *argv[32] = { (char *)(uintptr_t) "update" };
	int count;

	*e = (struct err){ 0 };
	assert_true(len + 2 < ARRAY_LEN(argv));
	for (size_t i = 0; i < len; i++)
		argv[i + 1] = (char *)(uintptr_t)words[i];
	return options_parse(&UPDATE, (int)len + 1, argv, f, &count, e);
}
#define PARSE(f, e, ...)                            \
	parse((const char *const[]){ __VA_ARGS__ }, \
	      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), f, e)

static void every_flag_sets_its_limit(void **state)
{
	cleanup_update_flags struct update_flags f = { 0 };
	const struct spec_resources *r = &f.resources;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&f, &e, "--blkio-weight=500", "--cpu-period=100000", "--cpu-quota", "-1",
			       "--cpu-burst=7", "--cpu-share=2048", "--cpu-rt-period=9", "--cpu-rt-runtime=8",
			       "--cpuset-cpus=0-1", "--cpuset-mems=0", "--pids-limit=33", "--cpu-idle=1"),
			 0);
	assert_true(r->blkio_weight.set && r->blkio_weight.value == 500);
	assert_true(r->cpu_period_us.set && r->cpu_period_us.value == 100000);
	assert_true(r->cpu_quota_us.set && r->cpu_quota_us.value == -1);
	assert_true(r->cpu_burst_us.set && r->cpu_burst_us.value == 7);
	assert_true(r->cpu_shares.set && r->cpu_shares.value == 2048);
	assert_true(r->cpu_realtime_period_us.set && r->cpu_realtime_period_us.value == 9);
	assert_true(r->cpu_realtime_runtime_us.set && r->cpu_realtime_runtime_us.value == 8);
	assert_true(r->cpu_idle.set && r->cpu_idle.value == 1);
	assert_true(r->pids_limit.set && r->pids_limit.value == 33);
	assert_string_equal(r->cpu_cpus, "0-1");
	assert_string_equal(r->cpu_mems, "0");
	assert_false(r->memory_limit.set || r->memory_swap.set || r->memory_reservation.set);
}

static void bytes_take_units_and_minus_one(void **state)
{
	cleanup_update_flags struct update_flags f = { 0 };
	const struct spec_resources *r = &f.resources;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&f, &e, "--memory", "64M", "--memory-swap", "-1",
			       "--memory-reservation=1048576", "--kernel-memory=1", "-r", "-",
			       "--l3-cache-schema=a", "--mem-bw-schema=b"),
			 0);
	assert_true(r->memory_limit.set && r->memory_limit.value == 64 << 20);
	assert_true(r->memory_swap.set && r->memory_swap.value == -1);
	assert_true(r->memory_reservation.set && r->memory_reservation.value == 1048576);
	assert_string_equal(f.resources_file, "-");
	assert_string_equal(f.l3_cache_schema, "a");
	assert_string_equal(f.mem_bw_schema, "b");
}

static void empty_values_and_zeros_that_mean_none_set_nothing(void **state)
{
	cleanup_update_flags struct update_flags f = { 0 };
	static const struct spec_resources NOTHING;
	struct err e;

	(void)state;
	assert_int_equal(PARSE(&f, &e, "--memory=", "--cpu-quota=", "--cpu-share=", "--cpuset-cpus=",
			       "--cpu-idle=", "--pids-limit=0", "--blkio-weight=0"),
			 0);
	assert_false(f.resources.pids_limit.set || f.resources.blkio_weight.set);
	f.resources.pids_limit.value = 0;
	assert_memory_equal(&f.resources, &NOTHING, sizeof(NOTHING));
}

static void bad_values_are_refused_with_the_flag_and_what_it_takes(void **state)
{
	static const struct {
		const char *word, *text;
	} BAD[] = {
		{ "--memory=x",
		  "invalid argument \"x\" for \"--memory\" flag: expected bytes, with a unit or "
		  "without (64M), or -1" },
		{ "--memory=-2",
		  "invalid argument \"-2\" for \"--memory\" flag: expected bytes, with a unit or "
		  "without (64M), or -1" },
		{ "--cpu-share=-1",
		  "invalid argument \"-1\" for \"--cpu-share\" flag: expected a non-negative "
		  "number" },
		{ "--cpu-quota=1.5", "invalid argument \"1.5\" for \"--cpu-quota\" flag: expected a number" },
		{ "--blkio-weight=65536",
		  "invalid argument \"65536\" for \"--blkio-weight\" flag: value out of range" },
		{ "--pids-limit=9223372036854775808",
		  "invalid argument \"9223372036854775808\" for \"--pids-limit\" flag: value out of range" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		cleanup_update_flags struct update_flags f = { 0 };
		struct err e;

		assert_true(PARSE(&f, &e, BAD[i].word) < 0);
		assert_string_equal(e.text, BAD[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flag_sets_its_limit),
		cmocka_unit_test(bytes_take_units_and_minus_one),
		cmocka_unit_test(empty_values_and_zeros_that_mean_none_set_nothing),
		cmocka_unit_test(bad_values_are_refused_with_the_flag_and_what_it_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
