/* SPDX-License-Identifier: Apache-2.0 */
#include "common/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/file.h"

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

#if defined(__x86_64__)
/* True if a line "flags" of /proc/cpuinfo has all the words. */
static bool cpuinfo_has(const char *const *words)
{
	struct buf text = BUF_INIT(1 << 22);
	struct err e;
	char *line;
	bool all = true;

	assert_int_equal(file_read(AT_FDCWD, "/proc/cpuinfo", &text, &e), 0);
	line = strstr(text.data, "\nflags");
	assert_non_null(line);
	line = strchr(line, ':');
	*strchr(line, '\n') = ' ';
	for (; *words && all; words++) {
		char padded[64];

		(void)snprintf(padded, sizeof(padded), " %s ", *words);
		all = strstr(line, padded) != NULL;
	}
	buf_done(&text);
	return all;
}

static void the_amd64_level_agrees_with_what_the_kernel_lists(void **state)
{
	static const char *const V2[] = { "cx16",   "lahf_lm", "popcnt", "pni",
					  "sse4_1", "sse4_2",  "ssse3",  NULL };
	static const char *const V3[] = { "avx", "avx2", "bmi1",  "bmi2",  "f16c",
					  "fma", "abm",  "movbe", "xsave", NULL };
	static const char *const V4[] = { "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", NULL };
	struct machine m;
	int expected = 1;

	(void)state;
	if (cpuinfo_has(V2))
		expected = cpuinfo_has(V3) ? cpuinfo_has(V4) ? 4 : 3 : 2;
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
		cmocka_unit_test(the_cpu_is_the_one_that_this_test_was_compiled_for),
#if defined(__x86_64__)
		cmocka_unit_test(the_amd64_level_agrees_with_what_the_kernel_lists),
		cmocka_unit_test(linux32_asks_for_a_32_bit_userland_on_the_same_cpu),
#endif
		cmocka_unit_test(detecting_twice_gives_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
