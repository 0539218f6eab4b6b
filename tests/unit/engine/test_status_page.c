/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status_page.h"

#include "tests/unit/common/scratch.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <time.h>

static const struct status RUNNING = {
	.state = STATUS_RUNNING,
	.health = STATUS_HEALTHY,
	.pid = 4711,
	.pid_start_ticks = UINT64_C(0x123456789abc),
	.restarts = 3,
	.health_failures = 1,
	.started_ns = INT64_C(1764000000123456789),
	.finished_ns = INT64_C(1763999999000000000),
	.log_offset = UINT64_C(1) << 40,
};

static void assert_same(const struct status *s, const struct status *expected)
{
	assert_int_equal(s->state, expected->state);
	assert_int_equal(s->health, expected->health);
	assert_int_equal(s->pid, expected->pid);
	assert_int_equal(s->pid_start_ticks, expected->pid_start_ticks);
	assert_int_equal(s->exit_code, expected->exit_code);
	assert_int_equal(s->oom_killed, expected->oom_killed);
	assert_int_equal(s->restarts, expected->restarts);
	assert_int_equal(s->health_failures, expected->health_failures);
	assert_int_equal(s->started_ns, expected->started_ns);
	assert_int_equal(s->finished_ns, expected->finished_ns);
	assert_int_equal(s->log_offset, expected->log_offset);
}

static void what_is_published_is_read(void **state)
{
	struct scratch *scratch = *state;
	const struct status exited = { .state = STATUS_EXITED, .exit_code = 137, .oom_killed = true };
	cleanup_shared_page struct shared_page writer = { 0 }, reader = { 0 };
	struct shared_page_owner monitor;
	uint32_t first, second;
	struct status s;
	struct err e;

	assert_int_equal(status_page_create(scratch->fd, &writer, &e), 0);
	assert_int_equal(status_page_open(scratch->fd, &reader, &e), 0);
	assert_int_equal(status_page_read(&reader, &s, NULL, &monitor, &e), -ENODATA);
	assert_string_equal(e.text, "status page: nothing is published yet");
	status_page_publish(&writer, &RUNNING);
	assert_int_equal(status_page_read(&reader, &s, &first, &monitor, &e), 0);
	assert_same(&s, &RUNNING);
	assert_int_equal(monitor.pid, getpid());
	assert_int_equal(monitor.generation, 1);
	assert_true(shared_page_owner_alive(&monitor));
	assert_int_equal(shared_page_wait(&reader, first, 1), -ETIMEDOUT);
	status_page_publish(&writer, &exited);
	assert_int_equal(shared_page_wait(&reader, first, 1), 0);
	assert_int_equal(status_page_read(&reader, &s, &second, &monitor, &e), 0);
	assert_same(&s, &exited);
	assert_int_equal(second, first + 2);
}

static void names_are_dockers(void **state)
{
	(void)state;
	assert_string_equal(status_state_name(STATUS_CREATED), "created");
	assert_string_equal(status_state_name(STATUS_RESTARTING), "restarting");
	assert_string_equal(status_state_name(STATUS_EXITED), "exited");
	assert_string_equal(status_health_name(STATUS_HEALTH_NONE), "");
	assert_string_equal(status_health_name(STATUS_UNHEALTHY), "unhealthy");
}

/* --- pages that are none --- */

static void other_files_are_no_pages(void **state)
{
	struct scratch *scratch = *state;
	cleanup_shared_page struct shared_page page = { 0 };
	char zeros[SHARED_PAGE_BYTES] = "";
	struct shared_page_owner monitor;
	struct status s;
	struct err e;
	bool held;

	assert_int_equal(status_page_open(scratch->fd, &page, &e), -ENOENT);
	assert_int_equal(status_page_peek(scratch->fd, ".", &s, &monitor, &held, &e), -ENOENT);
	scratch_write(scratch, "status", "short");
	assert_int_equal(status_page_open(scratch->fd, &page, &e), -EBADMSG);
	assert_int_equal(status_page_peek(scratch->fd, ".", &s, &monitor, &held, &e), -EBADMSG);
	assert_int_equal(file_write_atomic(scratch->fd, "status", zeros, sizeof(zeros), 0644, &e), 0);
	assert_int_equal(status_page_open(scratch->fd, &page, &e), -EBADMSG);
	assert_int_equal(unlinkat(scratch->fd, "status", 0), 0);
	assert_int_equal(symlinkat("other", scratch->fd, "status"), 0);
	assert_int_equal(status_page_open(scratch->fd, &page, &e), -EBADMSG);
	assert_int_equal(unlinkat(scratch->fd, "status", 0), 0);
	assert_int_equal(mkfifoat(scratch->fd, "status", 0600), 0);
	assert_int_equal(status_page_open(scratch->fd, &page, &e), -EBADMSG);
	/* The monitor puts a page in the place of whatever is there. */
	assert_int_equal(status_page_create(scratch->fd, &page, &e), 0);
	status_page_publish(&page, &RUNNING);
	shared_page_done(&page);
	/* One of another format is none of ours. */
	assert_int_equal(shared_page_open(scratch->fd, "status", 1, 2, &page, &e), -EBADMSG);
}

static void a_page_that_was_tampered_with_is_refused(void **state)
{
	struct scratch *scratch = *state;
	cleanup_shared_page struct shared_page writer = { 0 }, reader = { 0 };
	struct shared_page_owner monitor;
	unsigned int refused = 0, accepted = 0;
	cleanup_fd int fd = -1;
	struct status s, peeked;
	struct err e;
	bool held;

	assert_int_equal(status_page_create(scratch->fd, &writer, &e), 0);
	status_page_publish(&writer, &RUNNING);
	assert_int_equal(status_page_open(scratch->fd, &reader, &e), 0);
	fd = openat(scratch->fd, "status", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	for (off_t at = 16; at < 200; at++) { /* behind what open looks at */
		char byte, changed;
		int r;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		changed = (char)(byte ^ 0x40);
		assert_int_equal(pwrite(fd, &changed, 1, at), 1);
		r = status_page_read(&reader, &s, NULL, &monitor, &e);
		assert_int_equal(status_page_peek(scratch->fd, ".", &peeked, &monitor, &held, &e), r);
		if (r == 0) {
			assert_same(&peeked, &RUNNING);
			assert_same(&s, &RUNNING); /* a byte that nobody uses */
			accepted++;
		} else {
			assert_int_equal(r, -EBADMSG);
			refused++;
		}
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	/* the sequence, three words of the owner's, eleven of the status, the checksum; the rest is not in use */
	assert_int_equal(refused, 4 + (3 + 11 + 1) * 8);
	assert_int_equal(accepted, 200 - 16 - refused);
}

static void words_that_make_no_status_are_refused(void **state)
{
	struct scratch *scratch = *state;
	cleanup_shared_page struct shared_page writer = { 0 };
	const struct status bad[] = {
		{ .state = STATUS_STATES },  { .health = STATUS_HEALTHS }, { .pid = -1 },
		{ .exit_code = 256 },        { .exit_code = -1 },          { .started_ns = -1 },
		{ .finished_ns = INT64_MIN }
	};
	struct shared_page_owner monitor;
	struct status s;
	struct err e;

	assert_int_equal(status_page_create(scratch->fd, &writer, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		status_page_publish(&writer, &bad[i]);
		assert_int_equal(status_page_read(&writer, &s, NULL, &monitor, &e), -EBADMSG);
		assert_string_equal(e.text, "status page: no status is like this");
	}
}

/* --- owners --- */

/* A child that makes the page, publishes and then does as it is told. */
static pid_t start_owner(const struct scratch *scratch, const struct status *s)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct shared_page page;
		struct err e;

		if (status_page_create(scratch->fd, &page, &e) < 0)
			_exit(1);
		status_page_publish(&page, s);
		(void)!write(ready[1], "", 1);
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void end_owner(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void a_page_has_one_owner_and_then_another(void **state)
{
	struct scratch *scratch = *state;
	cleanup_shared_page struct shared_page writer = { 0 }, reader = { 0 };
	struct shared_page_owner monitor;
	struct status s;
	pid_t pid;
	struct err e;

	pid = start_owner(scratch, &RUNNING);
	assert_int_equal(status_page_open(scratch->fd, &reader, &e), 0);
	assert_int_equal(status_page_create(scratch->fd, &writer, &e), -EBUSY);
	assert_string_equal(e.text, "status page 'status' belongs to a process that runs");
	end_owner(pid);
	assert_int_equal(status_page_read(&reader, &s, NULL, &monitor, &e), 0);
	assert_int_equal(monitor.pid, pid);
	assert_false(shared_page_owner_alive(&monitor));
	assert_int_equal(status_page_create(scratch->fd, &writer, &e), 0);
	s.state = STATUS_EXITED;
	status_page_publish(&writer, &s);
	/* Who had it mapped goes on with it. */
	assert_int_equal(status_page_read(&reader, &s, NULL, &monitor, &e), 0);
	assert_int_equal(s.state, STATUS_EXITED);
	assert_int_equal(monitor.pid, getpid());
	assert_int_equal(monitor.generation, 2);
}

static void a_zombie_owns_nothing(void **state)
{
	struct scratch *scratch = *state;
	cleanup_shared_page struct shared_page reader = { 0 };
	struct shared_page_owner monitor;
	siginfo_t info;
	struct status s;
	pid_t pid = start_owner(scratch, &RUNNING);
	struct err e;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(status_page_open(scratch->fd, &reader, &e), 0);
	assert_int_equal(status_page_read(&reader, &s, NULL, &monitor, &e), 0);
	assert_false(shared_page_owner_alive(&monitor));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool is_held(const struct scratch *scratch)
{
	struct shared_page_owner monitor;
	struct status s;
	struct err e;
	bool held = false;

	assert_int_equal(status_page_peek(scratch->fd, ".", &s, &monitor, &held, &e), 0);
	assert_same(&s, &RUNNING);
	return held;
}

static void a_page_is_held_as_long_as_its_owner_lives(void **state)
{
	struct scratch *scratch = *state;
	cleanup_shared_page struct shared_page page = { 0 };
	pid_t pid = start_owner(scratch, &RUNNING);
	struct err e;

	assert_true(is_held(scratch));
	end_owner(pid);
	assert_false(is_held(scratch));
	/* Who takes it over holds it then, and who only tried does not. */
	pid = start_owner(scratch, &RUNNING);
	assert_true(is_held(scratch));
	assert_int_equal(status_page_create(scratch->fd, &page, &e), -EBUSY);
	assert_true(is_held(scratch));
	end_owner(pid);
	assert_false(is_held(scratch));
}

/* --- waiting --- */

static bool is_exited(const struct status *s, void *arg)
{
	(void)arg;
	return s->state == STATUS_EXITED;
}

static void a_change_wakes_who_waits(void **state)
{
	struct scratch *scratch = *state;
	cleanup_shared_page struct shared_page reader = { 0 };
	int ready[2], status;
	struct status s;
	struct err e;
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		const struct timespec moment = { .tv_nsec = 30000000 };
		struct status end = RUNNING;
		struct shared_page page;

		if (status_page_create(scratch->fd, &page, &e) < 0)
			_exit(1);
		status_page_publish(&page, &RUNNING);
		(void)!write(ready[1], "", 1);
		for (int i = 0; i < 5; i++) {
			(void)nanosleep(&moment, NULL);
			end.restarts++;
			status_page_publish(&page, &end);
		}
		end.state = STATUS_EXITED;
		status_page_publish(&page, &end);
		_exit(0); /* at once: its last word is heard all the same */
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(status_page_open(scratch->fd, &reader, &e), 0);
	assert_int_equal(status_page_wait(&reader, is_exited, NULL, 1, &s, &e), -ETIMEDOUT);
	assert_int_equal(status_page_wait(&reader, is_exited, NULL, -1, &s, &e), 0);
	assert_int_equal(s.restarts, RUNNING.restarts + 5);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void a_killed_monitor_is_noticed(void **state)
{
	struct scratch *scratch = *state;
	cleanup_shared_page struct shared_page reader = { 0 };
	pid_t pid = start_owner(scratch, &RUNNING);
	struct status s;
	struct err e;

	assert_int_equal(status_page_open(scratch->fd, &reader, &e), 0);
	end_owner(pid);
	assert_int_equal(status_page_wait(&reader, is_exited, NULL, -1, &s, &e), -EOWNERDEAD);
	assert_string_equal(e.text, "the container's monitor was killed");
	assert_same(&s, &RUNNING);
}

/* --- killed between any two of its stores --- */

/* Starts one that has published RUNNING and stops before it publishes `second`, traced by us. */
static pid_t start_publisher(const struct scratch *scratch, const struct status *second)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct shared_page page;
		struct err e;

		if (status_page_create(scratch->fd, &page, &e) < 0 ||
		    ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(1);
		status_page_publish(&page, &RUNNING);
		(void)raise(SIGSTOP);
		status_page_publish(&page, second);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	return pid;
}

/* One instruction. False when it has ended. */
static bool step(pid_t pid)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return !WIFEXITED(status);
}

/* The numbers of the instructions after which there is something else in the page. */
static size_t find_stores(const struct scratch *scratch, const struct status *second, unsigned int *ret,
			  size_t max)
{
	pid_t pid = start_publisher(scratch, second);
	cleanup_fd int fd = openat(scratch->fd, "status", O_RDONLY | O_CLOEXEC);
	char before[SHARED_PAGE_BYTES], *page;
	size_t n = 0;

	assert_true(fd >= 0);
	page = mmap(NULL, sizeof(before), PROT_READ, MAP_SHARED, fd, 0);
	assert_true(page != MAP_FAILED);
	memcpy(before, page, sizeof(before));
	for (unsigned int steps = 1; step(pid); steps++) {
		if (memcmp(before, page, sizeof(before)) == 0)
			continue;
		memcpy(before, page, sizeof(before));
		assert_true(n < max);
		ret[n++] = steps;
	}
	assert_int_equal(munmap(page, sizeof(before)), 0);
	assert_int_equal(unlinkat(scratch->fd, "status", 0), 0);
	return n;
}

static void a_writer_killed_between_any_two_stores_leaves_no_lie(void **state)
{
	struct scratch *scratch = *state;
	struct status second = RUNNING;
	unsigned int stores[64];
	size_t n;

	if (ptrace(PTRACE_SEIZE, 0, NULL, NULL) < 0 && errno == ENOSYS)
		skip(); /* qemu-user has no ptrace */
	second.state = STATUS_EXITED;
	second.health = STATUS_UNHEALTHY;
	second.exit_code = 1;
	second.log_offset++;
	n = find_stores(scratch, &second, stores, ARRAY_LEN(stores));
	/* The sequence twice, four words, and the checksum: the other words are the same as before. */
	assert_int_equal(n, 2 + 4 + 1);
	for (size_t i = 0; i < n; i++) {
		cleanup_shared_page struct shared_page reader = { 0 };
		pid_t pid = start_publisher(scratch, &second);
		struct shared_page_owner monitor;
		struct status s, peeked;
		struct err e;
		bool held;

		for (unsigned int steps = 0; steps < stores[i]; steps++)
			assert_true(step(pid));
		end_owner(pid);
		assert_int_equal(status_page_open(scratch->fd, &reader, &e), 0);
		if (i + 1 < n) {
			assert_int_equal(status_page_read(&reader, &s, NULL, &monitor, &e), -EAGAIN);
			assert_string_equal(e.text,
					    "status page: its owner has stopped in the middle of a change");
			assert_int_equal(status_page_peek(scratch->fd, ".", &peeked, &monitor, &held, &e),
					 -EAGAIN);
		} else {
			assert_int_equal(status_page_read(&reader, &s, NULL, &monitor, &e), 0);
			assert_same(&s, &second);
			assert_int_equal(status_page_peek(scratch->fd, ".", &peeked, &monitor, &held, &e), 0);
			assert_same(&peeked, &second);
		}
		/* The next monitor goes on from there. */
		{
			cleanup_shared_page struct shared_page next = { 0 };

			assert_int_equal(status_page_create(scratch->fd, &next, &e), 0);
			status_page_publish(&next, &RUNNING);
			assert_int_equal(status_page_read(&reader, &s, NULL, &monitor, &e), 0);
			assert_same(&s, &RUNNING);
		}
		assert_int_equal(unlinkat(scratch->fd, "status", 0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(what_is_published_is_read),
		SCRATCH_TEST(names_are_dockers),
		SCRATCH_TEST(other_files_are_no_pages),
		SCRATCH_TEST(a_page_that_was_tampered_with_is_refused),
		SCRATCH_TEST(words_that_make_no_status_are_refused),
		SCRATCH_TEST(a_page_has_one_owner_and_then_another),
		SCRATCH_TEST(a_page_is_held_as_long_as_its_owner_lives),
		SCRATCH_TEST(a_zombie_owns_nothing),
		SCRATCH_TEST(a_change_wakes_who_waits),
		SCRATCH_TEST(a_killed_monitor_is_noticed),
		SCRATCH_TEST(a_writer_killed_between_any_two_stores_leaves_no_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
