/* SPDX-License-Identifier: Apache-2.0 */
#include "common/names.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define MORE_THAN_ALL 200

static void same(const char *ours, const char *theirs)
{
	if (theirs)
		assert_string_equal(ours, theirs);
	else
		assert_null(ours);
}

static void errnos_are_called_as_glibc_calls_them(void **state)
{
	(void)state;
	for (int i = -1; i <= MORE_THAN_ALL; i++)
		if (i != 0)
			same(errno_name(i), strerrorname_np(i));
}

static void words_for_errnos_are_those_that_clients_of_runc_know(void **state)
{
	(void)state;
	for (int i = 1; i <= MORE_THAN_ALL; i++)
		assert_string_equal(errno_text(i), strerrordesc_np(i) ? strerrordesc_np(i) : "Unknown error");
	assert_string_equal(errno_text(ENOENT), "No such file or directory");
	assert_string_equal(errno_text(EBUSY), "Device or resource busy");
	assert_string_equal(errno_text(-1), "Unknown error");
}

static void signals_are_called_as_glibc_calls_them(void **state)
{
	(void)state;
	for (int i = -1; i <= MORE_THAN_ALL; i++) {
		same(signal_abbreviation(i), sigabbrev_np(i));
		same(signal_text(i), sigdescr_np(i));
	}
}

static void real_time_signals_begin_where_glibc_has_them(void **state)
{
	(void)state;
	assert_int_equal(SIGNAL_RT_MIN, SIGRTMIN);
	assert_int_equal(SIGNAL_RT_MAX, SIGRTMAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errnos_are_called_as_glibc_calls_them),
		cmocka_unit_test(words_for_errnos_are_those_that_clients_of_runc_know),
		cmocka_unit_test(signals_are_called_as_glibc_calls_them),
		cmocka_unit_test(real_time_signals_begin_where_glibc_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
