/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/reaper.h"

#include "tests/unit/common/scratch.h"

#include <poll.h>

/* A PID namespace whose process 1 reaps, with a program beside it that is one of the functions below. */
struct machine {
	int said[2];  /* pipe: program -> test */
	int told[2];  /* pipe: test -> program */
	pid_t reaper; /* as the test sees it */
};

static void start(struct machine *m, void (*program)(struct machine *))
{
	struct err e = { 0 };

	CHILD_CHECK(pipe2(m->said, O_CLOEXEC) == 0 && pipe2(m->told, O_CLOEXEC) == 0);
	m->reaper = fork();
	CHILD_CHECK(m->reaper >= 0);
	if (m->reaper == 0) {
		(void)alarm(0); /* of process 1 nobody would hear it */
		CHILD_CHECK(getpid() == 1);
		CHILD_OK(reaper_fork(3, &e));
		(void)alarm(60);
		program(m);
		_exit(99);
	}
	(void)close(m->said[1]);
	(void)close(m->told[0]);
}

/* Waits for the program's next word; 0 at the end. */
static char hear(const struct machine *m)
{
	char c = 0;

	CHILD_CHECK(read(m->said[0], &c, 1) >= 0);
	return c;
}

static void say(const struct machine *m, char c)
{
	CHILD_CHECK(write(m->said[1], &c, 1) == 1);
}

static int wait_for_end(const struct machine *m)
{
	int status;

	CHILD_CHECK(waitpid(m->reaper, &status, 0) == m->reaper);
	CHILD_CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void exit_seven(struct machine *m)
{
	(void)m;
	_exit(7);
}

static void expect_seven(void *arg)
{
	struct machine m;

	(void)arg;
	start(&m, exit_seven);
	CHILD_CHECK(wait_for_end(&m) == 7);
}

static void it_ends_as_its_child_ended(void **state)
{
	(void)state;
	need_root();
	run_in_child(CLONE_NEWPID, expect_seven, NULL);
}

static void kill_oneself(struct machine *m)
{
	(void)m;
	(void)kill(getpid(), SIGKILL);
}

static void expect_killed(void *arg)
{
	struct machine m;

	(void)arg;
	start(&m, kill_oneself);
	CHILD_CHECK(wait_for_end(&m) == 128 + SIGKILL);
}

static void a_signal_becomes_an_exit_code(void **state)
{
	(void)state;
	need_root();
	run_in_child(CLONE_NEWPID, expect_killed, NULL);
}

static void on_signal(int signal)
{
	_exit(100 + signal);
}

static void wait_for_signal(struct machine *m)
{
	CHILD_CHECK(signal(SIGTERM, on_signal) != SIG_ERR);
	CHILD_CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	say(m, 'r');
	for (;;)
		(void)pause();
}

static void expect_forwarded(void *arg)
{
	const int *number = arg;
	struct machine m;

	start(&m, wait_for_signal);
	CHILD_CHECK(hear(&m) == 'r');
	CHILD_CHECK(kill(m.reaper, *number) == 0);
	CHILD_CHECK(wait_for_end(&m) == 100 + *number);
}

static void signals_are_forwarded_to_the_child(void **state)
{
	int numbers[] = { SIGTERM, SIGUSR1 };

	(void)state;
	need_root();
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		run_in_child(CLONE_NEWPID, expect_forwarded, &numbers[i]);
}

static void stop_oneself(struct machine *m)
{
	say(m, 's');
	CHILD_CHECK(raise(SIGSTOP) == 0);
	say(m, 'c');
	_exit(9);
}

static void expect_stop_survived(void *arg)
{
	struct machine m;
	int status;

	(void)arg;
	start(&m, stop_oneself);
	CHILD_CHECK(hear(&m) == 's');
	(void)usleep(200000);
	CHILD_CHECK(waitpid(m.reaper, &status, WNOHANG) == 0); /* a stop is no end */
	for (int i = 0; i < 50; i++) {                         /* it may not have stopped yet */
		struct pollfd word = { .fd = m.said[0], .events = POLLIN };

		CHILD_CHECK(kill(m.reaper, SIGCONT) == 0);
		if (poll(&word, 1, 100) == 1)
			break;
	}
	CHILD_CHECK(hear(&m) == 'c');
	CHILD_CHECK(wait_for_end(&m) == 9);
}

static void a_stopped_child_is_waited_for(void **state)
{
	(void)state;
	need_root();
	run_in_child(CLONE_NEWPID, expect_stop_survived, NULL);
}

/* True once no such process is there any more, not even a zombie. */
static bool is_gone(pid_t pid)
{
	for (int i = 0; i < 500; i++) {
		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
		(void)usleep(20000);
	}
	return false;
}

static void leave_orphans(struct machine *m)
{
	pid_t orphan, child;
	int fds[2], status;

	(void)m;
	for (int i = 0; i < 20; i++) {
		CHILD_CHECK(pipe2(fds, O_CLOEXEC) == 0);
		child = fork();
		CHILD_CHECK(child >= 0);
		if (child == 0) {
			orphan = fork();
			if (orphan == 0) {
				char c;

				(void)close(fds[1]);
				_exit(read(fds[0], &c, 1) == 0 ? 5 : 6); /* when its parent is gone */
			}
			_exit(orphan);
		}
		(void)close(fds[1]);
		(void)close(fds[0]);
		CHILD_CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
		orphan = WEXITSTATUS(status); /* numbers are small in a new namespace */
		CHILD_CHECK(orphan > 2);
		CHILD_CHECK(is_gone(orphan));
	}
	_exit(0);
}

static void expect_reaped(void *arg)
{
	struct machine m;

	(void)arg;
	start(&m, leave_orphans);
	CHILD_CHECK(wait_for_end(&m) == 0);
}

static void orphans_are_reaped(void **state)
{
	(void)state;
	need_root();
	run_in_child(CLONE_NEWPID, expect_reaped, NULL);
}

static void look_at_oneself(struct machine *m)
{
	sigset_t mask;

	(void)m;
	CHILD_CHECK(getpgrp() == getpid());
	CHILD_CHECK(getppid() == 1);
	CHILD_CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
	for (int signal = 1; signal < 32; signal++)
		CHILD_CHECK(sigismember(&mask, signal) == (signal == SIGWINCH));
	CHILD_CHECK(fcntl(m->told[0], F_GETFD) >= 0);
	_exit(0);
}

static void expect_own_group(void *arg)
{
	struct machine m;
	sigset_t winch;

	(void)arg;
	(void)sigemptyset(&winch);
	(void)sigaddset(&winch, SIGWINCH);
	CHILD_CHECK(sigprocmask(SIG_SETMASK, &winch, NULL) == 0);
	start(&m, look_at_oneself);
	CHILD_CHECK(wait_for_end(&m) == 0);
}

static void the_child_leads_its_group_with_the_signal_mask_as_it_was(void **state)
{
	(void)state;
	need_root();
	run_in_child(CLONE_NEWPID, expect_own_group, NULL);
}

static void close_and_wait(struct machine *m)
{
	char c;

	(void)close(m->said[1]);
	(void)close(m->told[1]);
	_exit(read(m->told[0], &c, 1) == 1 ? 0 : 1);
}

/* The end of the pipe is seen only if process 1 holds it no more; it still runs then. */
static void expect_closed(void *arg)
{
	cleanup_buf struct buf name = BUF_INIT(64);
	struct machine m;
	struct pollfd end;
	struct err e;
	char path[64];

	(void)arg;
	start(&m, close_and_wait);
	end = (struct pollfd){ .fd = m.said[0], .events = POLLIN };
	CHILD_CHECK(poll(&end, 1, 30000) == 1);
	CHILD_CHECK(hear(&m) == 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)m.reaper);
	CHILD_OK(file_read(AT_FDCWD, path, &name, &e));
	CHILD_CHECK(strcmp(name.data, "sampan-init\n") == 0);
	buf_done(&name);
	CHILD_CHECK(write(m.told[1], "x", 1) == 1);
	CHILD_CHECK(wait_for_end(&m) == 0);
}

static void it_holds_no_descriptor_of_the_programs(void **state)
{
	(void)state;
	need_root();
	run_in_child(CLONE_NEWPID, expect_closed, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_as_its_child_ended),
		cmocka_unit_test(a_signal_becomes_an_exit_code),
		cmocka_unit_test(signals_are_forwarded_to_the_child),
		cmocka_unit_test(a_stopped_child_is_waited_for),
		cmocka_unit_test(orphans_are_reaped),
		cmocka_unit_test(the_child_leads_its_group_with_the_signal_mask_as_it_was),
		cmocka_unit_test(it_holds_no_descriptor_of_the_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
