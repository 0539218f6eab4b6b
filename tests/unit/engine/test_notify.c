/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"

static void assert_passes(const char *in, const char *expected, bool ready)
{
	char out[NOTIFY_MESSAGE_MAX + 1];
	bool is_ready = !ready;

	assert_int_equal(notify_filter(in, strlen(in), out, &is_ready), strlen(expected));
	assert_string_equal(out, expected);
	assert_int_equal(is_ready, ready);
}

static void what_a_service_says_of_itself_passes(void **state)
{
	(void)state;
	assert_passes("READY=1", "READY=1", true);
	assert_passes("READY=1\nSTATUS=up\n", "READY=1\nSTATUS=up", true);
	assert_passes("STOPPING=1\nRELOADING=1\nWATCHDOG=1\nWATCHDOG=trigger",
		      "STOPPING=1\nRELOADING=1\nWATCHDOG=1\nWATCHDOG=trigger", false);
	assert_passes("ERRNO=5\nEXTEND_TIMEOUT_USEC=100", "ERRNO=5\nEXTEND_TIMEOUT_USEC=100", false);
	assert_passes("RELOADING=1\nMONOTONIC_USEC=18446744073709551615",
		      "RELOADING=1\nMONOTONIC_USEC=18446744073709551615", false);
	assert_passes("STATUS=", "STATUS=", false);
}

static void nothing_else_does(void **state)
{
	(void)state;
	assert_passes("", "", false);
	assert_passes("\n\n", "", false);
	assert_passes("MAINPID=1\nFDSTORE=1\nBARRIER=1\nNOTIFYACCESS=all\nWATCHDOG_USEC=1", "", false);
	assert_passes("READY=0\nREADY=11\n READY=1\nREADY=1 ", "", false);
	assert_passes(
		"ERRNO=\nERRNO=-1\nERRNO=1x\nEXTEND_TIMEOUT_USEC= 1\nMONOTONIC_USEC=-1\nMONOTONIC_USEC=", "",
		false);
	assert_passes("STATU", "", false);
}

static void what_a_terminal_would_obey_is_replaced(void **state)
{
	(void)state;
	assert_passes("STATUS=a\x1b[2J\x7f\xc2\x9bz", "STATUS=a?[2J???z", false);
	assert_passes("STATUS=gr\xc3\xbc\xc3\x9f", "STATUS=gr\xc3\xbc\xc3\x9f", false);
	assert_passes("STATUS=\xff\xe2\x82", "STATUS=???", false);
}

static void the_longest_message_fits(void **state)
{
	char in[NOTIFY_MESSAGE_MAX], out[NOTIFY_MESSAGE_MAX + 1];
	bool ready;

	(void)state;
	memset(in, '\x01', sizeof(in));
	for (size_t i = 0; i < strlen("STATUS="); i++)
		in[i] = "STATUS="[i];
	assert_int_equal(notify_filter(in, sizeof(in), out, &ready), sizeof(in));
	assert_int_equal(out[sizeof(in)], '\0');
}

static void modes_have_podmans_names(void **state)
{
	struct err e;
	int mode = -1;

	(void)state;
	for (int i = 0; i < NOTIFY_MODES; i++) {
		assert_int_equal(notify_mode_parse(notify_mode_name(i), &mode, &e), 0);
		assert_int_equal(mode, i);
	}
	assert_int_equal(notify_mode_parse("", &mode, &e), -EINVAL);
	assert_string_equal(e.text,
			    "invalid sdnotify value \"\": must be container, conmon, healthy or ignore");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_service_says_of_itself_passes),
		cmocka_unit_test(nothing_else_does),
		cmocka_unit_test(what_a_terminal_would_obey_is_replaced),
		cmocka_unit_test(the_longest_message_fits),
		cmocka_unit_test(modes_have_podmans_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
