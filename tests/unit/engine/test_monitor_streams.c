/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "engine/monitor_program.h"
#include "tests/unit/common/scratch.h"

static struct monitor_streams streams;
static const char full[MONITOR_CHUNK_MAX];

static int open_streams(struct monitor_stdio *ret)
{
	assert_int_equal(monitor_streams_open(&streams, false, false, false, ret), 0);
	assert_int_equal(fcntl(streams.out[STREAM_OUT], F_GETPIPE_SZ), MONITOR_CHUNK_MAX);
	return ret->fd[1];
}

static void put(int fd, size_t len)
{
	assert_int_equal(write(fd, full, len), (ssize_t)len);
	assert_true(monitor_streams_read(&streams, STREAM_OUT, MONITOR_CHUNK_MAX));
	assert_int_equal(streams.chunk_len, len);
	streams.chunk_len = 0;
}

static void a_pipe_is_wide_for_a_burst_and_no_longer(void **state)
{
	struct monitor_stdio theirs;
	int fd = open_streams(&theirs);

	(void)state;
	put(fd, MONITOR_CHUNK_MAX - 1);
	assert_int_equal(fcntl(fd, F_GETPIPE_SZ), MONITOR_CHUNK_MAX);
	put(fd, MONITOR_CHUNK_MAX);
	assert_int_equal(fcntl(fd, F_GETPIPE_SZ), MONITOR_PIPE_WIDE);
	assert_int_equal(fcntl(streams.out[STREAM_ERR], F_GETPIPE_SZ), MONITOR_CHUNK_MAX);
	monitor_streams_trim(&streams);
	assert_int_equal(fcntl(fd, F_GETPIPE_SZ), MONITOR_CHUNK_MAX);
	put(fd, MONITOR_CHUNK_MAX);
	assert_int_equal(fcntl(fd, F_GETPIPE_SZ), MONITOR_PIPE_WIDE);
	monitor_stdio_close(&theirs);
	monitor_streams_close(&streams);
}

static void a_wide_pipe_that_holds_much_loses_nothing(void **state)
{
	struct monitor_stdio theirs;
	int fd = open_streams(&theirs);

	(void)state;
	put(fd, MONITOR_CHUNK_MAX);
	assert_int_equal(write(fd, full, sizeof(full)), sizeof(full));
	assert_int_equal(write(fd, full, sizeof(full)), sizeof(full));
	monitor_streams_trim(&streams);
	for (int i = 0; i < 2; i++) {
		assert_true(monitor_streams_read(&streams, STREAM_OUT, MONITOR_CHUNK_MAX));
		assert_int_equal(streams.chunk_len, MONITOR_CHUNK_MAX);
		streams.chunk_len = 0;
	}
	assert_false(monitor_streams_read(&streams, STREAM_OUT, MONITOR_CHUNK_MAX));
	monitor_stdio_close(&theirs);
	monitor_streams_close(&streams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_is_wide_for_a_burst_and_no_longer),
		cmocka_unit_test(a_wide_pipe_that_holds_much_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
