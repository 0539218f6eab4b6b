/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "runtime/rlimits.h"

/* qemu-user has no seccomp(2); and in 7.2 a forked child of a program with shared libraries spins for ever. */
static bool emulated(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0;
}

static void names_are_known_with_and_without_their_prefix(void **state)
{
	(void)state;
	assert_int_equal(rlimit_number("RLIMIT_NOFILE"), RLIMIT_NOFILE);
	assert_int_equal(rlimit_number("nofile"), RLIMIT_NOFILE);
	assert_int_equal(rlimit_number("RLIMIT_RTTIME"), RLIMIT_RTTIME);
	assert_int_equal(rlimit_number("RLIMIT_"), -1);
	assert_int_equal(rlimit_number("RLIMIT_SWAP"), -1);
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		assert_non_null(rlimit_name(i));
		assert_int_equal(rlimit_number(rlimit_name(i)), i);
	}
	assert_null(rlimit_name(RLIM_NLIMITS));
}

static void assert_refused(const struct spec_rlimit *limits, size_t len, const char *message)
{
	struct rlimit_plan plan;
	struct err e = { 0 };

	assert_int_equal(rlimit_plan_make(limits, len, &plan, &e), -EINVAL);
	if (!strstr(e.text, message))
		fail_msg("'%s' is not in '%s'", message, e.text);
}

static char CORE[] = "RLIMIT_CORE", NOFILE[] = "RLIMIT_NOFILE", ODD[] = "RLIMIT_ODD", CORE_TOO[] = "core";

static void bad_limits_are_refused(void **state)
{
	const struct spec_rlimit odd[] = { { ODD, 1, 1 } }, inverted[] = { { CORE, 1, 2 } },
				 twice[] = { { CORE, 1, 1 }, { NOFILE, 1, 1 }, { CORE_TOO, 1, 1 } };

	(void)state;
	assert_refused(odd, 1, "wrong rlimit value: 'RLIMIT_ODD'");
	assert_refused(inverted, 1, "rlimit 'RLIMIT_CORE': soft limit 2 is over the hard one, 1");
	assert_refused(twice, 3, "duplicate rlimit 'core'");
}

static void limits_are_applied_to_a_child(void **state)
{
	const struct spec_rlimit limits[] = { { CORE, 4096, 0 }, { NOFILE, 64, 32 } };
	struct rlimit_plan plan;
	struct err e;
	int status;
	pid_t pid;

	(void)state;
	if (emulated())
		skip();
	assert_int_equal(rlimit_plan_make(limits, 2, &plan, &e), 0);
	pid = fork();
	if (pid == 0) {
		struct rlimit core, files;
		int failed = -1;

		if (rlimit_plan_apply(&plan, 0, &failed) < 0 || failed != -1)
			_exit(1);
		if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur != 0 || core.rlim_max != 4096)
			_exit(2);
		if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur != 32 || files.rlim_max != 64)
			_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void the_limit_that_failed_is_named(void **state)
{
	const struct spec_rlimit limits[] = { { CORE, 0, 0 }, { NOFILE, UINT64_MAX, UINT64_MAX } };
	struct rlimit_plan plan;
	struct err e;
	int status;
	pid_t pid;

	(void)state;
	if (emulated())
		skip();
	assert_int_equal(rlimit_plan_make(limits, 2, &plan, &e), 0);
	pid = fork();
	if (pid == 0) {
		int failed = -1;
		int r = rlimit_plan_apply(&plan, 0, &failed); /* nobody gets more than fs.nr_open */

		_exit(r == -EPERM && failed == RLIMIT_NOFILE ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_known_with_and_without_their_prefix),
		cmocka_unit_test(bad_limits_are_refused),
		cmocka_unit_test(limits_are_applied_to_a_child),
		cmocka_unit_test(the_limit_that_failed_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
