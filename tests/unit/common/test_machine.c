/* SPDX-License-Identifier: Apache-2.0 */
#include "common/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void the_cpu_is_the_one_that_this_test_was_compiled_for(void **state)
{
	struct machine m;
	struct utsname uts;

	(void)state;
	machine_detect(&m);
	assert_int_equal(uname(&uts), 0);
	assert_string_equal(m.uname_machine, uts.machine);
#if defined(__x86_64__)
	assert_int_equal(m.cpu, MACHINE_AMD64);
	assert_in_range(m.amd64_level, 1, 4);
	assert_int_equal(m.arm_version, 0);
	assert_false(m.aarch32);
#elif defined(__aarch64__)
	assert_int_equal(m.cpu, MACHINE_ARM64);
	assert_int_equal(m.amd64_level, 0);
#endif
	assert_false(m.userland_32bit);
}

static void the_baseline_asks_neither_the_cpu_nor_a_process(void **state)
{
	struct machine all, m;

	(void)state;
	machine_detect(&all);
	machine_detect_baseline(&m);
	assert_int_equal(m.amd64_level, 0);
	assert_false(m.aarch32);
	m.amd64_level = all.amd64_level;
	m.aarch32 = all.aarch32;
	assert_memory_equal(&m, &all, sizeof(m));
}

#if defined(__x86_64__)
/* Not what /proc/cpuinfo lists: a hypervisor can keep from the kernel what programs see and may use. */
static void the_amd64_level_agrees_with_the_compilers_runtime(void **state)
{
	struct machine m;
	int expected = 1;

	(void)state;
	__builtin_cpu_init();
	if (__builtin_cpu_supports("x86-64-v2"))
		expected = 2;
	if (__builtin_cpu_supports("x86-64-v3"))
		expected = 3;
	if (__builtin_cpu_supports("x86-64-v4"))
		expected = 4;
	machine_detect(&m);
	assert_int_equal(m.amd64_level, expected);
}

static void linux32_asks_for_a_32_bit_userland_on_the_same_cpu(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct machine m;

		if (personality(PER_LINUX32) < 0)
			_exit(77);
		machine_detect(&m);
		_exit(m.cpu == MACHINE_AMD64 && m.userland_32bit && strcmp(m.uname_machine, "i686") == 0 ? 0
													 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

static void detecting_twice_gives_the_same(void **state)
{
	struct machine a, b;

	(void)state;
	machine_detect(&a);
	machine_detect(&b);
	assert_int_equal(a.cpu, b.cpu);
	assert_int_equal(a.aarch32, b.aarch32);
	assert_int_equal(a.amd64_level, b.amd64_level);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* and leaves no child behind */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_baseline_asks_neither_the_cpu_nor_a_process),
		cmocka_unit_test(the_cpu_is_the_one_that_this_test_was_compiled_for),
#if defined(__x86_64__)
		cmocka_unit_test(the_amd64_level_agrees_with_the_compilers_runtime),
		cmocka_unit_test(linux32_asks_for_a_32_bit_userland_on_the_same_cpu),
#endif
		cmocka_unit_test(detecting_twice_gives_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
