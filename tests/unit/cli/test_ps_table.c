/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/ps_table.h"

static void the_pid_column_is_found_by_its_title(void **state)
{
	size_t column = 99;

	(void)state;
	assert_int_equal(ps_pid_column("UID        PID  PPID  C STIME TTY          TIME CMD", &column), 0);
	assert_int_equal(column, 1);
	assert_int_equal(ps_pid_column("    PID TTY", &column), 0);
	assert_int_equal(column, 0);
	assert_int_equal(ps_pid_column("USER\tPPID\tPID", &column), 0);
	assert_int_equal(column, 2);
	column = 99;
	assert_int_equal(ps_pid_column("COMMAND SPID PIDS", &column), -ENOENT);
	assert_int_equal(ps_pid_column("", &column), -ENOENT);
	assert_int_equal(column, 99);
}

static void a_line_s_pid_is_read_from_its_column(void **state)
{
	pid_t pid = 0;

	(void)state;
	assert_int_equal(ps_line_pid("root      2517     1  0 00:31 ?        00:00:00 sleep 1000", 1, &pid),
			 0);
	assert_int_equal(pid, 2517);
	assert_int_equal(ps_line_pid("  7", 0, &pid), 0);
	assert_int_equal(pid, 7);
}

static void a_line_without_a_pid_is_refused(void **state)
{
	pid_t pid = 5;

	(void)state;
	assert_int_equal(ps_line_pid("root", 1, &pid), -EINVAL);
	assert_int_equal(ps_line_pid("", 0, &pid), -EINVAL);
	assert_int_equal(ps_line_pid("root 12x", 1, &pid), -EINVAL);
	assert_int_equal(ps_line_pid("root 4294967296", 1, &pid), -EINVAL);
	assert_int_equal(ps_line_pid("root 11111111111111111111111111", 1, &pid), -EINVAL);
	assert_int_equal(pid, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pid_column_is_found_by_its_title),
		cmocka_unit_test(a_line_s_pid_is_read_from_its_column),
		cmocka_unit_test(a_line_without_a_pid_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
