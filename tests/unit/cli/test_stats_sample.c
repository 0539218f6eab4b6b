/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/stats_sample.h"

static void networks_are_summed_up_but_lo(void **state)
{
	static const char TEXT[] =
		"Inter-|   Receive                                                |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
		"drop\n"
		"    lo:    1000      10    0    0    0     0          0         0     1000      10    0    "
		"0\n"
		"  eth0:     500       5    0    0    0     0          0         0       70       1    0    "
		"0\n"
		"eth1:7 5    0    0    0     0          0         0       30       1    0    0\n";
	uint64_t received, sent;

	(void)state;
	stats_sum_network(TEXT, &received, &sent);
	assert_int_equal(received, 507);
	assert_int_equal(sent, 100);
	stats_sum_network("", &received, &sent);
	assert_int_equal(received + sent, 0);
	stats_sum_network("eth0: x", &received, &sent);
	assert_int_equal(received + sent, 0);
}

static void devices_are_summed_up(void **state)
{
	static const char TEXT[] =
		"8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n"
		"8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021\n";
	uint64_t in, out;

	(void)state;
	stats_sum_block(TEXT, &in, &out);
	assert_int_equal(in, 1459200 + 90430464);
	assert_int_equal(out, 314773504 + 299008000);
	stats_sum_block("", &in, &out);
	assert_int_equal(in + out, 0);
}

static const struct stats_sample RUNNING = { .runs = true,
					     .time_us = 5000000,
					     .cpu_us = 2000000,
					     .memory_bytes = 64 << 20,
					     .limit_bytes = 256 << 20,
					     .received_bytes = 648,
					     .sent_bytes = 1200,
					     .read_bytes = 4100000,
					     .written_bytes = 0,
					     .tasks = 3 };

static void columns_are_dockers(void **state)
{
	struct stats_sample before = RUNNING;
	struct stats_text text;

	(void)state;
	before.time_us -= 1000000;
	before.cpu_us -= 1500000;
	stats_text_make(&before, &RUNNING, &text);
	assert_string_equal(text.cpu, "150.00%");
	assert_string_equal(text.memory, "64MiB / 256MiB");
	assert_string_equal(text.memory_share, "25.00%");
	assert_string_equal(text.network, "648B / 1.2kB");
	assert_string_equal(text.block, "4.1MB / 0B");
	assert_string_equal(text.tasks, "3");
}

static void without_a_moment_before_there_is_no_share_of_a_cpu(void **state)
{
	struct stats_sample before = { 0 };
	struct stats_text text;

	(void)state;
	stats_text_make(&before, &RUNNING, &text);
	assert_string_equal(text.cpu, "0.00%");
	before = RUNNING; /* started again meanwhile: it counts from 0 */
	before.cpu_us += 1;
	before.time_us -= 1;
	stats_text_make(&before, &RUNNING, &text);
	assert_string_equal(text.cpu, "0.00%");
}

static void what_is_not_known_is_two_dashes(void **state)
{
	const struct stats_sample unknown = { .runs = true,
					      .cpu_us = STATS_UNKNOWN,
					      .memory_bytes = STATS_UNKNOWN,
					      .limit_bytes = STATS_UNKNOWN,
					      .read_bytes = STATS_UNKNOWN,
					      .written_bytes = STATS_UNKNOWN,
					      .tasks = STATS_UNKNOWN };
	struct stats_text text;

	(void)state;
	stats_text_make(&unknown, &unknown, &text);
	assert_string_equal(text.cpu, "--");
	assert_string_equal(text.memory, "-- / --");
	assert_string_equal(text.memory_share, "0.00%");
	assert_string_equal(text.block, "-- / --");
	assert_string_equal(text.tasks, "--");
}

static void one_that_does_not_run_takes_up_nothing(void **state)
{
	const struct stats_sample nothing = { 0 };
	struct stats_text text;

	(void)state;
	stats_text_make(&nothing, &nothing, &text);
	assert_string_equal(text.cpu, "0.00%");
	assert_string_equal(text.memory, "0B / 0B");
	assert_string_equal(text.memory_share, "0.00%");
	assert_string_equal(text.tasks, "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_are_summed_up_but_lo),
		cmocka_unit_test(devices_are_summed_up),
		cmocka_unit_test(columns_are_dockers),
		cmocka_unit_test(without_a_moment_before_there_is_no_share_of_a_cpu),
		cmocka_unit_test(what_is_not_known_is_two_dashes),
		cmocka_unit_test(one_that_does_not_run_takes_up_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
