/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sync.h"

#include "tests/unit/common/scratch.h"

#include <sys/socket.h>

static int setup(void **state)
{
	int *fds = calloc(2, sizeof(*fds));

	assert_non_null(fds);
	assert_int_equal(sync_pair(fds), 0);
	*state = fds;
	return 0;
}

static int teardown(void **state)
{
	int *fds = *state;

	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	free(fds);
	return 0;
}

#define SYNC_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void both_ends_close_at_exec(void **state)
{
	const int *fds = *state;

	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
}

static void messages_arrive_one_by_one_and_both_ways(void **state)
{
	static const enum sync_kind KINDS[] = { SYNC_MAPPED, SYNC_HOOKS, SYNC_CONSOLE, SYNC_READY, SYNC_GO };
	const int *fds = *state;
	struct err e = { 0 };

	for (int way = 0; way < 2; way++) {
		for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
			assert_int_equal(sync_send(fds[way], KINDS[i], &e), 0);
		for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
			assert_int_equal(sync_expect(fds[!way], KINDS[i], NULL, &e), 0);
	}
}

static void another_message_than_the_one_due_breaks_the_protocol(void **state)
{
	const int *fds = *state;
	struct err e = { 0 };

	assert_int_equal(sync_send(fds[0], SYNC_READY, &e), 0);
	assert_int_equal(sync_expect(fds[1], SYNC_GO, NULL, &e), -EPROTO);
	assert_string_equal(e.text, "message 4 where 5 was due");
	assert_int_equal(sync_send(fds[0], SYNC_GO, &e), 0);
	assert_int_equal(sync_expect_end(fds[1], &e), -EPROTO);
	assert_string_equal(e.text, "message 5 where the end was due");
}

static void descriptors_travel_with_messages(void **state)
{
	const int *fds = *state;
	cleanup_fd int got = -1;
	struct err e = { 0 };
	struct stat sent, received;

	assert_int_equal(sync_send_fd(fds[0], SYNC_CONSOLE, STDERR_FILENO, &e), 0);
	assert_int_equal(sync_expect(fds[1], SYNC_CONSOLE, &got, &e), 0);
	assert_true(got >= 0);
	assert_int_equal(fstat(STDERR_FILENO, &sent), 0);
	assert_int_equal(fstat(got, &received), 0);
	assert_true(sent.st_dev == received.st_dev && sent.st_ino == received.st_ino);
}

static void a_child_is_passed_on_by_number_and_descriptor(void **state)
{
	const int *fds = *state;
	cleanup_fd int got = -1;
	struct err e = { 0 };
	pid_t pid = 0;

	assert_int_equal(sync_send_child(fds[0], 4194303, fds[0], &e), 0);
	assert_int_equal(sync_expect_child(fds[1], &pid, &got, &e), 0);
	assert_int_equal(pid, 4194303);
	assert_true(got >= 0);
	assert_int_equal(sync_send(fds[0], SYNC_READY, &e), 0);
	pid = 7;
	assert_int_equal(sync_expect_child(fds[1], &pid, &got, &e), -EPROTO);
	assert_int_equal(pid, 7);
}

static void descriptors_that_nobody_expects_are_closed(void **state)
{
	const int *fds = *state;
	int before = count_open_descriptors();
	struct err e = { 0 };

	assert_int_equal(sync_send_fd(fds[0], SYNC_READY, STDERR_FILENO, &e), 0);
	assert_int_equal(sync_expect(fds[1], SYNC_READY, NULL, &e), 0);
	assert_int_equal(count_open_descriptors(), before);
}

static void errors_travel_with_code_and_text(void **state)
{
	const int *fds = *state;
	struct err sent = { 0 }, e = { 0 };

	(void)err_set(&sent, -EACCES, "exec: \"/x\": permission denied");
	sync_send_error(fds[1], &sent);
	assert_int_equal(sync_expect(fds[0], SYNC_READY, NULL, &e), -EACCES);
	assert_int_equal(e.code, -EACCES);
	assert_string_equal(e.text, sent.text);
	sync_send_error(fds[1], &sent);
	assert_int_equal(sync_expect_end(fds[0], &e), -EACCES);
	assert_string_equal(e.text, sent.text);
}

static void errors_may_be_as_long_as_errors_are(void **state)
{
	const int *fds = *state;
	struct err sent = { .code = -EINVAL }, e = { 0 };

	memset(sent.text, 'x', sizeof(sent.text) - 1);
	sync_send_error(fds[1], &sent);
	assert_int_equal(sync_expect(fds[0], SYNC_READY, NULL, &e), -EINVAL);
	assert_string_equal(e.text, sent.text);
	memset(sent.text, 'x', sizeof(sent.text)); /* a sender that does not terminate it */
	sync_send_error(fds[1], &sent);
	assert_int_equal(sync_expect(fds[0], SYNC_READY, NULL, &e), -EINVAL);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void an_error_without_a_code_is_one_all_the_same(void **state)
{
	static const int CODES[] = { 0, 5 };
	const int *fds = *state;

	for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
		struct err sent = { .code = CODES[i], .text = "what?" }, e = { 0 };

		sync_send_error(fds[1], &sent);
		assert_int_equal(sync_expect(fds[0], SYNC_READY, NULL, &e), -EPROTO);
		assert_string_equal(e.text, "what?");
	}
}

static void the_end_is_awaited_or_unexpected(void **state)
{
	int *fds = *state;
	struct err e = { 0 };

	(void)close(fds[1]);
	fds[1] = -1;
	assert_int_equal(sync_expect_end(fds[0], &e), 0);
	assert_int_equal(sync_expect(fds[0], SYNC_READY, NULL, &e), -ECONNRESET);
	assert_string_equal(e.text, "the other side of the container's start ended unexpectedly");
}

static void messages_before_the_end_are_still_heard(void **state)
{
	struct err sent = { .code = -ENOENT, .text = "last words" }, e = { 0 };
	int *fds = *state;

	assert_int_equal(sync_send(fds[1], SYNC_READY, &e), 0);
	sync_send_error(fds[1], &sent);
	(void)close(fds[1]);
	fds[1] = -1;
	assert_int_equal(sync_expect(fds[0], SYNC_READY, NULL, &e), 0);
	assert_int_equal(sync_expect_end(fds[0], &e), -ENOENT);
	assert_string_equal(e.text, "last words");
	assert_int_equal(sync_expect_end(fds[0], &e), 0);
}

static void a_peer_that_died_with_unread_messages_has_ended(void **state)
{
	int *fds = *state;
	struct err e = { 0 };

	assert_int_equal(sync_send(fds[0], SYNC_GO, &e), 0);
	(void)close(fds[1]);
	fds[1] = -1;
	assert_int_equal(sync_expect_end(fds[0], &e), 0);
}

static void nobody_is_there_to_hear_it(void **state)
{
	struct err sent = { .code = -ENOENT, .text = "x" }, e = { 0 };
	int *fds = *state;

	(void)close(fds[1]);
	fds[1] = -1;
	assert_int_equal(sync_send(fds[0], SYNC_GO, &e), -ECONNRESET);
	assert_string_equal(e.text, "the other side of the container's start ended unexpectedly");
	assert_int_equal(sync_send(-1, SYNC_GO, &e), -EBADF);
	assert_string_equal(e.text,
			    "cannot reach the other side of the container's start: bad file descriptor");
	sync_send_error(fds[0], &sent); /* no SIGPIPE either */
	assert_int_equal(sync_expect(-1, SYNC_GO, NULL, &e), -EBADF);
	assert_string_equal(e.text,
			    "cannot hear the other side of the container's start: bad file descriptor");
	assert_int_equal(sync_expect_end(-1, &e), -EBADF);
}

static void a_start_brings_the_signals_that_were_ignored(void **state)
{
	const int *fds = *state;
	struct err e = { 0 };
	uint32_t ignored = 0;

	assert_int_equal(sync_send_start(fds[0], 0x7fffffff, &e), 0);
	assert_int_equal(sync_expect_start(fds[1], &ignored, &e), 0);
	assert_true(ignored == 0x7fffffff);
	assert_int_equal(sync_send(fds[0], SYNC_READY, &e), 0);
	assert_int_equal(sync_expect_start(fds[1], &ignored, &e), -EPROTO);
}

/* A creator that sends before it listens: what counts is why init has ended. */
static void who_cannot_be_reached_has_said_why(void **state)
{
	int *fds = *state;
	struct err said = { 0 }, e = { 0 };

	(void)err_set(&said, -ENOTDIR, "cannot mount '/x'");
	assert_int_equal(sync_send(fds[1], SYNC_READY, &e), 0);
	sync_send_error(fds[1], &said);
	(void)close(fds[1]);
	fds[1] = -1;
	assert_int_equal(sync_send(fds[0], SYNC_GO, &e), -ENOTDIR);
	assert_string_equal(e.text, "cannot mount '/x'");
	assert_int_equal(sync_send(fds[0], SYNC_GO, &e), -ECONNRESET);
}

static void packets_that_are_too_short_or_too_long_do_no_harm(void **state)
{
	const int *fds = *state;
	char junk[4096];
	struct err e = { 0 };

	memset(junk, 0xff, sizeof(junk));
	assert_int_equal(send(fds[1], junk, 1, 0), 1);
	assert_int_equal(sync_expect(fds[0], SYNC_READY, NULL, &e), -EPROTO);
	assert_int_equal(send(fds[1], junk, sizeof(junk), 0), sizeof(junk));
	assert_int_equal(sync_expect(fds[0], SYNC_READY, NULL, &e), -EPROTO);
	assert_int_equal(send(fds[1], junk, sizeof(junk), 0), sizeof(junk));
	assert_int_equal(sync_expect_end(fds[0], &e), -EPROTO);
}

static void an_exec_is_the_end(void **state)
{
	int *fds = *state, status;
	struct err e = { 0 };
	pid_t pid = fork_or_skip();

	if (pid == 0) {
		(void)close(fds[0]);
		(void)execl("/bin/true", "true", NULL);
		_exit(1);
	}
	(void)close(fds[1]);
	fds[1] = -1;
	assert_int_equal(sync_expect_end(fds[0], &e), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(both_ends_close_at_exec),
		SYNC_TEST(messages_arrive_one_by_one_and_both_ways),
		SYNC_TEST(another_message_than_the_one_due_breaks_the_protocol),
		SYNC_TEST(descriptors_travel_with_messages),
		SYNC_TEST(a_child_is_passed_on_by_number_and_descriptor),
		SYNC_TEST(descriptors_that_nobody_expects_are_closed),
		SYNC_TEST(errors_travel_with_code_and_text),
		SYNC_TEST(errors_may_be_as_long_as_errors_are),
		SYNC_TEST(an_error_without_a_code_is_one_all_the_same),
		SYNC_TEST(the_end_is_awaited_or_unexpected),
		SYNC_TEST(messages_before_the_end_are_still_heard),
		SYNC_TEST(a_peer_that_died_with_unread_messages_has_ended),
		SYNC_TEST(nobody_is_there_to_hear_it),
		SYNC_TEST(a_start_brings_the_signals_that_were_ignored),
		SYNC_TEST(who_cannot_be_reached_has_said_why),
		SYNC_TEST(packets_that_are_too_short_or_too_long_do_no_harm),
		SYNC_TEST(an_exec_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
