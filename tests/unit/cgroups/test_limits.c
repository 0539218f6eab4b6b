/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cgroups/limits.h"
#include "common/cleanup.h"

#define SET(v)                            \
	{                                 \
		.set = true, .value = (v) \
	}

/* The plan as "file=value" lines; '?' marks what is optional, '|' what has an alternative. */
static void assert_plan(const struct spec_resources *r, const char *expected)
{
	cleanup_limit_list struct limit_list list = { 0 };
	char text[2048] = "";
	size_t len = 0;
	struct err e = { 0 };

	if (limits_plan(r, &list, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < list.len; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s=%s%s%s\n", list.items[i].file,
					list.items[i].value, list.items[i].flags & LIMIT_OPTIONAL ? "?" : "",
					list.items[i].flags & LIMIT_OR_NEXT ? "|" : "");
	assert_string_equal(text, expected);
}

static void assert_refused(const struct spec_resources *r, int code, const char *message)
{
	struct limit_list list = { 0 };
	struct err e = { 0 };

	assert_int_equal(limits_plan(r, &list, &e), code);
	assert_int_equal(e.code, code);
	assert_string_equal(e.text, message);
	assert_null(list.items);
}

static void no_resources_need_nothing(void **state)
{
	const struct spec_resources r = { 0 };

	(void)state;
	assert_plan(&r, "");
	assert_int_equal(cgroup_needed_controllers(&r), 0);
	assert_int_equal(cgroup_needed_controllers(NULL), 0);
}

static void memory_swap_and_reservation_become_their_v2_files(void **state)
{
	const struct spec_resources r = { .memory_limit = SET(67108864),
					  .memory_swap = SET(134217728),
					  .memory_reservation = SET(33554432) };

	(void)state;
	assert_plan(&r, "memory.swap.max=67108864\nmemory.max=67108864\nmemory.low=33554432\n");
	assert_int_equal(cgroup_needed_controllers(&r), CGROUP_MEMORY);
}

static void swap_equal_to_memory_means_no_swap(void **state)
{
	const struct spec_resources r = { .memory_limit = SET(4096), .memory_swap = SET(4096) };

	(void)state;
	assert_plan(&r, "memory.swap.max=0\nmemory.max=4096\n");
}

static void unlimited_memory_lifts_swap_too_and_needs_no_controller(void **state)
{
	const struct spec_resources r = { .memory_limit = SET(-1) };
	const struct spec_resources both = { .memory_limit = SET(4096), .memory_swap = SET(-1) };
	const struct spec_resources zero = { .memory_limit = SET(0), .memory_swap = SET(0) };

	(void)state;
	assert_plan(&r, "memory.swap.max=max?\nmemory.max=max?\n");
	assert_int_equal(cgroup_needed_controllers(&r), 0);
	assert_plan(&both, "memory.swap.max=max?\nmemory.max=4096\n");
	assert_plan(&zero, "");
}

static void senseless_swap_is_refused(void **state)
{
	const struct spec_resources below = { .memory_limit = SET(4096), .memory_swap = SET(4095) };
	const struct spec_resources alone = { .memory_swap = SET(4096) };
	const struct spec_resources negative = { .memory_limit = SET(-2) };

	(void)state;
	assert_refused(&below, -EINVAL,
		       "linux.resources.memory.swap: '4095' is memory and swap: it cannot be below "
		       "memory.limit '4096'");
	assert_refused(&alone, -EINVAL,
		       "linux.resources.memory.swap: a limit of memory and swap needs memory.limit");
	assert_refused(&negative, -EINVAL, "linux.resources.memory.limit: '-2' is no limit (-1 is none)");
}

static void shares_become_weights_by_the_quadratic_formula(void **state)
{
	/* Computed with Python's math.log2 and math.pow. */
	static const uint64_t PAIRS[][2] = { { 0, 0 },
					     { 1, 1 },
					     { 2, 1 },
					     { 3, 2 },
					     { 10, 4 },
					     { 100, 17 },
					     { 512, 59 },
					     { 1000, 99 },
					     { 1024, 100 },
					     { 1025, 101 },
					     { 2048, 174 },
					     { 4096, 303 },
					     { 10240, 639 },
					     { 100000, 4340 },
					     { 262143, 10000 },
					     { 262144, 10000 },
					     { UINT64_MAX, 10000 } };
	uint64_t checksum = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(PAIRS); i++)
		assert_int_equal(limits_cpu_weight(PAIRS[i][0]), PAIRS[i][1]);
	for (uint64_t shares = 0; shares < 262146; shares++)
		checksum = checksum * 31 + limits_cpu_weight(shares);
	assert_int_equal(checksum, UINT64_C(9446804999009221979));
}

static void cpu_limits_become_weight_and_max(void **state)
{
	const struct spec_resources r = { .cpu_shares = SET(1024),
					  .cpu_quota_us = SET(50000),
					  .cpu_period_us = SET(100000) };
	const struct spec_resources no_period = { .cpu_quota_us = SET(50000) };
	const struct spec_resources lifted = { .cpu_quota_us = SET(-1) };
	const struct spec_resources period = { .cpu_period_us = SET(20000) };

	(void)state;
	assert_plan(&r, "cpu.weight=100\ncpu.max=50000 100000\n");
	assert_int_equal(cgroup_needed_controllers(&r), CGROUP_CPU);
	assert_plan(&no_period, "cpu.max=50000\n");
	assert_plan(&lifted, "cpu.max=max?\n");
	assert_int_equal(cgroup_needed_controllers(&lifted), 0);
	assert_plan(&period, "cpu.max=max 20000?\n");
}

static void burst_is_out_of_the_way_while_the_quota_changes(void **state)
{
	const struct spec_resources r = { .cpu_quota_us = SET(50000), .cpu_burst_us = SET(10000) };

	(void)state;
	assert_plan(&r, "cpu.max.burst=0?\ncpu.max=50000\ncpu.max.burst=10000\n");
}

static void an_idle_group_gets_no_weight(void **state)
{
	const struct spec_resources idle = { .cpu_idle = SET(1), .cpu_shares = SET(2048) };
	const struct spec_resources awake = { .cpu_idle = SET(0), .cpu_shares = SET(2048) };

	(void)state;
	assert_plan(&idle, "cpu.idle=1\n");
	assert_int_equal(cgroup_needed_controllers(&idle), CGROUP_CPU);
	assert_plan(&awake, "cpu.idle=0?\ncpu.weight=174\n");
}

static void cpusets_and_pids_are_written_as_they_are(void **state)
{
	char cpus[] = "0-3,5", mems[] = "0";
	const struct spec_resources r = { .cpu_cpus = cpus, .cpu_mems = mems, .pids_limit = SET(32) };

	(void)state;
	assert_plan(&r, "cpuset.cpus=0-3,5\ncpuset.mems=0\npids.max=32\n");
	assert_int_equal(cgroup_needed_controllers(&r), CGROUP_CPUSET | CGROUP_PIDS);
}

static void zero_and_negative_pids_mean_no_limit(void **state)
{
	const struct spec_resources zero = { .pids_limit = SET(0) }, negative = { .pids_limit = SET(-1) };

	(void)state;
	assert_plan(&zero, "pids.max=max?\n");
	assert_plan(&negative, "pids.max=max?\n");
	assert_int_equal(cgroup_needed_controllers(&zero) | cgroup_needed_controllers(&negative), 0);
}

static void io_limits_name_device_and_rate(void **state)
{
	struct spec_blkio_device device = {
		.major = 8, .minor = 16, .weight = SET(1000), .rate = SET(1048576)
	};
	struct spec_blkio_device lifted = { .major = 8, .minor = 0, .rate = SET(0) };
	const struct spec_resources r = { .blkio_weight = SET(500),
					  .blkio_weight_device = { &device, 1 },
					  .blkio_read_bps = { &device, 1 },
					  .blkio_write_bps = { &lifted, 1 },
					  .blkio_read_iops = { &device, 1 },
					  .blkio_write_iops = { &device, 1 } };

	(void)state;
	assert_plan(&r, "io.bfq.weight=500|\nio.weight=4950\nio.bfq.weight=8:16 1000|\nio.weight=8:16 10000\n"
			"io.max=8:16 rbps=1048576\nio.max=8:0 wbps=max\nio.max=8:16 riops=1048576\n"
			"io.max=8:16 wiops=1048576\n");
	assert_int_equal(cgroup_needed_controllers(&r), CGROUP_IO);
}

static void io_values_out_of_range_are_refused(void **state)
{
	struct spec_blkio_device device = { .major = -1, .minor = 16, .rate = SET(1) };
	const struct spec_resources weight = { .blkio_weight = SET(9) };
	const struct spec_resources number = { .blkio_read_bps = { &device, 1 } };

	(void)state;
	assert_refused(&weight, -EINVAL, "linux.resources.blockIO.weight: '9' is not in 10 to 1000");
	assert_refused(&number, -EINVAL, "linux.resources.blockIO: '-1:16' is no device number");
}

static void huge_pages_and_rdma_have_their_files(void **state)
{
	char size[] = "2MB", bad_size[] = "2/MB", name[] = "mlx5_1";
	struct spec_hugepage_limit huge = { .page_size = size, .limit = 0 }, bad = { .page_size = bad_size };
	struct spec_rdma_limit rdma = { .device = name, .hca_handles = SET(3), .hca_objects = SET(10000) };
	const struct spec_resources r = {
		.hugepage_limits = &huge, .hugepage_limits_len = 1, .rdma = &rdma, .rdma_len = 1
	};
	const struct spec_resources refused = { .hugepage_limits = &bad, .hugepage_limits_len = 1 };

	(void)state;
	assert_plan(&r, "hugetlb.2MB.max=0\nhugetlb.2MB.rsvd.max=0?\n"
			"rdma.max=mlx5_1 hca_handle=3 hca_object=10000\n");
	assert_int_equal(cgroup_needed_controllers(&r), CGROUP_HUGETLB | CGROUP_RDMA);
	assert_refused(&refused, -EINVAL,
		       "linux.resources.hugepageLimits[0].pageSize: '2/MB' is no page size");
}

static void unified_values_come_last_and_need_their_controller(void **state)
{
	cleanup_strvec struct strvec unified = { 0 };
	struct spec_resources r = { .pids_limit = SET(5) };

	(void)state;
	assert_int_equal(strvec_add(&unified, "memory.high=1000"), 0);
	assert_int_equal(strvec_add(&unified, "io.max=8:0 rbps=1"), 0);
	assert_int_equal(strvec_add(&unified, "cgroup.max.depth=3"), 0);
	r.unified = unified;
	assert_plan(&r, "pids.max=5\nmemory.high=1000\nio.max=8:0 rbps=1\ncgroup.max.depth=3\n");
	assert_int_equal(cgroup_needed_controllers(&r), CGROUP_PIDS | CGROUP_MEMORY | CGROUP_IO);
}

static void unified_names_stay_inside_the_cgroup(void **state)
{
	static const char *const BAD[] = { "../memory.max=1", "a/b=1", "=1", "..=1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		cleanup_strvec struct strvec unified = { 0 };
		struct spec_resources r = { 0 };
		char message[128];

		assert_int_equal(strvec_add(&unified, BAD[i]), 0);
		r.unified = unified;
		(void)snprintf(message, sizeof(message),
			       "linux.resources.unified: '%s' is no file name of a cgroup", BAD[i]);
		assert_refused(&r, -EINVAL, message);
	}
}

static void what_v1_alone_can_do_is_refused_by_name(void **state)
{
	const struct {
		struct spec_resources r;
		const char *key;
	} cases[] = {
		{ { .memory_swappiness = SET(10) }, "memory.swappiness" },
		{ { .memory_disable_oom_killer = SET(true) }, "memory.disableOOMKiller" },
		{ { .cpu_realtime_period_us = SET(1000) }, "cpu.realtimePeriod" },
		{ { .cpu_realtime_runtime_us = SET(1000) }, "cpu.realtimeRuntime" },
		{ { .blkio_leaf_weight = SET(100) }, "blockIO.leafWeight" },
		{ { .has_network = true }, "network" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char message[128];

		(void)snprintf(message, sizeof(message),
			       "linux.resources.%s: cgroup v2 has no such control (remove it)", cases[i].key);
		assert_refused(&cases[i].r, -EOPNOTSUPP, message);
	}
}

static void kernel_memory_and_what_asks_for_nothing_is_ignored(void **state)
{
	const struct spec_resources r = { .memory_kernel = SET(4096),
					  .memory_kernel_tcp = SET(4096),
					  .memory_disable_oom_killer = SET(false),
					  .memory_use_hierarchy = SET(true),
					  .cpu_realtime_runtime_us = SET(0) };

	(void)state;
	assert_plan(&r, "");
	assert_int_equal(cgroup_needed_controllers(&r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_resources_need_nothing),
		cmocka_unit_test(memory_swap_and_reservation_become_their_v2_files),
		cmocka_unit_test(swap_equal_to_memory_means_no_swap),
		cmocka_unit_test(unlimited_memory_lifts_swap_too_and_needs_no_controller),
		cmocka_unit_test(senseless_swap_is_refused),
		cmocka_unit_test(shares_become_weights_by_the_quadratic_formula),
		cmocka_unit_test(cpu_limits_become_weight_and_max),
		cmocka_unit_test(burst_is_out_of_the_way_while_the_quota_changes),
		cmocka_unit_test(an_idle_group_gets_no_weight),
		cmocka_unit_test(cpusets_and_pids_are_written_as_they_are),
		cmocka_unit_test(zero_and_negative_pids_mean_no_limit),
		cmocka_unit_test(io_limits_name_device_and_rate),
		cmocka_unit_test(io_values_out_of_range_are_refused),
		cmocka_unit_test(huge_pages_and_rdma_have_their_files),
		cmocka_unit_test(unified_values_come_last_and_need_their_controller),
		cmocka_unit_test(unified_names_stay_inside_the_cgroup),
		cmocka_unit_test(what_v1_alone_can_do_is_refused_by_name),
		cmocka_unit_test(kernel_memory_and_what_asks_for_nothing_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
