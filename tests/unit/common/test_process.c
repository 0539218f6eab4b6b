/* SPDX-License-Identifier: Apache-2.0 */
#include "common/process.h"

#include "tests/unit/common/scratch.h"

#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

/* qemu-user has no clone3. */
static pid_t start(uint64_t flags, int *ret_pidfd)
{
	pid_t pid = process_clone(flags, -1, ret_pidfd);

	if (pid == -ENOSYS || pid == -EPERM) {
		print_message("clone3, or a namespace, is missing here\n");
		skip();
	}
	assert_true(pid >= 0);
	return pid;
}

static int wait_for(int pidfd)
{
	int status = -1;

	assert_int_equal(process_wait(pidfd, &status), 0);
	(void)close(pidfd);
	return status;
}

static void exit_codes_arrive(void **state)
{
	static const int CODES[] = { 0, 1, 42, 125, 127, 128, 255 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
		int pidfd = -1, status;
		pid_t pid = start(0, &pidfd);

		if (pid == 0)
			_exit(CODES[i]);
		assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
		status = wait_for(pidfd);
		assert_true(WIFEXITED(status));
		assert_int_equal(process_exit_code(status), CODES[i]);
	}
}

static void signals_become_128_and_their_number(void **state)
{
	static const int SIGNALS[] = { SIGKILL, SIGTERM, SIGUSR1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++) {
		int pidfd = -1, status;
		pid_t pid = start(0, &pidfd);

		if (pid == 0)
			for (;;)
				(void)pause();
		assert_int_equal(process_signal(pidfd, SIGNALS[i]), 0);
		status = wait_for(pidfd);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(process_exit_code(status), 128 + SIGNALS[i]);
	}
}

static void a_wait_status_is_read_as_a_shell_does(void **state)
{
	(void)state;
	assert_int_equal(process_exit_code(0), 0);
	assert_int_equal(process_exit_code(7 << 8), 7);
	assert_int_equal(process_exit_code(SIGSEGV), 139);
	assert_int_equal(process_exit_code(SIGSEGV | 0x80), 139); /* with a core dump */
}

static void a_child_is_reaped_once(void **state)
{
	int pidfd = -1, status = -7;
	pid_t pid = start(0, &pidfd);

	(void)state;
	if (pid == 0)
		_exit(3);
	assert_int_equal(process_wait(pidfd, &status), 0);
	assert_int_equal(process_exit_code(status), 3);
	status = -7;
	assert_int_equal(process_wait(pidfd, &status), -ECHILD);
	assert_int_equal(status, -7);
	assert_int_equal(process_signal(pidfd, 0), -ESRCH);
	(void)close(pidfd);
	assert_int_equal(process_wait(-1, &status), -EINVAL);
	assert_int_equal(process_signal(-1, 0), -EBADF);
}

static void a_pid_namespace_begins_with_process_one(void **state)
{
	int pidfd = -1;
	pid_t pid = start(CLONE_NEWPID, &pidfd);

	(void)state;
	if (pid == 0)
		_exit(getpid() == 1 ? 0 : 1);
	assert_int_equal(wait_for(pidfd), 0);
}

static void the_parent_gets_a_pidfd_that_tells_the_end(void **state)
{
	int fds[2], pidfd = -1;
	struct pollfd wait = { .events = POLLIN };
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = start(0, &pidfd);
	if (pid == 0) {
		char c;

		(void)close(fds[1]);
		_exit(read(fds[0], &c, 1) == 0 ? 0 : 1);
	}
	wait.fd = pidfd;
	assert_int_equal(poll(&wait, 1, 0), 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_int_equal(poll(&wait, 1, 10000), 1);
	assert_int_equal(wait_for(pidfd), 0);
}

static void flags_that_cannot_be_are_refused(void **state)
{
	int pidfd = -7;
	pid_t pid = process_clone(CLONE_NEWNS | CLONE_FS, -1, &pidfd);

	(void)state;
	if (pid == -ENOSYS)
		skip();
	assert_int_equal(pid, -EINVAL);
	assert_int_equal(pidfd, -7);
	assert_int_equal(process_clone(0, 100000, &pidfd), -EBADF); /* no cgroup */
	assert_int_equal(pidfd, -7);
}

static void a_pidfd_is_opened_by_number(void **state)
{
	int pidfd = process_pidfd_open(getpid());

	(void)state;
	if (pidfd == -ENOSYS)
		skip();
	assert_true(pidfd >= 0);
	assert_int_equal(process_signal(pidfd, 0), 0);
	assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
	(void)close(pidfd);
	assert_int_equal(process_pidfd_open(0), -EINVAL);
	assert_int_equal(process_pidfd_open(0x3fffffff), -ESRCH);
}

/* A name with all that could confuse a reader of /proc/PID/stat. */
static void the_start_time_is_found_behind_any_name(void **state)
{
	static const char *const NAMES[] = { "plain", "a b", "x) S 1 2 3", ")", "((", ") Z 1", "a\nb", "" };
	uint64_t first, again;
	char letter;

	(void)state;
	if (emulated())
		skip(); /* /proc/self/stat is made up */
	assert_int_equal(process_start_time(getpid(), &first), 0);
	assert_true(first > 0);
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		assert_int_equal(prctl(PR_SET_NAME, NAMES[i]), 0);
		letter = '?';
		assert_int_equal(process_stat(getpid(), &letter, &again), 0);
		assert_int_equal(letter, 'R');
		assert_true(again == first);
	}
}

static void start_times_tell_processes_apart(void **state)
{
	struct timespec some = { 0, 60000000 }; /* more than a clock tick */
	uint64_t mine, childs;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(process_start_time(getpid(), &mine), 0);
	(void)nanosleep(&some, NULL);
	pid = fork_or_skip();
	if (pid == 0)
		for (;;)
			(void)pause();
	assert_int_equal(process_start_time(pid, &childs), 0);
	assert_true(childs > mine);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void the_letter_tells_the_dead_who_are_not_reaped(void **state)
{
	siginfo_t info = { 0 };
	uint64_t ticks;
	int status;
	char letter;
	pid_t pid = fork_or_skip();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_stat(pid, &letter, &ticks), 0);
	assert_int_equal(letter, 'Z');
	assert_int_equal(waitpid(pid, &status, 0), pid);
	letter = '?';
	ticks = 5;
	assert_int_equal(process_stat(pid, &letter, &ticks), -ESRCH);
	assert_int_equal(process_start_time(pid, &ticks), -ESRCH);
	assert_int_equal(letter, '?');
	assert_true(ticks == 5);
}

/* As nohup and systemd have them ignored. */
static void ignored_signals_are_seen_and_heeded_again(void **state)
{
	uint32_t before, ignored;
	uint64_t ticks, again;

	(void)state;
	if (emulated())
		skip(); /* /proc/self/stat is made up */
	assert_int_equal(process_start_and_ignored(getpid(), &ticks, &before), 0);
	assert_int_equal(process_start_time(getpid(), &again), 0);
	assert_true(ticks == again);
	assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR && signal(SIGSYS, SIG_IGN) != SIG_ERR);
	assert_int_equal(process_start_and_ignored(getpid(), &ticks, &ignored), 0);
	assert_true(ignored == (before | 1u << (SIGHUP - 1) | 1u << (SIGSYS - 1)));
	process_heed_signals(ignored);
	assert_int_equal(process_start_and_ignored(getpid(), &ticks, &ignored), 0);
	assert_int_equal(ignored, 0);
}

/* Descriptors and locks go a little before the process is a zombie. */
static void who_has_closed_all_by_ending_is_dead(void **state)
{
	uint64_t ticks;
	int status;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char letter = '?', byte;
		int ends[2];
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork_or_skip();
		if (pid == 0)
			_exit(0);
		(void)close(ends[1]);
		assert_int_equal(read(ends[0], &byte, 1), 0);
		assert_int_equal(process_stat(pid, &letter, &ticks), 0);
		assert_true(letter == 'X' || letter == 'Z');
		(void)close(ends[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
}

/* --- descriptors --- */

static void open_three(int fds[3])
{
	for (int i = 0; i < 3; i++) {
		fds[i] = dup2(STDERR_FILENO, 100 + i);
		CHILD_CHECK(fds[i] == 100 + i);
	}
	CHILD_CHECK(dup2(STDERR_FILENO, 900) == 900);
}

static void close_some(void *arg)
{
	int fds[3], r;

	(void)arg;
	open_three(fds);
	r = process_close_from(101);
	if (r == -ENOSYS)
		_exit(CHILD_LACKS);
	CHILD_CHECK(r == 0);
	CHILD_CHECK(fcntl(100, F_GETFD) >= 0);
	CHILD_CHECK(fcntl(101, F_GETFD) < 0 && errno == EBADF);
	CHILD_CHECK(fcntl(102, F_GETFD) < 0);
	CHILD_CHECK(fcntl(900, F_GETFD) < 0);
	CHILD_CHECK(process_close_from(5000) == 0);
	CHILD_CHECK(fcntl(100, F_GETFD) >= 0);
}

static void all_descriptors_from_a_number_on_are_closed(void **state)
{
	(void)state;
	run_in_child(0, close_some, NULL);
}

static void mark_some(void *arg)
{
	int fds[3];

	(void)arg;
	open_three(fds);
	CHILD_CHECK(process_cloexec_from(101) == 0);
	CHILD_CHECK(fcntl(100, F_GETFD) == 0);
	CHILD_CHECK(fcntl(101, F_GETFD) == FD_CLOEXEC);
	CHILD_CHECK(fcntl(102, F_GETFD) == FD_CLOEXEC);
	CHILD_CHECK(fcntl(900, F_GETFD) == FD_CLOEXEC);
	CHILD_CHECK(process_cloexec_from(5000) == 0);
}

static void all_descriptors_from_a_number_on_close_at_exec(void **state)
{
	(void)state;
	run_in_child(0, mark_some, NULL);
}

static void close_others(void *arg)
{
	int keep[] = { 930, -1, 910, 931 };

	(void)arg;
	for (int fd = 900; fd < 940; fd++)
		CHILD_CHECK(dup2(2, fd) == fd);
	CHILD_CHECK(process_close_others(905, keep, ARRAY_LEN(keep)) == 0);
	for (int fd = 900; fd < 940; fd++) {
		bool kept = fd < 905 || fd == 910 || fd == 930 || fd == 931;

		CHILD_CHECK((fcntl(fd, F_GETFD) >= 0) == kept);
	}
}

static void all_descriptors_but_some_are_closed(void **state)
{
	(void)state;
	run_in_child(0, close_others, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes_arrive),
		cmocka_unit_test(signals_become_128_and_their_number),
		cmocka_unit_test(a_wait_status_is_read_as_a_shell_does),
		cmocka_unit_test(a_child_is_reaped_once),
		cmocka_unit_test(a_pid_namespace_begins_with_process_one),
		cmocka_unit_test(the_parent_gets_a_pidfd_that_tells_the_end),
		cmocka_unit_test(flags_that_cannot_be_are_refused),
		cmocka_unit_test(a_pidfd_is_opened_by_number),
		cmocka_unit_test(the_start_time_is_found_behind_any_name),
		cmocka_unit_test(start_times_tell_processes_apart),
		cmocka_unit_test(the_letter_tells_the_dead_who_are_not_reaped),
		cmocka_unit_test(ignored_signals_are_seen_and_heeded_again),
		cmocka_unit_test(who_has_closed_all_by_ending_is_dead),
		cmocka_unit_test(all_descriptors_from_a_number_on_are_closed),
		cmocka_unit_test(all_descriptors_from_a_number_on_close_at_exec),
		cmocka_unit_test(all_descriptors_but_some_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
