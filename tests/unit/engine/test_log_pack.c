/* SPDX-License-Identifier: Apache-2.0 */
/* Rotated files that become gzip: the writer's side (log_file_pack_*) and the reader's. */
#include "engine/log_unpack.h"

#include <sys/syscall.h>

#include "common/parse.h"
#include "engine/log_reader.h"
#include "tests/unit/engine/log_fixture.h"

#define STORED_MAX 65535 /* bytes of a block of deflate that is not compressed */

static struct log_writer writer;

static char *const GUNZIP[] = { (char[]){ "/bin/gzip" }, (char[]){ "-dc" }, NULL };

static const struct log_query ALL = { INT64_MIN, INT64_MAX, LOG_TAIL_ALL, false, GUNZIP };
static const struct log_query FOLLOW = { INT64_MIN, INT64_MAX, LOG_TAIL_ALL, true, GUNZIP };

static struct log_config small_files(unsigned int max_files)
{
	struct log_config c = LOG_TEST_CONFIG;

	c.max_size = 1000; /* some twelve of the lines below */
	c.max_files = max_files;
	c.compress = true;
	return c;
}

static void put_lines(int from, int to)
{
	char line[32];

	for (int i = from; i < to; i++) {
		(void)snprintf(line, sizeof(line), "line %d\n", i);
		log_test_put(&writer, LOG_STDOUT, line);
	}
}

static const char *packed_name(unsigned int n)
{
	static char name[128];

	(void)snprintf(name, sizeof(name), LOG_DIR "/" LOG_TEST_FILE ".%u.gz", n);
	return name;
}

/* What there is of number n: "", "plain", "gz" or "plain gz". */
static const char *forms(struct scratch *scratch, unsigned int n)
{
	bool plain = log_test_size(scratch->fd, n) >= 0;
	bool packed = faccessat(scratch->fd, packed_name(n), F_OK, 0) == 0;

	return plain && packed ? "plain gz" : plain ? "plain" : packed ? "gz" : "";
}

static bool is_packing(struct scratch *scratch)
{
	return faccessat(scratch->fd, LOG_DIR "/" LOG_TEST_FILE ".gz.part", F_OK, 0) == 0;
}

/* --- calls that change names, at one of which the process ends ---------------------------------------------- */

#define KILLED 99

static int calls_left = -1; /* -1: no limit */

static void count_call(void)
{
	if (calls_left == 0)
		_exit(KILLED);
	calls_left -= calls_left > 0;
}

/* In place of libc's. */
int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	count_call();
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int unlinkat(int dir_fd, const char *name, int flags)
{
	count_call();
	return (int)syscall(SYS_unlinkat, dir_fd, name, flags);
}

/* --- a gzip, made of blocks that are not compressed --------------------------------------------------------- */

static uint32_t crc_of(const char *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put_number(int fd, uint64_t n, int bytes)
{
	unsigned char data[8];

	for (int i = 0; i < bytes; i++)
		data[i] = (unsigned char)(n >> (8 * i));
	assert_int_equal(write_all(fd, data, (size_t)bytes), 0);
}

static void pack(int from, int to)
{
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
	struct stat st;
	struct err e;

	assert_int_equal(fstat(from, &st), 0);
	assert_int_equal(read_fd(from, &b, &e), 0);
	assert_in_range(b.len, 1, STORED_MAX);
	assert_int_equal(write_all(to, LOG_PACKED_HEADER, LOG_PACKED_HEADER_LEN), 0);
	put_number(to, st.st_ino, LOG_PACKED_INODE_LEN);
	put_number(to, 1, 1); /* the last block, stored */
	put_number(to, b.len, 2);
	put_number(to, ~b.len, 2);
	assert_int_equal(write_all(to, b.data, b.len), 0);
	put_number(to, crc_of(b.data, b.len), 4);
	put_number(to, b.len, 4);
}

/* All that is due. */
static void pack_all(struct log_file *f)
{
	int from, to;

	while (f->pack_due && log_file_pack_begin(f, &from, &to) == 1) {
		pack(from, to);
		(void)close(from);
		(void)close(to);
		log_file_pack_end(f, true);
	}
	assert_false(f->pack_due);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static struct log_reader *open_reader(struct scratch *scratch, const struct log_query *q)
{
	struct log_reader *r = NULL;
	struct err e = { 0 };

	if (log_reader_open(scratch->fd, &LOG_TEST_CONFIG, q, &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

/* Lines `from` to `to`, without the last. */
static void expect_lines(struct log_reader *r, int from, int to)
{
	for (int i = from; i < to; i++) {
		struct log_entry entry = { 0 };
		struct err e = { 0 };
		char line[32];

		(void)snprintf(line, sizeof(line), "line %d\n", i);
		if (log_reader_next(r, &entry, &e) != LOG_READ_ENTRY)
			fail_msg("line %d: '%s'", i, e.text);
		assert_int_equal(entry.len, strlen(line));
		assert_memory_equal(entry.text, line, entry.len);
	}
}

static void expect_end(struct log_reader *r)
{
	struct log_entry entry;
	struct err e = { 0 };

	assert_int_equal(log_reader_next(r, &entry, &e), LOG_READ_NOTHING);
}

/* The log ends before line `end`, and has each line from the first that is left; how many those are. */
static int count_lines(struct scratch *scratch, int end)
{
	cleanup_log_reader struct log_reader *r = open_reader(scratch, &ALL);
	struct log_query tail = ALL;
	struct log_entry entry;
	struct err e = { 0 };
	int n = 0;

	while (log_reader_next(r, &entry, &e) == LOG_READ_ENTRY)
		n++;
	for (tail.tail = 1; tail.tail <= n; tail.tail += 13) {
		cleanup_log_reader struct log_reader *t = open_reader(scratch, &tail);

		expect_lines(t, end - (int)tail.tail, end);
		expect_end(t);
	}
	return n;
}

/* The last line of the log, which has each one from *ret_first on once. */
static int last_line(struct scratch *scratch, int *ret_first)
{
	cleanup_log_reader struct log_reader *r = open_reader(scratch, &ALL);
	struct log_entry entry = { 0 };
	struct err e = { 0 };
	char number[16] = "";
	uint64_t first;
	int n;

	assert_int_equal(log_reader_next(r, &entry, &e), LOG_READ_ENTRY);
	assert_in_range(entry.len, strlen("line 0\n"), strlen("line ") + sizeof(number));
	memcpy(number, entry.text + strlen("line "), entry.len - strlen("line \n"));
	assert_int_equal(parse_u64(number, 0, INT32_MAX, &first), 0);
	*ret_first = n = (int)first;
	while (log_reader_next(r, &entry, &e) == LOG_READ_ENTRY) {
		char line[32];

		(void)snprintf(line, sizeof(line), "line %d\n", ++n);
		assert_int_equal(entry.len, strlen(line));
		assert_memory_equal(entry.text, line, entry.len);
	}
	assert_int_equal(e.code, 0);
	return n;
}

static void remove_all(struct scratch *scratch)
{
	for (unsigned int n = 0; n < 9; n++) {
		(void)unlinkat(scratch->fd, log_test_name(n), 0);
		(void)unlinkat(scratch->fd, packed_name(n), 0);
	}
}

/* --- the writer's side -------------------------------------------------------------------------------------- */

static void rotated_files_become_gzip_one_by_one(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(4);
	struct log_file *f;

	log_test_open(scratch->fd, &c, &writer);
	f = log_writer_file(&writer);
	put_lines(0, 40);
	assert_string_equal(forms(scratch, 2), "plain");
	assert_int_equal(count_lines(scratch, 40), 40);
	pack_all(f);
	for (unsigned int n = 1; n < 4; n++)
		assert_string_equal(forms(scratch, n), "gz");
	assert_string_equal(forms(scratch, 0), "plain");
	assert_false(is_packing(scratch));
	assert_int_equal(count_lines(scratch, 40), 40);
	/* Each rotation moves all of them. */
	for (int i = 40; i < 100; i++) {
		put_lines(i, i + 1);
		if (i % 3 == 0)
			pack_all(f);
		if (i % 4 == 0)
			assert_in_range(count_lines(scratch, i + 1), 35, 60);
		assert_string_equal(forms(scratch, 4), "");
		for (unsigned int n = 1; n < 4; n++)
			assert_true(strcmp(forms(scratch, n), "gz") == 0 ||
				    strcmp(forms(scratch, n), "plain") == 0);
	}
	log_writer_close(&writer);
}

/* However often the log is rotated while the gzip is made: it becomes that of its original, or nothing once that is gone. */
static void a_file_may_be_rotated_while_it_is_compressed(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(4);
	struct log_file *f;

	for (int rotations = 0; rotations < 6; rotations++) {
		int from, to, lines = 15, left;

		log_test_open(scratch->fd, &c, &writer);
		f = log_writer_file(&writer);
		put_lines(0, lines);
		assert_int_equal(log_file_pack_begin(f, &from, &to), 1);
		for (int i = 0; i < rotations; i++, lines += 12)
			put_lines(lines, lines + 12);
		left = count_lines(scratch, lines);
		pack(from, to);
		(void)close(from);
		(void)close(to);
		assert_true(is_packing(scratch));
		log_file_pack_end(f, true);
		assert_false(is_packing(scratch));
		for (unsigned int n = 1; n < 4; n++)
			assert_string_equal(forms(scratch, n), n == (unsigned int)rotations + 1   ? "gz"
							       : n <= (unsigned int)rotations + 1 ? "plain"
												  : "");
		assert_int_equal(count_lines(scratch, lines), left);
		log_writer_close(&writer);
		remove_all(scratch);
	}
}

static void a_gzip_that_is_given_up_leaves_its_original(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(3);
	struct log_file *f;
	int from, to;

	log_test_open(scratch->fd, &c, &writer);
	f = log_writer_file(&writer);
	assert_int_equal(log_file_pack_begin(f, &from, &to), 0); /* there is none yet */
	put_lines(0, 15);
	assert_true(f->pack_due);
	assert_int_equal(log_file_pack_begin(f, &from, &to), 1);
	assert_int_equal(write_all(to, "half", 4), 0);
	(void)close(from);
	(void)close(to);
	log_file_pack_end(f, false);
	assert_string_equal(forms(scratch, 1), "plain");
	assert_false(is_packing(scratch));
	assert_false(f->pack_due); /* until there is more */
	put_lines(15, 30);
	assert_true(f->pack_due);
	pack_all(f);
	assert_string_equal(forms(scratch, 1), "gz");
	assert_string_equal(forms(scratch, 2), "gz");
	assert_int_equal(count_lines(scratch, 30), 30);
	log_writer_close(&writer);
}

/* Its end is heard late: on a busy machine a killed helper, of the lowest priority, takes its time to go. */
static void what_is_rotated_before_one_is_given_up_is_not_forgotten(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(4);
	struct log_file *f;
	int from, to;

	log_test_open(scratch->fd, &c, &writer);
	f = log_writer_file(&writer);
	put_lines(0, 15);
	assert_int_equal(log_file_pack_begin(f, &from, &to), 1);
	(void)close(from);
	(void)close(to);
	put_lines(15, 30);
	log_file_pack_end(f, false);
	assert_true(f->pack_due);
	pack_all(f);
	assert_string_equal(forms(scratch, 1), "gz");
	assert_string_equal(forms(scratch, 2), "gz");
	assert_int_equal(count_lines(scratch, 30), 30);
	log_writer_close(&writer);
}

/* The monitor was killed while a gzip was made, or between the two steps at its end. */
static void the_next_start_finishes_what_a_killed_monitor_has_left(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(3);
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
	cleanup_fd int fd = -1;
	struct log_file *f;

	log_test_open(scratch->fd, &c, &writer);
	put_lines(0, 15);
	log_test_read(scratch->fd, 1, &b);
	pack_all(log_writer_file(&writer));
	log_writer_close(&writer);
	assert_string_equal(forms(scratch, 1), "gz");
	fd = openat(scratch->fd, log_test_name(1), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write_all(fd, b.data, b.len), 0);
	(void)close(openat(scratch->fd, LOG_DIR "/" LOG_TEST_FILE ".gz.part", O_WRONLY | O_CREAT | O_CLOEXEC,
			   0600));
	assert_int_equal(count_lines(scratch, 15), 15);
	log_test_open(scratch->fd, &c, &writer);
	assert_string_equal(forms(scratch, 1), "gz");
	assert_false(is_packing(scratch));
	f = log_writer_file(&writer);
	assert_true(f->pack_due);
	pack_all(f);
	assert_int_equal(count_lines(scratch, 15), 15);
	log_writer_close(&writer);
}

/* As a monitor leaves it that was killed while it renamed. */
static void a_gap_is_filled_and_costs_no_file(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(4);

	log_test_open(scratch->fd, &c, &writer);
	put_lines(0, 40);
	pack_all(log_writer_file(&writer));
	assert_int_equal(unlinkat(scratch->fd, packed_name(2), 0), 0);
	put_lines(40, 52);
	assert_string_equal(forms(scratch, 1), "plain");
	assert_string_equal(forms(scratch, 2), "gz");
	assert_string_equal(forms(scratch, 3), "gz");
	log_writer_close(&writer);
}

/* Writes `from` to `to`, and is killed at the call number `calls` that changes a name. Whether it was. */
static bool is_killed_at(struct scratch *scratch, const struct log_config *c, int from, int to, int calls)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		log_test_open(scratch->fd, c, &writer);
		calls_left = calls;
		for (int i = from; i < to; i++) {
			put_lines(i, i + 1);
			if (i % 40 == 0) /* three rotations later a file takes the place of a gzip */
				pack_all(log_writer_file(&writer));
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED);
	return WEXITSTATUS(status) == KILLED;
}

static void wherever_the_monitor_is_killed_the_log_has_each_line_once(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(4);
	int first, last, again, calls = 0;
	bool killed = true;

	for (; killed; calls++) {
		log_test_open(scratch->fd, &c, &writer);
		put_lines(0, 40);
		log_writer_close(&writer);
		killed = is_killed_at(scratch, &c, 40, 100, calls);
		last = last_line(scratch, &first);
		assert_in_range(last, killed ? 39 : 99, 99);
		assert_in_range(last - first, 34, 60);
		log_test_open(scratch->fd, &c, &writer);
		assert_int_equal(last_line(scratch, &again), last);
		assert_int_equal(again, first);
		for (unsigned int n = 1; n < 4; n++)
			assert_true(strcmp(forms(scratch, n), "plain gz") != 0);
		assert_false(is_packing(scratch));
		put_lines(last + 1, last + 14);
		pack_all(log_writer_file(&writer));
		assert_int_equal(last_line(scratch, &again), last + 13);
		assert_in_range(last + 13 - again, 34, 60);
		log_writer_close(&writer);
		remove_all(scratch);
	}
	assert_in_range(calls, 50, 1000);
}

static void without_the_option_nothing_is_compressed(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(3);

	c.compress = false;
	log_test_open(scratch->fd, &c, &writer);
	put_lines(0, 30);
	assert_false(log_writer_file(&writer)->pack_due);
	log_writer_close(&writer);
	assert_string_equal(forms(scratch, 1), "plain");
	assert_string_equal(forms(scratch, 2), "plain");
}

/* --- the reader's side -------------------------------------------------------------------------------------- */

/* A follower stops at every place of the log while what it reads is rotated and compressed. */
static void a_follower_neither_loses_nor_doubles_what_is_compressed(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(9);

	for (int stop = 0; stop < 30; stop++) {
		cleanup_log_reader struct log_reader *r = NULL;

		log_test_open(scratch->fd, &c, &writer);
		put_lines(0, 30);
		if (stop % 2)
			pack_all(log_writer_file(&writer));
		r = open_reader(scratch, &FOLLOW);
		expect_lines(r, 0, stop);
		put_lines(30, 60);
		pack_all(log_writer_file(&writer));
		expect_lines(r, stop, 50);
		put_lines(60, 90);
		pack_all(log_writer_file(&writer));
		expect_lines(r, 50, 90);
		expect_end(r);
		log_writer_close(&writer);
		remove_all(scratch);
	}
}

static void gzip_of_others_is_read(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(3);
	char command[256];

	log_test_open(scratch->fd, &c, &writer);
	put_lines(0, 30);
	log_writer_close(&writer);
	(void)snprintf(command, sizeof(command), "gzip -9 %s/%s", scratch->path, log_test_name(1));
	assert_int_equal(run_shell(command), 0);
	assert_string_equal(forms(scratch, 1), "gz");
	assert_int_equal(count_lines(scratch, 30), 30);
}

static void expect_failure(struct scratch *scratch, const struct log_query *q, int code, const char *text)
{
	struct log_query tail = *q;
	struct log_reader *r = NULL;
	struct log_entry entry;
	struct err e = { 0 };
	char expected[512];

	(void)snprintf(expected, sizeof(expected), "cannot read a compressed file of the log '%s': %s",
		       LOG_TEST_FILE, text);
	r = open_reader(scratch, q);
	assert_int_equal(log_reader_next(r, &entry, &e), code);
	assert_string_equal(e.text, expected);
	log_reader_free(r);
	tail.tail = 29;
	e = (struct err){ 0 };
	assert_int_equal(log_reader_open(scratch->fd, &LOG_TEST_CONFIG, &tail, &r, &e), code);
	assert_string_equal(e.text, expected);
	/* What is not needed is not expanded. */
	tail.tail = 1;
	r = open_reader(scratch, &tail);
	expect_lines(r, 29, 30);
	log_reader_free(r);
}

static void what_cannot_be_expanded_is_an_error(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = small_files(3);
	struct log_query without = ALL;
	cleanup_fd int fd = -1;

	log_test_open(scratch->fd, &c, &writer);
	put_lines(0, 30);
	pack_all(log_writer_file(&writer));
	log_writer_close(&writer);
	without.unpack = NULL;
	expect_failure(scratch, &without, -EOPNOTSUPP, "there is no program that expands it");
	fd = openat(scratch->fd, packed_name(2), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "####", 4, 100), 4);
	expect_failure(scratch, &ALL, -EINVAL, "it is damaged, or there is no room for what it holds");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(rotated_files_become_gzip_one_by_one),
		SCRATCH_TEST(a_file_may_be_rotated_while_it_is_compressed),
		SCRATCH_TEST(a_gzip_that_is_given_up_leaves_its_original),
		SCRATCH_TEST(what_is_rotated_before_one_is_given_up_is_not_forgotten),
		SCRATCH_TEST(the_next_start_finishes_what_a_killed_monitor_has_left),
		SCRATCH_TEST(a_gap_is_filled_and_costs_no_file),
		SCRATCH_TEST(wherever_the_monitor_is_killed_the_log_has_each_line_once),
		SCRATCH_TEST(without_the_option_nothing_is_compressed),
		SCRATCH_TEST(a_follower_neither_loses_nor_doubles_what_is_compressed),
		SCRATCH_TEST(gzip_of_others_is_read),
		SCRATCH_TEST(what_cannot_be_expanded_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
