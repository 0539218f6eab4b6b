/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_reader.h"

#include <poll.h>

#include "engine/log_follow.h"
#include "engine/status_page.h"
#include "tests/unit/engine/log_fixture.h"

static struct log_writer writer;

static const struct log_query ALL = { INT64_MIN, INT64_MAX, LOG_TAIL_ALL, false };
static const struct log_query FOLLOW = { INT64_MIN, INT64_MAX, LOG_TAIL_ALL, true };

static struct log_reader *open_reader(int dir_fd, const struct log_query *q)
{
	struct log_reader *r = NULL;
	struct err e = { 0 };

	if (log_reader_open(dir_fd, &LOG_TEST_CONFIG, q, &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

static int next(struct log_reader *r, struct log_entry *ret)
{
	struct err e = { 0 };
	int n = log_reader_next(r, ret, &e);

	if (n < 0)
		fail_msg("%s", e.text);
	return n;
}

static void expect(struct log_reader *r, enum log_stream stream, const char *text, bool begins)
{
	struct log_entry entry;

	assert_int_equal(next(r, &entry), LOG_READ_ENTRY);
	assert_int_equal(entry.stream, stream);
	assert_int_equal(entry.len, strlen(text));
	assert_memory_equal(entry.text, text, entry.len);
	assert_int_equal(entry.begins_line, begins);
}

static void expect_nothing(struct log_reader *r)
{
	struct log_entry entry;

	assert_int_equal(next(r, &entry), LOG_READ_NOTHING);
}

/* "O" or "E" before each line, and "+" before what goes on with one. */
static void read_all(struct log_reader *r, struct buf *ret)
{
	struct log_entry entry;

	while (next(r, &entry) == LOG_READ_ENTRY) {
		const char *mark = entry.stream == LOG_STDERR ? "E" : "O";

		assert_int_equal(buf_add_str(ret, entry.begins_line ? mark : "+"), 0);
		assert_int_equal(buf_add(ret, entry.text, entry.len), 0);
	}
}

static void read_with(int dir_fd, const struct log_query *q, struct buf *ret)
{
	cleanup_log_reader struct log_reader *r = open_reader(dir_fd, q);

	buf_clear(ret);
	read_all(r, ret);
}

static void write_file(struct scratch *scratch, unsigned int n, const char *data, size_t len)
{
	cleanup_fd int fd = -1;

	(void)mkdirat(scratch->fd, LOG_DIR, 0700);
	fd = openat(scratch->fd, log_test_name(n), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, data, len), 0);
}

/* --- records --------------------------------------------------------------------------------------------- */

static void what_was_written_is_read(void **state)
{
	static const char BINARY[] = "a\0b\x1b[1m\xc3\xa4\"\\\t\n";
	struct scratch *scratch = *state;
	cleanup_log_reader struct log_reader *r = NULL;
	struct log_entry entry;
	struct timespec before, after;

	(void)clock_gettime(CLOCK_REALTIME, &before);
	log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
	log_writer_put(&writer, LOG_STDOUT, BINARY, sizeof(BINARY) - 1);
	log_test_put(&writer, LOG_STDERR, "two\n\n");
	log_test_put(&writer, LOG_STDOUT, "rest");
	log_writer_close(&writer);
	(void)clock_gettime(CLOCK_REALTIME, &after);
	r = open_reader(scratch->fd, &ALL);
	assert_int_equal(next(r, &entry), LOG_READ_ENTRY);
	assert_int_equal(entry.len, sizeof(BINARY) - 1);
	assert_memory_equal(entry.text, BINARY, entry.len);
	assert_string_equal(entry.details, "");
	assert_true(entry.time_ns >= before.tv_sec * 1000000000 + before.tv_nsec);
	assert_true(entry.time_ns <= after.tv_sec * 1000000000 + after.tv_nsec);
	expect(r, LOG_STDERR, "two\n", true);
	expect(r, LOG_STDERR, "\n", true);
	expect(r, LOG_STDOUT, "rest", true);
	expect_nothing(r);
	assert_int_equal(log_reader_wake_fd(r), -1);
}

static void records_of_dockers_are_read(void **state)
{
	static const char LOG[] = "{\"log\":\"\\u003cb\\u003e \\ufffd "
				  "\\u2028\\n\",\"stream\":\"stderr\",\"attrs\":{\"a b\":\"c,d=e\","
				  "\"tag\":\"\"},\"time\":\"2026-01-02T03:04:05.6Z\"}\n"
				  "{\"time\":\"2026-01-02T05:04:05+02:00\",\"stream\":\"stdout\",\"more\":[1,"
				  "{\"x\":null}],\"log\":\"y\\n\"}\n";
	struct scratch *scratch = *state;
	cleanup_log_reader struct log_reader *r = NULL;
	struct log_entry entry;

	write_file(scratch, 0, LOG, sizeof(LOG) - 1);
	r = open_reader(scratch->fd, &ALL);
	assert_int_equal(next(r, &entry), LOG_READ_ENTRY);
	assert_int_equal(entry.stream, LOG_STDERR);
	assert_memory_equal(entry.text, "<b> \xef\xbf\xbd \xe2\x80\xa8\n", entry.len);
	assert_string_equal(entry.details, "a+b=c%2Cd%3De,tag=");
	assert_int_equal(entry.time_ns, INT64_C(1767323045600000000));
	assert_int_equal(next(r, &entry), LOG_READ_ENTRY);
	assert_memory_equal(entry.text, "y\n", 2);
	assert_int_equal(entry.time_ns, INT64_C(1767323045000000000));
	assert_string_equal(entry.details, "");
	expect_nothing(r);
}

#define GOOD(text) "{\"log\":\"" text "\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05Z\"}\n"

static void damaged_records_are_passed_over(void **state)
{
	static const char *const BAD[] = {
		"{\"log\":\"cut o\n",
		"\n",
		"garbage\n",
		"[]\n",
		"7\n",
		"\"text\"\n",
		"{}\n",
		"{\"log\":\"x\\n\",\"stream\":\"stdout\"}\n",
		"{\"log\":\"x\\n\",\"time\":\"2026-01-02T03:04:05Z\"}\n",
		"{\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05Z\"}\n",
		"{\"log\":\"x\\n\",\"stream\":\"stdin\",\"time\":\"2026-01-02T03:04:05Z\"}\n",
		"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"yesterday\"}\n",
		"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"9999-01-02T03:04:05Z\"}\n",
		"{\"log\":7,\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05Z\"}\n",
		"{\"log\":\"x\xff\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05Z\"}\n",
		"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05Z\"}}\n",
		"{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05Z\"\n",
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}},\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":"
		"\"2026-01-02T03:04:05Z\"}\n",
	};
	struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		cleanup_buf struct buf log = BUF_INIT(LOG_TEST_MAX), out = BUF_INIT(LOG_TEST_MAX);
		const struct log_query tail = { INT64_MIN, INT64_MAX, 2, false };

		assert_int_equal(buf_printf(&log, "%s%s%s", GOOD("before"), BAD[i], GOOD("behind")), 0);
		write_file(scratch, 0, log.data, log.len);
		read_with(scratch->fd, &ALL, &out);
		assert_string_equal(out.data, "Obefore\nObehind\n");
		read_with(scratch->fd, &tail, &out);
		assert_string_equal(out.data, "Obefore\nObehind\n");
	}
}

/* Longer than anything that we or docker write. */
static void a_line_without_end_is_passed_over(void **state)
{
	struct scratch *scratch = *state;
	cleanup_buf struct buf log = BUF_INIT(LOG_TEST_MAX), out = BUF_INIT(LOG_TEST_MAX);
	const struct log_query tail = { INT64_MIN, INT64_MAX, 2, false };

	assert_int_equal(buf_add_str(&log, GOOD("before")), 0);
	for (int i = 0; i < 700000; i++)
		assert_int_equal(buf_add_char(&log, i % 3 ? '\0' : 'x'), 0);
	assert_int_equal(buf_add_str(&log, "\n" GOOD("behind")), 0);
	write_file(scratch, 0, log.data, log.len);
	read_with(scratch->fd, &ALL, &out);
	assert_string_equal(out.data, "Obefore\nObehind\n");
	read_with(scratch->fd, &tail, &out);
	assert_string_equal(out.data, "Obefore\nObehind\n");
}

/* A power cut leaves any beginning of the file, or zeros in the place of its end. */
static void of_a_log_that_was_cut_the_whole_records_are_read(void **state)
{
	static const char LOG[] = GOOD("one") GOOD("two") GOOD("three");
	static const size_t ONE = sizeof(GOOD("one")) - 1, TWO = 2 * sizeof(GOOD("one")) - 2;
	struct scratch *scratch = *state;

	for (size_t len = 0; len < sizeof(LOG); len++) {
		const struct log_query tail = { INT64_MIN, INT64_MAX, 1, false };
		cleanup_buf struct buf out = BUF_INIT(LOG_TEST_MAX);
		const char *expected = len < ONE ? "" : len < TWO ? "Oone\n" : "Oone\nOtwo\n";
		const char *last = len < ONE ? "" : len < TWO ? "Oone\n" : "Otwo\n";
		char zeros[sizeof(LOG)] = "";

		if (len == sizeof(LOG) - 1) {
			expected = "Oone\nOtwo\nOthree\n";
			last = "Othree\n";
		}
		for (int with_zeros = 0; with_zeros < 2; with_zeros++) {
			memcpy(zeros, LOG, len);
			write_file(scratch, 0, zeros, with_zeros ? sizeof(zeros) : len);
			read_with(scratch->fd, &ALL, &out);
			assert_string_equal(out.data ? out.data : "", expected);
			read_with(scratch->fd, &tail, &out);
			assert_string_equal(out.data ? out.data : "", last);
			memset(zeros, 0, sizeof(zeros));
		}
	}
}

static void drivers_without_a_log_say_so(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	struct log_reader *r = NULL;
	struct err e;

	c.driver = LOG_NONE;
	assert_int_equal(log_reader_open(scratch->fd, &c, &ALL, &r, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "configured logging driver does not support reading");
	c.driver = LOG_PASSTHROUGH;
	assert_int_equal(log_reader_open(scratch->fd, &c, &ALL, &r, &e), -EOPNOTSUPP);
	assert_null(r);
}

/* --- tail, since, until ------------------------------------------------------------------------------------ */

/* The beginning of the last `n` lines of what read_all has made: those that end, or do not in the end. */
static const char *last_lines(const struct buf *all, int64_t n)
{
	const char *p = all->data + all->len;

	while (n > 0 && p > all->data) {
		for (p--; p > all->data && p[-1] != '\n'; p--)
			;
		n--;
	}
	return p;
}

static void tail_counts_lines_from_the_end(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	cleanup_buf struct buf all = BUF_INIT(LOG_TEST_MAX), out = BUF_INIT(LOG_TEST_MAX);

	c.max_size = 1500;
	c.max_files = 5;
	log_test_open(scratch->fd, &c, &writer);
	for (int i = 0; i < 200; i++) {
		char line[32];

		(void)snprintf(line, sizeof(line), "line %d\n", i);
		log_test_put(&writer, i % 3 ? LOG_STDOUT : LOG_STDERR, line);
	}
	log_test_put(&writer, LOG_STDOUT, "no end");
	log_writer_close(&writer);
	assert_true(log_test_size(scratch->fd, 4) > 0);
	read_with(scratch->fd, &ALL, &all);
	assert_true(all.len > 500);
	for (int64_t n = 0; n < 90; n++) {
		const struct log_query q = { INT64_MIN, INT64_MAX, n, false };

		read_with(scratch->fd, &q, &out);
		assert_string_equal(out.data ? out.data : "", last_lines(&all, n));
	}
}

/* A line of several records counts once and comes whole, though the other stream's lines stand between its records. */
static void tail_joins_partial_records(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	static char part[LOG_LINE_MAX + 1];
	struct log_query q = ALL;
	struct log_entry entry;

	c.max_size = 20000; /* a part fills a file */
	c.max_files = 20;
	memset(part, 'p', LOG_LINE_MAX);
	log_test_open(scratch->fd, &c, &writer);
	log_test_put(&writer, LOG_STDOUT, "old\n");
	log_test_put(&writer, LOG_STDOUT, part);
	log_test_put(&writer, LOG_STDERR, "e1\n");
	log_test_put(&writer, LOG_STDOUT, part);
	log_test_put(&writer, LOG_STDERR, "e2\n");
	log_test_put(&writer, LOG_STDOUT, "end\n");
	log_writer_close(&writer);
	for (q.tail = 1; q.tail <= 4; q.tail++) {
		cleanup_log_reader struct log_reader *r = open_reader(scratch->fd, &q);

		if (q.tail == 4)
			expect(r, LOG_STDOUT, "old\n", true);
		expect(r, LOG_STDOUT, part, true);
		if (q.tail >= 3)
			expect(r, LOG_STDERR, "e1\n", true);
		expect(r, LOG_STDOUT, part, false);
		if (q.tail >= 2)
			expect(r, LOG_STDERR, "e2\n", true);
		expect(r, LOG_STDOUT, "end\n", false);
		assert_int_equal(next(r, &entry), LOG_READ_NOTHING);
	}
}

static void since_and_until_are_both_included(void **state)
{
	static const char LOG[] =
		"{\"log\":\"1\\n\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:01Z\"}\n"
		"{\"log\":\"2\\n\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:02Z\"}\n"
		"{\"log\":\"3\\n\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:03Z\"}\n"
		"{\"log\":\"4\\n\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:04Z\"}\n";
	struct scratch *scratch = *state;
	cleanup_buf struct buf out = BUF_INIT(LOG_TEST_MAX);
	struct log_query q = ALL;
	struct log_entry entry;
	struct log_reader *r;

	write_file(scratch, 0, LOG, sizeof(LOG) - 1);
	q.since_ns = 2000000000;
	read_with(scratch->fd, &q, &out);
	assert_string_equal(out.data, "O2\nO3\nO4\n");
	q.until_ns = 3000000000;
	read_with(scratch->fd, &q, &out);
	assert_string_equal(out.data, "O2\nO3\n");
	q.tail = 2;
	read_with(scratch->fd, &q, &out);
	assert_string_equal(out.data, "O3\n");
	r = open_reader(scratch->fd, &q);
	expect(r, LOG_STDOUT, "3\n", true);
	assert_int_equal(next(r, &entry), LOG_READ_PAST);
	log_reader_free(r);
}

/* --- following ------------------------------------------------------------------------------------------- */

static bool wakes(struct log_reader *r)
{
	struct pollfd p = { .fd = log_reader_wake_fd(r), .events = POLLIN };
	int n;

	assert_true(p.fd >= 0);
	n = poll(&p, 1, 0);
	log_reader_take_wake(r);
	return n > 0;
}

static void what_comes_wakes_and_is_read(void **state)
{
	struct scratch *scratch = *state;
	cleanup_log_reader struct log_reader *r = NULL;

	log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
	log_test_put(&writer, LOG_STDOUT, "one\n");
	r = open_reader(scratch->fd, &FOLLOW);
	expect(r, LOG_STDOUT, "one\n", true);
	expect_nothing(r);
	assert_false(wakes(r));
	log_test_put(&writer, LOG_STDOUT, "two\nthree\n");
	assert_true(wakes(r));
	assert_false(wakes(r));
	expect(r, LOG_STDOUT, "two\n", true);
	expect(r, LOG_STDOUT, "three\n", true);
	expect_nothing(r);
	log_writer_close(&writer);
	assert_true(wakes(r));
	expect_nothing(r);
}

static void a_record_is_read_when_it_is_whole(void **state)
{
	static const char LOG[] = GOOD("whole") GOOD("next");
	struct scratch *scratch = *state;
	cleanup_log_reader struct log_reader *r = NULL;
	cleanup_fd int fd = -1;
	unsigned int seen = 0;
	struct log_entry entry;

	write_file(scratch, 0, "", 0);
	fd = openat(scratch->fd, log_test_name(0), O_WRONLY | O_APPEND | O_CLOEXEC);
	r = open_reader(scratch->fd, &FOLLOW);
	for (size_t i = 0; i < sizeof(LOG) - 1; i++) {
		assert_int_equal(write_all(fd, LOG + i, 1), 0);
		if (next(r, &entry) == LOG_READ_ENTRY) {
			assert_int_equal(LOG[i], '\n');
			seen++;
		}
	}
	assert_int_equal(seen, 2);
	/* What the writer takes back of a record that did not fit is never seen. */
	assert_int_equal(write_all(fd, "{\"log\":\"no", 10), 0);
	expect_nothing(r);
	assert_int_equal(ftruncate(fd, sizeof(LOG) - 1), 0);
	expect_nothing(r);
	assert_int_equal(write_all(fd, GOOD("last"), sizeof(GOOD("last")) - 1), 0);
	expect(r, LOG_STDOUT, "last\n", true);
}

static unsigned int count_descriptors(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* What a follower has open takes its room on the disk though it was unlinked. */
static void a_follower_lets_go_of_the_files_that_it_has_read(void **state)
{
	struct scratch *scratch = *state;
	cleanup_log_reader struct log_reader *r = NULL;
	struct log_config c = LOG_TEST_CONFIG;
	unsigned int before = 0;

	c.max_size = 1000;
	log_test_open(scratch->fd, &c, &writer);
	r = open_reader(scratch->fd, &FOLLOW);
	for (int i = 0; i < 500; i++) {
		char line[32];

		(void)snprintf(line, sizeof(line), "line %d\n", i);
		log_test_put(&writer, LOG_STDOUT, line);
		expect(r, LOG_STDOUT, line, true);
		before = i == 0 ? count_descriptors() : before;
	}
	assert_true(log_test_size(scratch->fd, 2) > 0);
	assert_int_equal(count_descriptors(), before);
	log_writer_close(&writer);
}

static void a_log_that_comes_later_is_found(void **state)
{
	struct scratch *scratch = *state;
	cleanup_log_reader struct log_reader *r = open_reader(scratch->fd, &FOLLOW);

	expect_nothing(r);
	assert_int_equal(mkdirat(scratch->fd, LOG_DIR, 0700), 0);
	expect_nothing(r);
	log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
	log_test_put(&writer, LOG_STDOUT, "here\n");
	assert_true(wakes(r));
	expect(r, LOG_STDOUT, "here\n", true);
	log_writer_close(&writer);
}

/* One file or several: what was read before the rotation, in the middle of it or after it. */
static void nothing_is_lost_or_doubled_when_files_are_rotated(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;

	c.max_size = 1000;
	for (c.max_files = 1; c.max_files < 4; c.max_files++) {
		for (int every = 1; every < 9; every++) {
			cleanup_log_reader struct log_reader *r = NULL;
			int read = 0;

			log_test_open(scratch->fd, &c, &writer);
			r = open_reader(scratch->fd, &FOLLOW);
			for (int i = 0; i < 100; i++) {
				char line[32];

				(void)snprintf(line, sizeof(line), "line %d\n", i);
				log_test_put(&writer, LOG_STDERR, line);
				for (; i % every == 0 && read <= i; read++) {
					(void)snprintf(line, sizeof(line), "line %d\n", read);
					expect(r, LOG_STDERR, line, true);
				}
				if (i % every == 0)
					expect_nothing(r);
			}
			log_writer_close(&writer);
			for (unsigned int n = 0; n < 4; n++)
				(void)unlinkat(scratch->fd, log_test_name(n), 0);
		}
	}
}

#define RACE_LINES 100000

static int write_racing(int dir_fd)
{
	struct log_config c = LOG_TEST_CONFIG;
	struct err e;
	char lines[4096];
	size_t len = 0;

	c.max_size = 40000;
	c.max_files = 500;
	if (log_writer_open(dir_fd, &c, &writer, &e) < 0)
		return 1;
	for (int i = 0; i < RACE_LINES; i++) {
		len += (size_t)snprintf(lines + len, sizeof(lines) - len, "%d\n", i);
		if (len > sizeof(lines) - 16 || i == RACE_LINES - 1) {
			log_writer_put(&writer, LOG_STDOUT, lines, len);
			len = 0;
		}
	}
	log_writer_close(&writer);
	return 0;
}

static void a_reader_keeps_up_with_a_racing_writer(void **state)
{
	struct scratch *scratch = *state;
	cleanup_log_reader struct log_reader *r = open_reader(scratch->fd, &FOLLOW);
	int expected = 0, status;
	pid_t pid = fork_or_skip();

	if (pid == 0)
		_exit(write_racing(scratch->fd));
	while (expected < RACE_LINES) {
		struct pollfd p = { .fd = log_reader_wake_fd(r), .events = POLLIN };
		struct log_entry entry;
		char line[32];

		while (next(r, &entry) == LOG_READ_ENTRY) {
			(void)snprintf(line, sizeof(line), "%d\n", expected++);
			assert_int_equal(entry.len, strlen(line));
			assert_memory_equal(entry.text, line, entry.len);
		}
		if (expected < RACE_LINES && poll(&p, 1, p.fd < 0 ? 1 : 20000) == 0)
			assert_true(p.fd < 0);
		if (p.fd >= 0)
			log_reader_take_wake(r);
	}
	expect_nothing(r);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- until the container ends -------------------------------------------------------------------------------- */

static void a_log_is_followed_while_the_container_runs(void **state)
{
	struct scratch *scratch = *state;
	cleanup_shared_page struct shared_page page = { 0 };
	struct status s = { .state = STATUS_RUNNING, .pid = 1, .started_ns = 7 };
	struct log_follow f;
	struct err e;

	log_follow_begin(-1, &f);
	assert_false(log_follow_runs(&f));
	log_follow_done(&f);
	log_follow_begin(scratch->fd, &f); /* no page */
	assert_false(log_follow_runs(&f));
	log_follow_done(&f);
	assert_int_equal(status_page_create(scratch->fd, &page, &e), 0);
	log_follow_begin(scratch->fd, &f); /* nothing is published */
	assert_false(log_follow_runs(&f));
	log_follow_done(&f);
	status_page_publish(&page, &s);
	log_follow_begin(scratch->fd, &f);
	assert_true(log_follow_runs(&f));
	s.state = STATUS_PAUSED;
	status_page_publish(&page, &s);
	assert_true(log_follow_runs(&f));
	s.state = STATUS_RUNNING;
	s.started_ns = 8; /* another run of it */
	status_page_publish(&page, &s);
	assert_false(log_follow_runs(&f));
	log_follow_done(&f);
	log_follow_begin(scratch->fd, &f);
	assert_true(log_follow_runs(&f));
	s.state = STATUS_EXITED;
	status_page_publish(&page, &s);
	assert_false(log_follow_runs(&f));
	s.state = STATUS_RUNNING;
	status_page_publish(&page, &s);
	assert_false(log_follow_runs(&f)); /* once it has ended it has */
	log_follow_done(&f);
}

static void a_killed_monitor_ends_it(void **state)
{
	struct scratch *scratch = *state;
	struct pollfd p = { .events = POLLIN };
	struct log_follow f;
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork_or_skip();
	if (pid == 0) {
		struct status s = { .state = STATUS_RUNNING, .pid = 1 };
		struct shared_page page;
		struct err e;

		if (status_page_create(scratch->fd, &page, &e) < 0)
			_exit(1);
		status_page_publish(&page, &s);
		(void)!write(ready[1], "", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	log_follow_begin(scratch->fd, &f);
	assert_true(log_follow_runs(&f));
	assert_int_equal(kill(pid, SIGKILL), 0);
	p.fd = f.monitor_fd;
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_false(log_follow_runs(&f)); /* a zombie */
	log_follow_done(&f);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(what_was_written_is_read),
		SCRATCH_TEST(records_of_dockers_are_read),
		SCRATCH_TEST(damaged_records_are_passed_over),
		SCRATCH_TEST(a_line_without_end_is_passed_over),
		SCRATCH_TEST(of_a_log_that_was_cut_the_whole_records_are_read),
		SCRATCH_TEST(drivers_without_a_log_say_so),
		SCRATCH_TEST(tail_counts_lines_from_the_end),
		SCRATCH_TEST(tail_joins_partial_records),
		SCRATCH_TEST(since_and_until_are_both_included),
		SCRATCH_TEST(what_comes_wakes_and_is_read),
		SCRATCH_TEST(a_record_is_read_when_it_is_whole),
		SCRATCH_TEST(a_follower_lets_go_of_the_files_that_it_has_read),
		SCRATCH_TEST(a_log_that_comes_later_is_found),
		SCRATCH_TEST(nothing_is_lost_or_doubled_when_files_are_rotated),
		SCRATCH_TEST(a_reader_keeps_up_with_a_racing_writer),
		SCRATCH_TEST(a_log_is_followed_while_the_container_runs),
		SCRATCH_TEST(a_killed_monitor_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
