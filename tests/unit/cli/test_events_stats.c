/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/events_stats.h"

#include "tests/unit/common/scratch.h"

#include "common/json_write.h"

#define ZEROS                                                                                               \
	"\"cpuset\":{\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,\"memory_migrate\":0,"      \
	"\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,\"sched_load_balance\":0," \
	"\"sched_relax_domain_level\":0}"
#define KERNEL "\"kernel\":{\"limit\":0,\"failcnt\":0},\"kernelTCP\":{\"limit\":0,\"failcnt\":0}"
#define END    "\"intel_rdt\":{},\"network_interfaces\":null}"

/* The directory stands for a cgroup. */
static void expect(const struct scratch *s, const char *expected)
{
	cleanup_json_out struct json_out *o = json_out_new(false, 65536);
	struct err e = { 0 };
	const char *text = NULL;
	size_t len;

	if (events_stats_write(o, NULL, s->fd, &e) < 0 || json_out_finish(o, &text, &len, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(text, expected);
}

static void every_file_comes_out_in_runc_s_words(void **state)
{
	const struct scratch *s = *state;

	scratch_write(s, "cgroup.events", "populated 1\nfrozen 0\n");
	scratch_write(s, "cpu.stat",
		      "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 9\nnr_throttled 2\n"
		      "throttled_usec 77\n");
	scratch_write(s, "memory.current", "4096\n");
	scratch_write(s, "memory.peak", "8192\n");
	scratch_write(s, "memory.max", "67108864\n");
	scratch_write(s, "memory.swap.current", "1000\n");
	scratch_write(s, "memory.swap.max", "2000\n");
	scratch_write(s, "memory.stat", "anon 100\nfile 200\nbroken\nodd x\npgfault 3\n");
	scratch_write(s, "pids.current", "3\n");
	scratch_write(s, "pids.max", "32\n");
	scratch_write(
		s, "io.stat",
		"8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=5 dios=6\n253:1 rbytes=0 wbytes=4\n8:16 \n");
	scratch_write(s, "hugetlb.2MB.current", "2097152\n");
	scratch_write(s, "hugetlb.2MB.rsvd.current", "9\n");
	scratch_write(s, "hugetlb.2MB.events", "max 4\n");
	expect(s, "{\"cpu\":{\"usage\":{\"total\":1500000,\"kernel\":500000,\"user\":1000000},"
		  "\"throttling\":{\"periods\":9,\"throttledPeriods\":2,\"throttledTime\":77000}}," ZEROS ","
		  "\"memory\":{\"cache\":200,\"usage\":{\"limit\":67108864,\"usage\":4096,\"max\":8192,"
		  "\"failcnt\":0},"
		  "\"swap\":{\"limit\":67110864,\"usage\":5096,\"failcnt\":0}," KERNEL ","
		  "\"raw\":{\"anon\":100,\"file\":200,\"pgfault\":3}},"
		  "\"pids\":{\"current\":3,\"limit\":32},"
		  "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":10},"
		  "{\"major\":8,\"op\":\"Write\",\"value\":20},{\"major\":253,\"minor\":1,\"op\":\"Read\"},"
		  "{\"major\":253,\"minor\":1,\"op\":\"Write\",\"value\":4}],"
		  "\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":1},"
		  "{\"major\":8,\"op\":\"Write\",\"value\":2}]},"
		  "\"hugetlb\":{\"2MB\":{\"usage\":2097152,\"failcnt\":4}}," END);
}

static void without_limits_memory_says_so_and_pids_say_nothing(void **state)
{
	const struct scratch *s = *state;

	scratch_write(s, "cgroup.events", "populated 1\nfrozen 0\n");
	scratch_write(s, "memory.max", "max\n");
	scratch_write(s, "memory.swap.max", "max\n");
	scratch_write(s, "pids.max", "max\n");
	expect(s, "{\"cpu\":{\"usage\":{\"kernel\":0,\"user\":0},\"throttling\":{}}," ZEROS ","
		  "\"memory\":{\"usage\":{\"limit\":18446744073709551615,\"failcnt\":0},"
		  "\"swap\":{\"limit\":18446744073709551615,\"failcnt\":0}," KERNEL "},"
		  "\"pids\":{},\"blkio\":{},\"hugetlb\":{}," END);
}

static void a_removed_cgroup_is_told(void **state)
{
	const struct scratch *s = *state;
	cleanup_json_out struct json_out *o = json_out_new(false, 65536);
	struct err e = { 0 };

	assert_int_equal(events_stats_write(o, NULL, s->fd, &e), -ENOENT);
	assert_string_equal(e.text, "cannot read the container's cgroup: no such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(every_file_comes_out_in_runc_s_words),
		SCRATCH_TEST(without_limits_memory_says_so_and_pids_say_nothing),
		SCRATCH_TEST(a_removed_cgroup_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
