/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/criu_job.h"

#include "tests/unit/common/scratch.h"

#include "runtime/restore_mounts.h"

static void the_modes_of_cgroups_are_those_of_criu(void **state)
{
	static const struct {
		const char *name;
		int value; /* of enum criu_cg_mode in CRIU's lib/c/criu.h */
	} MODES[] = { { "ignore", 0 }, { "soft", 3 }, { "full", 4 }, { "strict", 5 } };
	enum criu_cgroups mode;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(MODES); i++) {
		assert_int_equal(criu_cgroups_parse(MODES[i].name, &mode, &e), 0);
		assert_int_equal(mode, MODES[i].value);
	}
	assert_int_equal(criu_cgroups_parse("Soft", &mode, &e), -EINVAL);
	assert_string_equal(e.text, "invalid --manage-cgroups-mode 'Soft' (soft, full, strict or ignore)");
	assert_int_equal(criu_cgroups_parse("", &mode, &e), -EINVAL);
}

static void networks_and_pid_namespaces_are_external(void **state)
{
	const char *name = NULL, *key = NULL;

	(void)state;
	assert_true(criu_is_external(CLONE_NEWNET, &name, &key));
	assert_string_equal(name, "net");
	assert_string_equal(key, "extRootNetNS");
	assert_true(criu_is_external(CLONE_NEWPID, &name, &key));
	assert_string_equal(name, "pid");
	assert_string_equal(key, "extRootPidNS");
	assert_false(criu_is_external(CLONE_NEWIPC, &name, &key));
	assert_false(criu_is_external(CLONE_NEWUSER, &name, &key));
}

static void a_cgroup_is_bound_without_a_namespace_of_its_own(void **state)
{
	struct cgroup_host host = { .mode = CGROUP_UNIFIED };
	struct plan plan = { 0 };

	(void)state;
	assert_true(criu_cgroup_is_bound(&plan, &host, "/sampan/x"));
	assert_false(criu_cgroup_is_bound(&plan, &host, NULL));
	host.mode = CGROUP_NONE;
	assert_false(criu_cgroup_is_bound(&plan, &host, "/sampan/x"));
	host.mode = CGROUP_HYBRID;
	assert_true(criu_cgroup_is_bound(&plan, &host, "/sampan/x"));
	plan.unshare_cgroup = true;
	assert_false(criu_cgroup_is_bound(&plan, &host, "/sampan/x"));
	plan.unshare_cgroup = false;
	plan.joins[0] = (struct plan_join){ CLONE_NEWCGROUP, "/proc/1/ns/cgroup" };
	plan.joins_len = 1;
	assert_false(criu_cgroup_is_bound(&plan, &host, "/sampan/x"));
}

static void idmapped_mounts_are_refused_by_target(void **state)
{
	const struct spec_mount spec = { 0 };
	struct plan_mount mounts[] = { { .target = "/a" }, { .target = "/b", .idmapped = &spec } };
	struct plan plan = { .mounts = mounts, .mounts_len = 1 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(criu_check_plan(&plan, &e), 0);
	plan.mounts_len = 2;
	assert_int_equal(criu_check_plan(&plan, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "mount on '/b': criu cannot carry idmapped mounts");
}

static void the_first_error_of_a_log_is_found(void **state)
{
	static const char LOG[] = "(00.1) Version: 3.17.1\n"
				  "(00.2) Warn  (criu/kerndat.c:1): something\n"
				  "(00.3) Error (criu/tty.c:7): tty: no good\n"
				  "(00.4) Error (criu/cr-dump.c:8): Dumping FAILED.\n";
	const char *error;
	size_t len = 0;

	(void)state;
	error = criu_log_error(LOG, &len);
	assert_non_null(error);
	assert_int_equal(len, strlen("Error (criu/tty.c:7): tty: no good"));
	assert_memory_equal(error, "Error (criu/tty.c:7): tty: no good", len);
	error = criu_log_error("Error (cut", &len);
	assert_non_null(error);
	assert_int_equal(len, strlen("Error (cut"));
	assert_null(criu_log_error("(00.1) all is well\n", &len));
	assert_null(criu_log_error("", &len));
}

static void a_failure_tells_the_line_and_the_log(void **state)
{
	struct scratch *s = *state;
	struct criu_job job = CRIU_JOB_EMPTY;
	struct err e = { 0 };
	char text[400], expected[400];

	job.log_dir = s->path;
	job.log_file = "dump.log";
	job.image_dir = s->fd;
	assert_int_equal(criu_job_failed(&job, -ECONNREFUSED, &e), -EIO);
	(void)snprintf(expected, sizeof(expected), "criu failed: %s: see %s/dump.log", strerror(ECONNREFUSED),
		       s->path);
	assert_string_equal(e.text, expected);

	(void)memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)memcpy(text, "Error (", 7);
	scratch_write(s, "dump.log", text);
	assert_int_equal(criu_job_failed(&job, -EBADE, &e), -EIO);
	(void)snprintf(expected, sizeof(expected), "criu failed: %.240s: see %s/dump.log", text, s->path);
	assert_string_equal(e.text, expected);
}

static void expect_key(const struct scratch *s, const char *path, const char *key)
{
	cleanup_free char *found = NULL;
	struct err e = { 0 };

	if (criu_mount_key(s->fd, s->path, path, &found, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(found, key);
}

static void a_mount_is_known_by_where_symlinks_lead(void **state)
{
	struct scratch *s = *state;

	need_openat2();
	assert_int_equal(mkdirat(s->fd, "run", 0755), 0);
	assert_int_equal(mkdirat(s->fd, "run/data", 0755), 0);
	assert_int_equal(symlinkat("/run", s->fd, "var-run"), 0);
	assert_int_equal(symlinkat("../../../etc", s->fd, "out"), 0);
	expect_key(s, "/run/data", "/run/data");
	expect_key(s, "/var-run/data", "/run/data");
	expect_key(s, "//run/./data/", "/run/data");
	expect_key(s, "/out/nothing", "/out/nothing");
	expect_key(s, "/var-run/nothing", "/var-run/nothing");
}

static void only_what_criu_brings_covers(void **state)
{
	struct plan_mount mounts[] = { { .kind = PLAN_MOUNT_FS, .target = "/dev" },
				       { .kind = PLAN_MOUNT_BIND, .target = "/data" },
				       { .kind = PLAN_MOUNT_CGROUP, .target = "/sys/fs/cgroup" } };
	const struct plan plan = { .mounts = mounts, .mounts_len = ARRAY_LEN(mounts) };

	(void)state;
	assert_true(restore_mounts_covered(&plan, 1, "/dev/shm"));
	assert_false(restore_mounts_covered(&plan, 0, "/dev/shm"));
	assert_false(restore_mounts_covered(&plan, 3, "/dev"));
	assert_false(restore_mounts_covered(&plan, 3, "/device"));
	assert_false(restore_mounts_covered(&plan, 3, "/data/one"));
	assert_true(restore_mounts_covered(&plan, 3, "/sys/fs/cgroup/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_modes_of_cgroups_are_those_of_criu),
		cmocka_unit_test(networks_and_pid_namespaces_are_external),
		cmocka_unit_test(a_cgroup_is_bound_without_a_namespace_of_its_own),
		cmocka_unit_test(idmapped_mounts_are_refused_by_target),
		cmocka_unit_test(the_first_error_of_a_log_is_found),
		SCRATCH_TEST(a_failure_tells_the_line_and_the_log),
		SCRATCH_TEST(a_mount_is_known_by_where_symlinks_lead),
		cmocka_unit_test(only_what_criu_brings_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
