/* SPDX-License-Identifier: Apache-2.0 */
/* Limits and the device filter on real cgroups: on a machine, or in the test VM, whose controllers belong to cgroup v2. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "tests/unit/cgroups/live.h"

static void every_limit_is_read_back(void **state)
{
	char cpus[] = "0", mems[] = "0";
	const struct spec_resources r = { .memory_limit = SET(64 * 1048576),
					  .memory_swap = SET(96 * 1048576),
					  .memory_reservation = SET(16 * 1048576),
					  .cpu_shares = SET(2048),
					  .cpu_quota_us = SET(50000),
					  .cpu_period_us = SET(100000),
					  .cpu_burst_us = SET(1000),
					  .cpu_cpus = cpus,
					  .cpu_mems = mems,
					  .pids_limit = SET(32) };
	const unsigned int needed = CGROUP_MEMORY | CGROUP_CPU | CGROUP_PIDS | CGROUP_CPUSET;
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct cgroup_stats stats = { 0 };
	struct err e = { 0 };

	(void)state;
	detect_or_skip(&host, needed);
	make(&host, "read-back", &r, &c);
	assert_int_equal(c.enabled & needed, needed);
	OK(cgroup_apply(&c, &r, &e));
	assert_file(&c, "memory.max", "67108864");
	assert_file(&c, "memory.low", "16777216");
	assert_file(&c, "cpu.weight", "174");
	assert_file(&c, "cpu.max", "50000 100000");
	assert_file(&c, "cpuset.cpus", "0");
	assert_file(&c, "cpuset.mems", "0");
	assert_file(&c, "pids.max", "32");
	if (faccessat(c.dir_fd, "memory.swap.max", F_OK, 0) == 0)
		assert_file(&c, "memory.swap.max", "33554432");
	OK(cgroup_read_stats(&c, &stats, &e));
	assert_true(stats.memory_max == 64 * MIB && stats.memory_low == 16 * MIB);
	assert_true(stats.memory_high == UINT64_MAX && stats.memory_current != UINT64_MAX);
	assert_true(stats.cpu_quota_us == 50000 && stats.cpu_period_us == 100000 && stats.cpu_weight == 174);
	assert_true(stats.pids_max == 32 && stats.pids_current == 0);
	assert_true(stats.oom_kill_events == 0 && stats.oom_events == 0);
	destroy(&c);
}

static void an_update_changes_only_what_it_names(void **state)
{
	const struct spec_resources first = { .memory_limit = SET(64 * 1048576),
					      .pids_limit = SET(32),
					      .cpu_quota_us = SET(50000),
					      .cpu_burst_us = SET(40000) };
	const struct spec_resources second = { .pids_limit = SET(-1),
					       .cpu_quota_us = SET(20000),
					       .cpu_burst_us = SET(5000) };
	const unsigned int needed = CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPU;
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 }, again = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };

	(void)state;
	detect_or_skip(&host, needed);
	make(&host, "update", &first, &c);
	OK(cgroup_apply(&c, &first, &e));
	OK(cgroup_open(&host, c.path, &again, &e));
	assert_int_equal(again.enabled, c.enabled);
	OK(cgroup_apply(&again, &second, &e));
	assert_file(&c, "pids.max", "max");
	assert_file(&c, "cpu.max", "20000 100000");
	assert_file(&c, "cpu.max.burst", "5000");
	assert_file(&c, "memory.max", "67108864");
	destroy(&c);
}

static void only_what_is_needed_is_enabled(void **state)
{
	const struct spec_resources r = { .pids_limit = SET(5) },
				    more = { .memory_limit = SET(64 * 1048576) };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	char text[256];
	struct cgroup_host host;
	struct err e = { 0 };

	(void)state;
	detect_or_skip(&host, CGROUP_PIDS | CGROUP_MEMORY);
	make(&host, "fresh-parent/leaf", &r, &c);
	assert_true(cgroup_file_read(c.dir_fd, "../cgroup.subtree_control", text, sizeof(text)) > 0);
	assert_string_equal(text, "pids\n");
	assert_int_equal(c.enabled, CGROUP_PIDS);
	assert_int_equal(cgroup_apply(&c, &more, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "cannot limit memory: controller 'memory' is off in cgroup "
				    "'/sampan-test/fresh-parent/leaf' (create the container with a limit)");
	destroy(&c);
}

/* Touches that many bytes. */
static int eat_memory(void *arg)
{
	size_t size = *(const size_t *)arg;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	return 0;
}

static void too_much_memory_is_an_oom_kill_in_the_stats(void **state)
{
	const struct spec_resources r = { .memory_limit = SET(8 * 1048576), .memory_swap = SET(8 * 1048576) };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct cgroup_stats stats = { 0 };
	size_t size = 64 * MIB;
	struct err e = { 0 };
	int status;

	(void)state;
	detect_or_skip(&host, CGROUP_MEMORY);
	make(&host, "oom", &r, &c);
	OK(cgroup_apply(&c, &r, &e));
	status = run_in(&c, eat_memory, &size);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	OK(cgroup_read_stats(&c, &stats, &e));
	assert_int_equal(stats.oom_kill_events, 1);
	assert_true(stats.oom_events >= 1 && stats.memory_max == 8 * MIB);
	destroy(&c);
}

/* Returns how many children could be made at the same time. */
static int fork_ten(void *arg)
{
	int made = 0;

	(void)arg;
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)pause();
			_exit(0);
		}
		if (pid > 0)
			made++;
		else if (errno != EAGAIN)
			return 100;
	}
	return made;
}

static void forks_stop_at_the_pids_limit(void **state)
{
	const struct spec_resources r = { .pids_limit = SET(4) };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct cgroup_stats stats = { 0 };
	struct err e = { 0 };
	int status;

	(void)state;
	detect_or_skip(&host, CGROUP_PIDS);
	make(&host, "pids", &r, &c);
	OK(cgroup_apply(&c, &r, &e));
	status = run_in(&c, fork_ten, NULL);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	OK(cgroup_read_stats(&c, &stats, &e));
	assert_int_equal(stats.pids_max, 4);
	assert_true(cgroup_is_populated(&c));
	destroy(&c); /* kills the three that are left */
}

static int spin(void *arg)
{
	struct timespec start, now;

	(void)arg;
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 1000);
	return 0;
}

static void a_spinning_process_is_throttled_to_its_quota(void **state)
{
	const struct spec_resources r = { .cpu_quota_us = SET(20000), .cpu_period_us = SET(100000) };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct cgroup_stats stats = { 0 };
	struct err e = { 0 };

	(void)state;
	detect_or_skip(&host, CGROUP_CPU);
	make(&host, "cpu", &r, &c);
	OK(cgroup_apply(&c, &r, &e));
	assert_int_equal(run_in(&c, spin, NULL), 0);
	OK(cgroup_read_stats(&c, &stats, &e));
	assert_in_range(stats.cpu_nr_throttled, 3, 100);
	assert_true(stats.cpu_throttled_us > 100000 && stats.cpu_throttled_us != UINT64_MAX);
	/* 20 % of a second, and what an emulated machine's clock makes of it. */
	assert_in_range(stats.cpu_usage_us, 50000, 500000);
	destroy(&c);
}

/* Starts a process that holds some memory, and waits until it has it. */
static void start_eater(const struct cgroup *c, size_t size, int *ret_pidfd)
{
	struct cgroup_stats stats = { 0 };
	struct err e = { 0 };
	pid_t pid = process_clone(0, c->dir_fd, ret_pidfd);

	if (pid == 0) {
		if (eat_memory(&size) == 0)
			sleep_for_ever();
		_exit(1);
	}
	assert_true(pid > 0);
	for (int i = 0; i < 500 && stats.memory_current < size; i++) {
		(void)usleep(10000);
		OK(cgroup_read_stats(c, &stats, &e));
	}
	assert_true(stats.memory_current >= size && stats.memory_current != UINT64_MAX);
}

static void a_limit_below_the_usage_is_refused_if_asked_to_look(void **state)
{
	const struct spec_resources first = { .memory_limit = SET(64 * 1048576) };
	const struct spec_resources tight = { .memory_limit = SET(4096),
					      .memory_check_before_update = SET(true) };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };
	int pidfd;

	(void)state;
	detect_or_skip(&host, CGROUP_MEMORY);
	make(&host, "check", &first, &c);
	OK(cgroup_apply(&c, &first, &e));
	start_eater(&c, 4 * MIB, &pidfd);
	assert_int_equal(cgroup_apply(&c, &tight, &e), -EBUSY);
	assert_non_null(strstr(e.text, "cannot set 'memory.max' to '4096': '"));
	assert_non_null(strstr(e.text, "' bytes are in use, and checkBeforeUpdate is set"));
	assert_file(&c, "memory.max", "67108864");
	destroy(&c);
	assert_killed(pidfd);
}

static void errors_name_file_and_value(void **state)
{
	char cpus[] = "none";
	const struct spec_resources bad = { .cpu_cpus = cpus };
	cleanup_strvec struct strvec unified = { 0 };
	struct spec_resources unknown = { 0 };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };

	(void)state;
	detect_or_skip(&host, CGROUP_CPUSET | CGROUP_MEMORY);
	assert_int_equal(strvec_add(&unified, "memory.nonsense=1"), 0);
	unknown.unified = unified;
	make(&host, "errors/cpuset", &bad, &c);
	assert_int_equal(cgroup_apply(&c, &bad, &e), -EINVAL);
	assert_string_equal(e.text, "cannot set 'cpuset.cpus' to 'none': invalid argument");
	destroy(&c);
	cgroup_done(&c);
	make(&host, "errors/unified", &unknown, &c);
	assert_int_equal(cgroup_apply(&c, &unknown, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "cannot set 'memory.nonsense' to '1': the cgroup has no such file");
	destroy(&c);
}

/* A bit per device that the filter lets through, whether or not this machine has it: 1 kmsg for reading, 2 for writing, 4 null for
 * both, 8 fuse for reading. */
static int open_devices(void *arg)
{
	const struct {
		dev_t device;
		int flags;
	} opens[] = { { makedev(1, 11), O_RDONLY },
		      { makedev(1, 11), O_WRONLY },
		      { makedev(1, 3), O_RDWR },
		      { makedev(10, 229), O_RDONLY } };
	const char *path = (const char *)arg;
	int opened = 0;

	for (size_t i = 0; i < ARRAY_LEN(opens); i++) {
		if (mknod(path, S_IFCHR | 0600, opens[i].device) < 0)
			return 100;
		if (open(path, opens[i].flags | O_NONBLOCK | O_CLOEXEC) >= 0 || errno != EPERM)
			opened |= 1 << i;
		if (unlink(path) < 0)
			return 102;
	}
	return opened;
}

static void assert_opens(const struct cgroup *c, int expected)
{
	char dir[] = "/tmp/sampan-devices-XXXXXX", path[64];
	int status;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/node", dir);
	status = run_in(c, open_devices, path);
	(void)unlink(path);
	assert_int_equal(rmdir(dir), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static void the_device_filter_denies_allows_and_is_replaced(void **state)
{
	char rwm[] = "rwm", read_only[] = "r";
	struct spec_device_rule deny = { .allow = false, .type = 'a', .access = rwm };
	struct spec_device_rule readable[] = {
		deny, { .allow = true, .type = 'c', .major = SET(1), .minor = SET(11), .access = read_only }
	};
	const struct spec_resources none = { .devices = &deny, .devices_len = 1 };
	const struct spec_resources some = { .devices = readable, .devices_len = ARRAY_LEN(readable) };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };

	(void)state;
	detect_or_skip(&host, 0);
	make(&host, "devices", NULL, &c);
	assert_opens(&c, 1 | 2 | 4 | 8);
	OK(cgroup_apply(&c, &none, &e));
	assert_opens(&c, 4);
	OK(cgroup_apply(&c, &some, &e)); /* were the first one still there, it would deny */
	assert_opens(&c, 1 | 4);
	OK(cgroup_apply_devices(&c, NULL, &e));
	assert_opens(&c, 4);
	destroy(&c);
}

static void the_longest_filter_passes_the_verifier(void **state)
{
	cleanup_free struct spec_device_rule *rules = calloc(1024, sizeof(*rules));
	struct spec_resources r = { .devices = rules, .devices_len = 1024 };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };

	(void)state;
	detect_or_skip(&host, 0);
	assert_non_null(rules);
	for (int i = 0; i < 1024; i++)
		rules[i] = (struct spec_device_rule){
			.allow = i % 2 == 0, .type = 'c', .major = SET(10), .minor = SET(i)
		};
	make(&host, "long-filter", NULL, &c);
	OK(cgroup_apply(&c, &r, &e));
	assert_opens(&c, 4);
	/* A program that only allows, which has no end that denies. */
	rules[0] = (struct spec_device_rule){ .allow = true, .type = 'a' };
	r.devices_len = 1;
	OK(cgroup_apply(&c, &r, &e));
	assert_opens(&c, 1 | 2 | 4 | 8);
	destroy(&c);
}

/* Rootless containers: the caller can tell this from every other failure. */
static void a_filter_that_is_not_permitted_is_eperm(void **state)
{
	char rwm[] = "rwm";
	struct spec_device_rule deny = { .allow = false, .type = 'a', .access = rwm };
	const struct spec_resources r = { .devices = &deny, .devices_len = 1 };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };
	int code;

	(void)state;
	detect_or_skip(&host, 0);
	make(&host, "no-filter", NULL, &c);
	assert_int_equal(seteuid(65534), 0);
	code = cgroup_apply(&c, &r, &e);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(code, -EPERM);
	assert_string_equal(e.text, "cannot filter devices: bpf(2) is not permitted here");
	destroy(&c);
}

/* Boots with cgroup_disable=memory reach the first message, v1 hosts the second. */
static void a_controller_that_is_off_is_named_with_the_cure(void **state)
{
	const struct spec_resources r = { .memory_limit = SET(64 * 1048576) };
	struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host;
	struct err e = { 0 };

	(void)state;
	OK(cgroup_host_detect(&host, &e));
	if (host.available & CGROUP_MEMORY)
		skip();
	assert_int_equal(cgroup_create(&host, "/sampan-test/off", "id", &r, &c, &e), -EOPNOTSUPP);
	if (host.mode == CGROUP_UNIFIED)
		assert_string_equal(e.text, "cannot limit memory: controller 'memory' is off (remove "
					    "cgroup_disable=memory from the kernel command line and reboot)");
	else
		assert_string_equal(e.text,
				    "cannot limit memory: controller 'memory' belongs to cgroup v1 on this "
				    "host (boot with systemd.unified_cgroup_hierarchy=1)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_limit_is_read_back),
		cmocka_unit_test(an_update_changes_only_what_it_names),
		cmocka_unit_test(only_what_is_needed_is_enabled),
		cmocka_unit_test(too_much_memory_is_an_oom_kill_in_the_stats),
		cmocka_unit_test(forks_stop_at_the_pids_limit),
		cmocka_unit_test(a_spinning_process_is_throttled_to_its_quota),
		cmocka_unit_test(a_limit_below_the_usage_is_refused_if_asked_to_look),
		cmocka_unit_test(errors_name_file_and_value),
		cmocka_unit_test(the_device_filter_denies_allows_and_is_replaced),
		cmocka_unit_test(the_longest_filter_passes_the_verifier),
		cmocka_unit_test(a_filter_that_is_not_permitted_is_eperm),
		cmocka_unit_test(a_controller_that_is_off_is_named_with_the_cure),
	};

	return cmocka_run_group_tests(tests, take_turns, remove_leftovers);
}
