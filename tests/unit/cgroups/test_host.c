/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cgroups/files.h"
#include "cgroups/host.h"
#include "cgroups/path.h"
#include "common/cleanup.h"

#define V1_HOLDS \
	"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t4\t10\t1\nblkio\t7\t1\t1\n"
#define V1_ABSENT "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\nmemory\t0\t10\t0\n"

static void our_own_path_is_that_of_hierarchy_zero(void **state)
{
	char path[32];

	(void)state;
	assert_int_equal(cgroup_own_path("4:memory:/a\n0::/user.slice/x\n", path, sizeof(path)), 0);
	assert_string_equal(path, "/user.slice/x");
	assert_int_equal(cgroup_own_path("0::/\n", path, sizeof(path)), 0);
	assert_string_equal(path, "/");
	assert_int_equal(cgroup_own_path("4:memory:/0::/a\n", path, sizeof(path)), -ENOENT);
	assert_int_equal(cgroup_own_path("", path, sizeof(path)), -ENOENT);
	assert_int_equal(cgroup_own_path("0::/0123456789012345678901234567890\n", path, sizeof(path)),
			 -EFBIG);
}

static void controllers_are_read_by_whole_words(void **state)
{
	(void)state;
	assert_int_equal(cgroup_text_controllers("cpuset cpu io memory hugetlb pids rdma misc\n"),
			 CGROUP_CPUSET | CGROUP_CPU | CGROUP_IO | CGROUP_MEMORY | CGROUP_HUGETLB |
				 CGROUP_PIDS | CGROUP_RDMA | CGROUP_MISC);
	assert_int_equal(cgroup_text_controllers("cpuset dmem\n"), CGROUP_CPUSET);
	assert_int_equal(cgroup_text_controllers("\n"), 0);
	assert_int_equal(cgroup_text_controllers(""), 0);
}

static void numbers_and_keys_are_read_exactly(void **state)
{
	const char *rest;
	uint64_t value;

	(void)state;
	assert_int_equal(cgroup_text_u64("50000 100000\n", &value, &rest), 0);
	assert_int_equal(value, 50000);
	assert_string_equal(rest, " 100000\n");
	assert_int_equal(cgroup_text_u64("max\n", &value, NULL), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(cgroup_text_u64("12x\n", &value, NULL), -EINVAL);
	assert_int_equal(cgroup_text_u64("\n", &value, NULL), -EINVAL);
	assert_int_equal(cgroup_text_key("oom 1\noom_kill 7\n", "oom_kill", &value), 0);
	assert_int_equal(value, 7);
	assert_int_equal(cgroup_text_key("oom_kill 7\n", "oom", &value), -ENOENT);
	assert_int_equal(cgroup_text_key("", "oom", &value), -ENOENT);
}

static void paths_are_normalised_and_never_go_up(void **state)
{
	cleanup_buf struct buf path = BUF_INIT(16);

	(void)state;
	assert_int_equal(cgroup_path_add(&path, "//a/./b/"), 0);
	assert_string_equal(path.data, "/a/b");
	assert_int_equal(cgroup_path_add(&path, ""), 0);
	assert_int_equal(cgroup_path_add(&path, "/"), 0);
	assert_string_equal(path.data, "/a/b");
	assert_int_equal(cgroup_path_add(&path, "..c"), 0);
	assert_string_equal(path.data, "/a/b/..c");
	assert_int_equal(cgroup_path_add(&path, "x/../y"), -EINVAL);
	assert_int_equal(cgroup_path_add(&path, ".."), -EINVAL);
	assert_int_equal(cgroup_path_add(&path, "0123456789abcdef"), -EFBIG);
}

static void every_reason_names_the_controller_and_the_cure(void **state)
{
	static const struct {
		struct controller_facts facts;
		unsigned int missing;
		const char *message;
	} CASES[] = {
		{ { CGROUP_UNIFIED, false, "coherent_pool=1M cgroup_disable=memory quiet\n",
		    "Raspberry Pi 4 Model B Rev 1.4", V1_ABSENT },
		  CGROUP_MEMORY | CGROUP_PIDS,
		  "cannot limit memory: controller 'memory' is off (add cgroup_enable=memory to "
		  "/boot/firmware/cmdline.txt and reboot)" },
		{ { CGROUP_UNIFIED, false, "quiet\n", "", V1_ABSENT },
		  CGROUP_MEMORY,
		  "cannot limit memory: controller 'memory' is off (add cgroup_enable=memory to the kernel "
		  "command line and reboot)" },
		{ { CGROUP_UNIFIED, false, "quiet cgroup_disable=pids,memory\n", "", V1_ABSENT },
		  CGROUP_MEMORY,
		  "cannot limit memory: controller 'memory' is off (remove cgroup_disable=memory from the "
		  "kernel command line and reboot)" },
		{ { CGROUP_UNIFIED, false, "cgroup_disable=memory2 cgroup_enable=memory", "", "" },
		  CGROUP_MEMORY,
		  "cannot limit memory: controller 'memory' is off (it needs a kernel that has it)" },
		{ { CGROUP_UNIFIED, false, "quiet\n", "Raspberry Pi 5", V1_ABSENT },
		  CGROUP_RDMA,
		  "cannot limit rdma: controller 'rdma' is off (it needs a kernel that has it)" },
		{ { CGROUP_UNIFIED, true, "quiet\n", "", V1_ABSENT },
		  CGROUP_PIDS,
		  "cannot limit pids: controller 'pids' is not delegated to this cgroup namespace (its host "
		  "must "
		  "add it to cgroup.subtree_control above it)" },
		{ { CGROUP_HYBRID, false, "", "", V1_HOLDS },
		  CGROUP_MEMORY,
		  "cannot limit memory: controller 'memory' belongs to cgroup v1 on this host (boot with "
		  "systemd.unified_cgroup_hierarchy=1)" },
		{ { CGROUP_HYBRID, false, "", "", V1_HOLDS },
		  CGROUP_IO,
		  "cannot limit io: controller 'io' belongs to cgroup v1 on this host (boot with "
		  "systemd.unified_cgroup_hierarchy=1)" },
		{ { CGROUP_NONE, false, "", "", V1_HOLDS },
		  CGROUP_CPU,
		  "cannot limit cpu: controller 'cpu' belongs to cgroup v1 on this host (boot with "
		  "systemd.unified_cgroup_hierarchy=1)" },
		{ { CGROUP_NONE, false, "", "", "" },
		  CGROUP_CPU,
		  "cannot limit cpu: no cgroup v2 hierarchy on '/sys/fs/cgroup' (boot with "
		  "systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 cgroup2 /sys/fs/cgroup)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct err e = { 0 };

		assert_int_equal(controller_explain(&CASES[i].facts, CASES[i].missing, &e), -EOPNOTSUPP);
		assert_string_equal(e.text, CASES[i].message);
	}
}

static void a_host_without_cgroups_runs_what_has_no_limits(void **state)
{
	const struct cgroup_host host = { .mode = CGROUP_NONE };
	const struct spec_resources limits = { .pids_limit = { .set = true, .value = 3 } };
	struct cgroup_stats stats = { 0 };
	struct cgroup c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(cgroup_create(&host, "/x", "id", NULL, &c, &e), 0);
	assert_null(c.path);
	assert_int_equal(cgroup_apply(&c, NULL, &e), 0);
	assert_int_equal(cgroup_attach(&c, 0, &e), 0);
	assert_int_equal(cgroup_kill(&c, &e), 0);
	assert_int_equal(cgroup_read_stats(&c, &stats, &e), 0);
	assert_true(stats.memory_current == UINT64_MAX && stats.pids_max == UINT64_MAX);
	assert_false(cgroup_is_populated(&c));
	assert_int_equal(cgroup_remove(&c, &e), 0);
	assert_int_equal(cgroup_freeze(&c, true, &e), -EOPNOTSUPP);
	assert_int_equal(cgroup_apply(&c, &limits, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "cannot limit pids: the container has no cgroup");
	cgroup_done(&c);

	assert_int_equal(cgroup_create(&host, NULL, "id", &limits, &c, &e), -EOPNOTSUPP);
	assert_int_equal(cgroup_open(&host, "/x", &c, &e), -ENOENT);
	assert_int_equal(cgroup_open(&host, NULL, &c, &e), 0);
	assert_null(c.path);
}

static void done_leaves_the_descriptor_of_a_zeroed_struct_alone(void **state)
{
	struct cgroup zeroed = { 0 };
	cleanup_fd int saved = dup(0);

	(void)state;
	assert_int_equal(dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0), 0);
	cgroup_done(&zeroed);
	assert_int_equal(zeroed.dir_fd, -1);
	assert_true(fcntl(0, F_GETFD) >= 0);
	if (saved >= 0)
		assert_int_equal(dup2(saved, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_path_is_that_of_hierarchy_zero),
		cmocka_unit_test(controllers_are_read_by_whole_words),
		cmocka_unit_test(numbers_and_keys_are_read_exactly),
		cmocka_unit_test(paths_are_normalised_and_never_go_up),
		cmocka_unit_test(every_reason_names_the_controller_and_the_cure),
		cmocka_unit_test(a_host_without_cgroups_runs_what_has_no_limits),
		cmocka_unit_test(done_leaves_the_descriptor_of_a_zeroed_struct_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
