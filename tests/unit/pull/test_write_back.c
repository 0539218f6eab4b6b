/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/write_back.h"

#include "tests/unit/common/scratch.h"

#include <time.h>

#define TRIES 500 /* of 10 ms */

static void nap(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

/* 'Z' once it has ended and before it is reaped; 0: it is gone. */
static char state_of(pid_t pid)
{
	char path[64], text[256] = "";
	const char *end;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	end = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	(void)fclose(file);
	return end ? end[2] : 0;
}

static bool ends(pid_t pid)
{
	for (int i = 0; i < TRIES; i++, nap()) {
		char state = state_of(pid);

		if (state == 0 || state == 'Z')
			return true;
	}
	return false;
}

static void it_holds_one_descriptor_and_ends_when_it_is_told_to(void **state)
{
	const struct scratch *s = *state;
	struct write_back w = { 0 };
	size_t fds = 0;
	pid_t pid;

	write_back_begin(s->fd, &w);
	assert_true(w.pid > 0);
	pid = w.pid;
	for (int i = 0; i < TRIES && fds != 1; i++, nap())
		fds = count_fds(pid);
	assert_int_equal(fds, 1);
	write_back_end(&w);
	assert_int_equal(w.pid, 0);
	assert_true(ends(pid));
	(void)waitpid(pid, NULL, 0);
	write_back_end(&w); /* an empty one */
}

static bool has_pending_signals(pid_t pid)
{
	static const char NONE[] = "ShdPnd:\t0000000000000000\n";
	char path[64], line[256];
	bool none = false;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && !none && fgets(line, sizeof(line), file))
		none = strcmp(line, NONE) == 0;
	if (file)
		(void)fclose(file);
	return !none;
}

static void it_can_be_hurried_again_and_again(void **state)
{
	const struct scratch *s = *state;
	struct write_back w = { 0 };

	write_back_hurry(&w); /* an empty one */
	write_back_begin(s->fd, &w);
	for (int i = 0; i < TRIES && count_fds(w.pid) != 1; i++)
		nap();
	for (int n = 0; n < 5; n++) {
		write_back_hurry(&w);
		for (int i = 0; i < TRIES && has_pending_signals(w.pid); i++)
			nap();
		assert_false(has_pending_signals(w.pid));
		assert_int_equal(waitpid(w.pid, NULL, WNOHANG), 0); /* it lives */
	}
	write_back_end(&w);
}

static void it_dies_with_who_began_it(void **state)
{
	const struct scratch *s = *state;
	int fds[2];
	pid_t parent, pid = 0;

	assert_int_equal(pipe(fds), 0);
	parent = fork();
	if (parent == 0) {
		struct write_back w = { 0 };

		write_back_begin(s->fd, &w);
		while (count_fds(w.pid) !=
		       1) /* then it is tied to us, or about to be: it looks for us after it */
			nap();
		_exit(write(fds[1], &w.pid, sizeof(w.pid)) != sizeof(w.pid));
	}
	assert_int_equal(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_true(ends(pid));
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void a_descriptor_that_cannot_be_synced_ends_it(void **state)
{
	struct write_back w = { 0 };
	pid_t pid;

	(void)state;
	write_back_begin(-1, &w);
	pid = w.pid;
	assert_true(pid > 0 && ends(pid));
	write_back_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(it_holds_one_descriptor_and_ends_when_it_is_told_to),
		SCRATCH_TEST(it_can_be_hurried_again_and_again),
		SCRATCH_TEST(it_dies_with_who_began_it),
		SCRATCH_TEST(a_descriptor_that_cannot_be_synced_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
