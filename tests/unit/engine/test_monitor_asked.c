/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>

#include "common/cleanup.h"
#include "engine/monitor_program.h"
#include "tests/unit/common/scratch.h"

static struct monitor m;

/* A monitor with one client, whose end is returned. */
static int begin(int32_t wants)
{
	int pair[2], null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	memset(&m, 0, sizeof(m));
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		m.clients.items[i].fd = -1;
	monitor_streams_init(&m.streams);
	m.asked.trash_fd = -1;
	m.status.exit_code = 3;
	m.status.started_ns = 7;
	m.status.finished_ns = 9;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	for (int i = 0; i < 2; i++) { /* out of the way of the lock's number */
		int low = pair[i];

		pair[i] = fcntl(low, F_DUPFD_CLOEXEC, 20);
		assert_true(pair[i] >= 0);
		(void)close(low);
	}
	assert_int_equal(dup2(null_fd, MONITOR_FD_LOCK), MONITOR_FD_LOCK);
	if (null_fd != MONITOR_FD_LOCK)
		(void)close(null_fd);
	monitor_clients_add(&m, pair[0], wants);
	return pair[1];
}

static int ask(void)
{
	int fd = begin(MONITOR_WANT_CLEANUP);

	assert_true(monitor_asked_begin(&m));
	assert_int_equal(m.asked.state, ASKED_WAITING);
	return fd;
}

static int say(int fd, enum monitor_message_type type, const char *data, int passed_fd)
{
	const struct monitor_message message = { .type = type,
						 .data_len = data ? (uint32_t)strlen(data) : 0 };

	return monitor_send(fd, &message, data, passed_fd, 0);
}

static void hear(void)
{
	monitor_clients_serve(&m, &m.clients.items[0]);
}

static void be_late(void)
{
	m.asked.deadline_ms = 0;
	monitor_asked_hurry(&m);
}

static void who_does_not_offer_it_is_not_asked(void **state)
{
	const struct monitor_message message = { .type = MONITOR_ATTACH, .a = MONITOR_WANT_CLEANUP };
	cleanup_fd int fd = begin(MONITOR_WANT_STDOUT);

	(void)state;
	assert_false(monitor_asked_begin(&m));
	/* Nor can one that attaches later offer it. */
	assert_int_equal(monitor_send(fd, &message, NULL, -1, 0), 0);
	hear();
	assert_false(monitor_asked_begin(&m));
	assert_int_equal(monitor_asked_deadline(&m), INT64_MAX);
}

static void the_question_has_the_lock_and_all_that_is_known_of_the_end(void **state)
{
	cleanup_fd int fd = ask();
	cleanup_fd int lock_fd = -1;
	struct monitor_message message;
	int64_t times[2];

	(void)state;
	assert_int_equal(monitor_receive(fd, &message, times, sizeof(times), MSG_DONTWAIT, &lock_fd), 1);
	assert_int_equal(message.type, MONITOR_CLEAN_UP);
	assert_int_equal(message.a, 3);
	assert_int_equal(message.data_len, sizeof(times));
	assert_int_equal(times[0], 7);
	assert_int_equal(times[1], 9);
	assert_true(lock_fd >= 0);
}

static void what_it_leaves_the_monitor_removes(void **state)
{
	const struct scratch *scratch = *state;
	int dir_fd = scratch->fd;
	cleanup_fd int fd = ask();
	cleanup_fd int trash_fd = -1;
	struct monitor_message message;
	struct stat st;
	char data[64];

	assert_int_equal(mkdirat(dir_fd, "trash", 0700), 0);
	trash_fd = openat(dir_fd, "trash", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(trash_fd, "upper", 0700), 0);
	/* Without the first word the second is none. */
	assert_int_equal(say(fd, MONITOR_REMOVED, "trash", trash_fd), 0);
	hear();
	assert_int_equal(m.asked.state, ASKED_WAITING);
	assert_int_equal(say(fd, MONITOR_CLEANED, NULL, -1), 0);
	hear();
	assert_int_equal(m.asked.state, ASKED_CLAIMED);
	assert_int_equal(monitor_receive(fd, &message, data, sizeof(data), MSG_DONTWAIT, NULL), 1);
	assert_int_equal(monitor_receive(fd, &message, data, sizeof(data), MSG_DONTWAIT, NULL), 1);
	assert_int_equal(message.type, MONITOR_LEAVE);
	assert_int_equal(message.a, 3);
	assert_int_equal(say(fd, MONITOR_REMOVED, "trash", trash_fd), 0);
	hear();
	assert_int_equal(m.asked.state, ASKED_DONE);
	monitor_asked_empty(&m);
	assert_int_equal(fstatat(dir_fd, "trash", &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(errno, ENOENT);
}

static void one_that_is_late_can_say_nothing_and_still_hears(void **state)
{
	cleanup_fd int fd = ask();
	struct monitor_message message;
	char data[64];

	(void)state;
	monitor_asked_hurry(&m);
	assert_int_equal(m.asked.state, ASKED_WAITING);
	be_late();
	assert_int_equal(m.asked.state, ASKED_FAILED);
	assert_false(m.asked.told);
	assert_int_equal(say(fd, MONITOR_CLEANED, NULL, -1), -EPIPE);
	monitor_clients_end(&m, 3, false, UINT64_MAX);
	assert_int_equal(monitor_receive(fd, &message, data, sizeof(data), MSG_DONTWAIT, NULL), 1);
	assert_int_equal(message.type, MONITOR_CLEAN_UP);
	assert_int_equal(monitor_receive(fd, &message, data, sizeof(data), MSG_DONTWAIT, NULL), 1);
	assert_int_equal(message.type, MONITOR_EXIT);
}

static void a_word_that_was_in_time_counts_though_it_is_heard_late(void **state)
{
	int fd = ask();

	(void)state;
	assert_int_equal(say(fd, MONITOR_CLEANED, NULL, -1), 0);
	be_late();
	assert_int_equal(m.asked.state, ASKED_CLAIMED);
	/* It says no more: its end does. */
	assert_int_equal(say(fd, MONITOR_REMOVED, NULL, -1), -EPIPE);
	(void)close(fd);
	hear();
	assert_int_equal(m.asked.state, ASKED_FAILED);
}

static void one_that_cannot_or_goes_leaves_it_to_a_helper(void **state)
{
	int fd = ask();

	(void)state;
	(void)close(fd);
	hear();
	assert_int_equal(m.asked.state, ASKED_FAILED);
	assert_false(m.asked.told);

	fd = ask();
	assert_int_equal(say(fd, MONITOR_CLEANED, NULL, -1), 0);
	hear();
	assert_int_equal(say(fd, MONITOR_CLEAN_UP, NULL, -1), 0);
	hear();
	assert_int_equal(m.asked.state, ASKED_FAILED);
	assert_true(m.asked.told); /* it lives, so it has come past the event */
	(void)close(fd);
}

static void one_that_does_not_come_to_an_end_is_killed(void **state)
{
	int status, theirs;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) { /* who makes the socket is known by it */
		theirs = ask();
		if (say(theirs, MONITOR_CLEANED, NULL, -1) < 0)
			_exit(1);
		hear();
		be_late();
		_exit(2);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_does_not_offer_it_is_not_asked),
		cmocka_unit_test(the_question_has_the_lock_and_all_that_is_known_of_the_end),
		SCRATCH_TEST(what_it_leaves_the_monitor_removes),
		cmocka_unit_test(one_that_is_late_can_say_nothing_and_still_hears),
		cmocka_unit_test(a_word_that_was_in_time_counts_though_it_is_heard_late),
		cmocka_unit_test(one_that_cannot_or_goes_leaves_it_to_a_helper),
		cmocka_unit_test(one_that_does_not_come_to_an_end_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
