/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stoppable.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static int answer(void *arg, struct err *e)
{
	(void)e;
	*(int *)arg *= 2;
	return 0;
}

static void a_result_comes_back(void **state)
{
	int number = 21, nothing = 21;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(stoppable_run(answer, &number, &number, sizeof(number), -1, &e), 0);
	assert_int_equal(number, 42);
	assert_int_equal(stoppable_run(answer, &nothing, NULL, 0, -1, &e), 0);
	assert_int_equal(nothing, 21);
}

static int fail_with_words(void *arg, struct err *e)
{
	return err_set(e, -EISDIR, "%s is wrong", (const char *)arg);
}

static void so_does_an_error(void **state)
{
	struct err e = { 0 };
	char word[] = "something";

	(void)state;
	assert_int_equal(stoppable_run(fail_with_words, word, NULL, 0, -1, &e), -EISDIR);
	assert_string_equal(e.text, "something is wrong");
}

static int write_and_wait(void *arg, struct err *e)
{
	const int *fds = arg;

	(void)e;
	if (write(fds[1], "begun", 5) != 5)
		_exit(1);
	for (;;)
		(void)pause();
}

/* It stops itself: what makes cancel_fd readable is its own first word. */
static void what_never_ends_is_stopped_and_has_ended_then(void **state)
{
	struct err e = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(stoppable_run(write_and_wait, fds, NULL, 0, fds[0], &e), -EINTR);
	assert_string_equal(e.text, "interrupted");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static int die(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return raise(SIGKILL);
}

static void one_that_dies_is_an_error(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(stoppable_run(die, NULL, NULL, 0, -1, &e), -EPROTO);
	assert_string_equal(e.text, "the process that was at it has died");
}

static void a_file_is_synced_and_a_pipe_need_not_be(void **state)
{
	struct err e = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(stoppable_sync(fds[1], -1, &e), 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_int_equal(stoppable_sync(-1, -1, &e), -EBADF);
	assert_string_equal(e.text, "cannot write to the disk: bad file descriptor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_comes_back),
		cmocka_unit_test(so_does_an_error),
		cmocka_unit_test(what_never_ends_is_stopped_and_has_ended_then),
		cmocka_unit_test(one_that_dies_is_an_error),
		cmocka_unit_test(a_file_is_synced_and_a_pipe_need_not_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
