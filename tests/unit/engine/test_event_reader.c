/* SPDX-License-Identifier: Apache-2.0 */
/* common/event_log and engine/event_reader: what one writes the other reads. */
#include "engine/event_reader.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/event_log.h"
#include "common/file.h"

#define WRITERS 4
#define EACH    300

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/test_event_reader.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct err e;

	(void)state;
	return tree_remove(AT_FDCWD, dir, &e);
}

static void write_numbered(const char *id, int number)
{
	char text[16];
	const char *pairs[] = { "number", text, NULL };

	(void)snprintf(text, sizeof(text), "%d", number);
	event_write(dir,
		    &(struct event){ .type = "container", .action = "test", .id = id, .attributes = pairs });
}

/* Of each writer the numbers have to come in their order, without a gap. */
struct seen {
	int next[WRITERS + 1];
	int total;
};

static int check(const struct event_record *r, void *arg, struct err *e)
{
	struct seen *seen = arg;
	int writer = r->id[0] - '0';
	char want[32];

	(void)e;
	assert_in_range(writer, 0, WRITERS);
	(void)snprintf(want, sizeof(want), "number=%d", seen->next[writer]++);
	assert_int_equal(r->attributes.len, 1);
	assert_string_equal(r->attributes.items[0], want);
	assert_string_equal(r->type, "container");
	assert_true(r->time_ns > 0);
	seen->total++;
	return 0;
}

static void read_all(struct event_reader *r, struct seen *seen)
{
	struct err e;

	if (event_reader_read(r, check, seen, &e) < 0)
		fail_msg("%s", e.text);
}

static void open_reader(struct event_reader *r)
{
	struct err e;

	if (event_reader_open(dir, r, &e) < 0)
		fail_msg("%s", e.text);
}

static void what_is_written_is_read_once(void **state)
{
	cleanup_event_reader struct event_reader r = EVENT_READER_EMPTY;
	struct seen seen = { 0 };
	struct err e;

	(void)state;
	write_numbered("0", 0);
	open_reader(&r);
	read_all(&r, &seen);
	assert_int_equal(seen.total, 1);
	write_numbered("0", 1);
	assert_int_equal(event_reader_wait(&r, 10000, &e), 0);
	read_all(&r, &seen);
	read_all(&r, &seen);
	assert_int_equal(seen.total, 2);
}

/* Records that are written before all of them are read: less than a file full. So the file turns once meanwhile, and whoever has opened it writes to the current
 * one or the old one, however late he is. */
#define BATCH 100

static void allow(int fd, int records)
{
	for (; records > 0; records--)
		assert_int_equal(write(fd, "", 1), 1);
}

static _Noreturn void write_as_allowed(const char *id, int allowed_fd)
{
	char byte;

	for (int n = 0; n < EACH && read(allowed_fd, &byte, 1) == 1; n++)
		write_numbered(id, n);
	_exit(0);
}

/* Writers fork, and the file turns several times: a reader that keeps up loses nothing. */
static void many_writers_lose_nothing_across_rotations(void **state)
{
	static char filler[2000];
	cleanup_event_reader struct event_reader r = EVENT_READER_EMPTY;
	struct seen seen = { 0 };
	int allowed[2], status;
	struct err e;

	(void)state;
	memset(filler, 'x', sizeof(filler) - 1);
	assert_int_equal(pipe(allowed), 0);
	open_reader(&r);
	for (int w = 0; w < WRITERS; w++) {
		char id[2016];

		(void)snprintf(id, sizeof(id), "%d%s", w, filler);
		if (fork() == 0)
			write_as_allowed(id, allowed[0]);
	}
	while (seen.total < WRITERS * EACH) {
		int until = seen.total + BATCH;

		allow(allowed[1], BATCH);
		while (seen.total < until) {
			assert_int_equal(event_reader_wait(&r, 10000, &e), 0);
			read_all(&r, &seen);
		}
	}
	for (int w = 0; w < WRITERS; w++)
		assert_true(wait(&status) > 0 && status == 0);
	read_all(&r, &seen);
	assert_int_equal(seen.total, WRITERS * EACH);
	(void)close(allowed[0]);
	(void)close(allowed[1]);
}

/* Who has opened the current file just before it turned. */
struct latecomer {
	struct seen seen;
	int fd;
	bool has_written;
};

static void copy_record(int from, int to, const char *as)
{
	char text[512];
	ssize_t n = pread(from, text, sizeof(text), 0);
	char *number = memmem(text, n > 0 ? (size_t)n : 0, "number\":\"0", 10);

	assert_non_null(number);
	number[9] = *as;
	assert_int_equal(write(to, text, (size_t)n), n);
}

static int write_late(const struct event_record *r, void *arg, struct err *e)
{
	struct latecomer *late = arg;

	if (r->id[0] == '1' && !late->has_written && late->fd >= 0) {
		/* The old file has been read; now the record before comes, and the next one. */
		late->has_written = true;
		copy_record(late->fd, late->fd, "1");
		write_numbered("0", 2);
	}
	return check(r, &late->seen, e);
}

static void a_late_record_comes_before_its_writers_next_one(void **state)
{
	static char filler[4000] = "2";
	cleanup_event_reader struct event_reader r = EVENT_READER_EMPTY;
	struct latecomer late = { .fd = -1 };
	int total = 1;
	char path[128];
	struct err e;

	(void)state;
	memset(filler + 1, 'x', sizeof(filler) - 2);
	write_numbered("0", 0);
	open_reader(&r);
	(void)snprintf(path, sizeof(path), "%s/" EVENT_LOG_DIR "/" EVENT_LOG_FILE, dir);
	late.fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_true(late.fd >= 0);
	for (; access(path, F_OK) == 0; total++)
		write_numbered(filler, total - 1);
	write_numbered("1", 0);
	while (late.seen.total < total + 3)
		assert_int_equal(event_reader_read(&r, write_late, &late, &e), 0);
	assert_true(late.has_written);
	(void)close(late.fd);
}

static void a_file_that_comes_and_turns_before_the_first_look_is_read(void **state)
{
	static char id[4000] = "0";
	cleanup_event_reader struct event_reader r = EVENT_READER_EMPTY;
	struct seen seen = { 0 };

	(void)state;
	memset(id + 1, 'x', sizeof(id) - 2);
	open_reader(&r);
	for (int n = 0; n < 100; n++) /* 400 KB: one and a half files */
		write_numbered(id, n);
	read_all(&r, &seen);
	assert_int_equal(seen.total, 100);
}

static uint64_t size_of(const char *name)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/" EVENT_LOG_DIR "/%s", dir, name);
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void the_log_is_capped(void **state)
{
	static char id[4000];

	(void)state;
	memset(id, 'x', sizeof(id) - 1);
	for (int n = 0; n < 400; n++)
		write_numbered(id, n);
	assert_in_range(size_of(EVENT_LOG_FILE), 0, EVENT_LOG_FILE_BYTES);
	assert_in_range(size_of(EVENT_LOG_OLD), EVENT_LOG_FILE_BYTES, EVENT_LOG_FILE_BYTES + 8192);
}

static void append(const char *text)
{
	char path[128];
	cleanup_fd int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/" EVENT_LOG_DIR "/" EVENT_LOG_FILE, dir);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

static void a_record_that_was_cut_off_costs_itself_alone(void **state)
{
	cleanup_event_reader struct event_reader r = EVENT_READER_EMPTY;
	struct seen seen = { 0 };

	(void)state;
	write_numbered("0", 0);
	append("\n{\"time\":\"12\",\"type\":\"contai");
	write_numbered("0", 1);
	append("\n{\"time\":\"12\",\"type\":\"container\"}\n[]\nnonsense\n");
	write_numbered("0", 2);
	open_reader(&r);
	read_all(&r, &seen);
	assert_int_equal(seen.total, 3);
}

static int find_labels(const struct event_record *r, void *arg, struct err *e)
{
	size_t *len = arg;

	(void)e;
	*len = r->attributes.len;
	return 7;
}

static void labels_that_are_too_large_are_left_out(void **state)
{
	static char large[EVENT_RECORD_BYTES];
	cleanup_event_reader struct event_reader r = EVENT_READER_EMPTY;
	char *items[] = { large, NULL };
	const struct strvec labels = { .items = items, .len = 1 };
	static const char *const PAIRS[] = { "name", "box", NULL };
	size_t len = 0;
	struct err e;

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	large[1] = '=';
	event_write(dir, &(struct event){ .type = "container",
					  .action = "start",
					  .id = "0",
					  .labels = &labels,
					  .attributes = PAIRS });
	open_reader(&r);
	assert_int_equal(event_reader_read(&r, find_labels, &len, &e), 7);
	assert_int_equal(len, 1);
}

static void who_cannot_write_goes_on(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/proc/self/nothing");
	errno = EPERM;
	write_numbered("0", 0);
	assert_int_equal(errno, EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read_once, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(many_writers_lose_nothing_across_rotations, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_late_record_comes_before_its_writers_next_one, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_file_that_comes_and_turns_before_the_first_look_is_read,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(the_log_is_capped, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_record_that_was_cut_off_costs_itself_alone, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(labels_that_are_too_large_are_left_out, make_dir, remove_dir),
		cmocka_unit_test(who_cannot_write_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
