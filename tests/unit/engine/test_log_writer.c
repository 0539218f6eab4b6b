/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_writer.h"

#include <sys/resource.h>

#include "common/json_read.h"
#include "common/utf8.h"
#include "tests/unit/engine/log_fixture.h"

static struct log_writer writer;

struct record {
	char *log, *stream, *time, *attrs;
};

static void read_record(const char *line, size_t len, struct record *ret)
{
	static const struct json_field FIELDS[] = {
		{ "log", offsetof(struct record, log), json_read_string, NULL, true },
		{ "stream", offsetof(struct record, stream), json_read_string, NULL, true },
		{ "time", offsetof(struct record, time), json_read_string, NULL, true },
		{ "attrs", offsetof(struct record, attrs), json_read_raw },
		{ 0 }
	};
	struct timespec t;
	struct err e = { 0 };

	*ret = (struct record){ 0 };
	if (json_decode(line, len, FIELDS, ret, &e) < 0)
		fail_msg("%s: %.*s", e.text, (int)(len < 200 ? len : 200), line);
	assert_int_equal(timestamp_parse(ret->time, &t), 0);
}

static void record_done(struct record *r)
{
	free(r->log);
	free(r->stream);
	free(r->time);
	free(r->attrs);
}

/* The next line of `b` from *at on. */
static struct record next(const struct buf *b, size_t *at)
{
	const char *line = b->data + *at, *end;
	struct record r;

	assert_true(*at < b->len);
	end = memchr(line, '\n', b->len - *at);
	assert_non_null(end);
	read_record(line, (size_t)(end - line), &r);
	*at += (size_t)(end - line) + 1;
	return r;
}

static void expect(const struct buf *b, size_t *at, const char *stream, const char *log)
{
	struct record r = next(b, at);

	assert_string_equal(r.stream, stream);
	assert_string_equal(r.log, log);
	record_done(&r);
}

/* What the log's records say, one after the other, of one stream. */
static void joined(const struct buf *b, const char *stream, struct buf *ret)
{
	for (size_t at = 0; at < b->len;) {
		struct record r = next(b, &at);

		if (strcmp(r.stream, stream) == 0)
			assert_int_equal(buf_add_str(ret, r.log), 0);
		record_done(&r);
	}
}

/* --- records --------------------------------------------------------------------------------------------- */

static void records_are_written_as_docker_writes_them(void **state)
{
	static const char FIRST[] = "{\"log\":\"hello \\\"you\\\"\\n\",\"stream\":\"stdout\",\"time\":\"20";
	struct scratch *scratch = *state;
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
	struct stat st;
	size_t at = 0;

	log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
	log_test_put(&writer, LOG_STDOUT, "hello \"you\"\nsecond\n");
	log_test_put(&writer, LOG_STDERR, "third\r\n\n");
	log_test_read(scratch->fd, 0, &b); /* it is all there before it is closed */
	assert_memory_equal(b.data, FIRST, sizeof(FIRST) - 1);
	assert_memory_equal(strchr(b.data, '\n') - 3, "Z\"}\n", 4);
	expect(&b, &at, "stdout", "hello \"you\"\n");
	expect(&b, &at, "stdout", "second\n");
	expect(&b, &at, "stderr", "third\r\n");
	expect(&b, &at, "stderr", "\n");
	assert_int_equal(at, b.len);
	assert_int_equal(log_writer_offset(&writer), b.len);
	log_writer_close(&writer);
	log_writer_close(&writer);
	assert_int_equal(fstatat(scratch->fd, log_test_name(0), &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_size, b.len);
}

static void lines_come_in_pieces(void **state)
{
	struct scratch *scratch = *state;
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
	size_t at = 0;

	log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
	log_test_put(&writer, LOG_STDOUT, "one");
	log_test_put(&writer, LOG_STDERR, "err");
	log_test_put(&writer, LOG_STDOUT, " line");
	log_test_put(&writer, LOG_STDOUT, "\nnext");
	log_test_put(&writer, LOG_STDERR, "or\n");
	log_test_put(&writer, LOG_STDOUT, "\n");
	log_test_put(&writer, LOG_STDOUT, "never ended");
	log_test_read(scratch->fd, 0, &b);
	expect(&b, &at, "stdout", "one line\n");
	expect(&b, &at, "stderr", "error\n");
	expect(&b, &at, "stdout", "next\n");
	assert_int_equal(at, b.len);
	/* What no newline ends is written in the end, and ends no line. */
	log_writer_close(&writer);
	buf_clear(&b);
	log_test_read(scratch->fd, 0, &b);
	expect(&b, &at, "stdout", "never ended");
	assert_int_equal(at, b.len);
}

static void put_in_parts(const char *data, size_t len, size_t part)
{
	for (size_t at = 0; at < len; at += part)
		log_writer_put(&writer, LOG_STDOUT, data + at, len - at < part ? len - at : part);
}

/* However it comes in. */
static void long_lines_make_partial_records(void **state)
{
	static const size_t PARTS[] = { SIZE_MAX, 65536, 16384, 16383, 4096, 1000 };
	struct scratch *scratch = *state;
	static char line[40002];

	memset(line, 'x', sizeof(line));
	line[40000] = '\n';
	line[40001] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
		cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
		struct record r[3];
		size_t at = 0;

		log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
		put_in_parts(line, 40001, PARTS[i]);
		log_writer_close(&writer);
		log_test_read(scratch->fd, 0, &b);
		for (size_t n = 0; n < 3; n++)
			r[n] = next(&b, &at);
		assert_int_equal(at, b.len);
		assert_int_equal(strlen(r[0].log), LOG_LINE_MAX);
		assert_int_equal(strlen(r[1].log), LOG_LINE_MAX);
		assert_int_equal(strlen(r[2].log), 40001 - 2 * LOG_LINE_MAX);
		assert_int_equal(r[2].log[strlen(r[2].log) - 1], '\n');
		/* All parts of a line have its first one's time. */
		assert_string_equal(r[0].time, r[1].time);
		assert_string_equal(r[0].time, r[2].time);
		for (size_t n = 0; n < 3; n++)
			record_done(&r[n]);
		assert_int_equal(unlinkat(scratch->fd, log_test_name(0), 0), 0);
	}
}

static void lines_of_about_16_kib_are_cut_where_docker_cuts_them(void **state)
{
	struct scratch *scratch = *state;
	static char line[LOG_LINE_MAX + 3];

	for (size_t len = LOG_LINE_MAX - 1; len <= LOG_LINE_MAX + 1; len++) {
		cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX), all = BUF_INIT(LOG_TEST_MAX);
		struct record first;
		size_t at = 0;

		memset(line, 'y', len);
		line[len] = '\n';
		line[len + 1] = '\0';
		log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
		log_test_put(&writer, LOG_STDOUT, line);
		log_writer_close(&writer);
		log_test_read(scratch->fd, 0, &b);
		first = next(&b, &at);
		assert_int_equal(strlen(first.log), LOG_LINE_MAX);
		assert_int_equal(at == b.len, len < LOG_LINE_MAX);
		joined(&b, "stdout", &all);
		assert_string_equal(all.data, line);
		record_done(&first);
		assert_int_equal(unlinkat(scratch->fd, log_test_name(0), 0), 0);
	}
}

static void a_character_is_not_cut_in_two(void **state)
{
	struct scratch *scratch = *state;
	static char line[3 * LOG_LINE_MAX + 8];

	for (size_t before = 0; before < 4; before++) {
		cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX), all = BUF_INIT(LOG_TEST_MAX);
		size_t len = before;

		memset(line, 'a', before);
		while (len < 3 * LOG_LINE_MAX)
			len += (size_t)snprintf(line + len, 5, "\xf0\x9f\x98\x80");
		line[len++] = '\n';
		line[len] = '\0';
		for (size_t part = 1000; part < 100000; part *= 7) {
			log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
			put_in_parts(line, len, part);
			log_writer_close(&writer);
			buf_clear(&b);
			buf_clear(&all);
			log_test_read(scratch->fd, 0, &b);
			joined(&b, "stdout", &all);
			assert_int_equal(all.len, len);
			assert_memory_equal(all.data, line, len);
			assert_int_equal(unlinkat(scratch->fd, log_test_name(0), 0), 0);
		}
	}
}

static void what_is_not_utf8_becomes_replacement_characters(void **state)
{
	static const char RECORD[] =
		"{\"log\":\"a" UTF8_REPLACEMENT UTF8_REPLACEMENT "\\u0000\\u001b[0m\\n\"";
	struct scratch *scratch = *state;
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
	static char binary[100000];
	size_t at = 0, n = 0;
	uint32_t random = 7;

	log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
	log_writer_put(&writer, LOG_STDOUT, "a\xff\xc3\0\x1b[0m\n", 9);
	log_test_read(scratch->fd, 0, &b);
	assert_memory_equal(b.data, RECORD, sizeof(RECORD) - 1);
	assert_int_equal(unlinkat(scratch->fd, log_test_name(0), 0), 0);
	log_writer_close(&writer);
	/* Anything makes records that are JSON. No NUL, which this test's reader does not take. */
	for (size_t i = 0; i < sizeof(binary); i++) {
		random = random * 1664525 + 1013904223;
		binary[i] = (char)((random >> 16) % 255 + 1);
	}
	log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
	put_in_parts(binary, sizeof(binary), 5000);
	log_writer_close(&writer);
	buf_clear(&b);
	log_test_read(scratch->fd, 0, &b);
	for (at = 0; at < b.len; n++) {
		struct record r = next(&b, &at);

		record_done(&r);
	}
	assert_in_range(n, 300, 500); /* one of 255 bytes is a newline */
}

static void attributes_and_tag_stand_in_each_record(void **state)
{
	static const char *const ATTRIBUTES[] = { "bare",   "empty=", "role=a \"b\"", "t=0", "tag=label",
						  "zone=1", NULL };
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
	size_t at = 0;
	struct record r;

	c.attributes = ATTRIBUTES;
	c.tag = "t/1";
	log_test_open(scratch->fd, &c, &writer);
	log_test_put(&writer, LOG_STDERR, "x\n");
	log_writer_close(&writer);
	log_test_read(scratch->fd, 0, &b);
	r = next(&b, &at);
	assert_string_equal(r.attrs, "{\"bare\":\"\",\"empty\":\"\",\"role\":\"a "
				     "\\\"b\\\"\",\"t\":\"0\",\"tag\":\"t/1\",\"zone\":\"1\"}");
	record_done(&r);
}

static void attributes_have_a_maximum(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	const char *attributes[2] = { NULL, NULL };
	static char big[LOG_SUFFIX_MAX];
	struct err e;

	memset(big, 'b', sizeof(big) - 1);
	attributes[0] = big;
	c.attributes = attributes;
	assert_int_equal(log_writer_open(scratch->fd, &c, &writer, &e), -EFBIG);
	assert_string_equal(e.text, "the log's tag and attributes are over 8192 bytes");
	big[700] = '\0';
	c.max_size = 1000;
	assert_int_equal(log_writer_open(scratch->fd, &c, &writer, &e), -EFBIG);
	assert_string_equal(e.text, "the log's tag and attributes are too long for its max-size");
	c.driver = LOG_JOURNALD;
	memset(big, 'b', sizeof(big) - 1);
	assert_int_equal(log_writer_open(scratch->fd, &c, &writer, &e), -EFBIG);
	assert_string_equal(e.text, "the log's tag and attributes are over 8192 bytes");
}

static void without_a_log_nothing_is_written(void **state)
{
	static const enum log_driver DRIVERS[] = { LOG_NONE, LOG_PASSTHROUGH };
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;

	for (size_t i = 0; i < ARRAY_LEN(DRIVERS); i++) {
		c.driver = DRIVERS[i];
		log_test_open(scratch->fd, &c, &writer);
		log_test_put(&writer, LOG_STDOUT, "x\n");
		assert_int_equal(log_writer_offset(&writer), 0);
		log_writer_close(&writer);
		assert_int_equal(faccessat(scratch->fd, LOG_DIR, F_OK, 0), -1);
	}
}

/* --- rotation -------------------------------------------------------------------------------------------- */

static void files_are_rotated_as_docker_names_them(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
	uint64_t total;
	size_t at = 0;

	c.max_size = 1000; /* seven of these records */
	log_test_open(scratch->fd, &c, &writer);
	for (int i = 0; i < 100; i++) {
		char line[] = "line 00 .............................................\n";

		line[5] = (char)('0' + i / 10);
		line[6] = (char)('0' + i % 10);
		log_test_put(&writer, LOG_STDOUT, line);
	}
	total = log_writer_offset(&writer);
	log_writer_close(&writer);
	for (unsigned int n = 0; n < 3; n++)
		assert_in_range(log_test_size(scratch->fd, n), 1, 1000);
	assert_int_equal(log_test_size(scratch->fd, 3), -1);
	log_test_read_all(scratch->fd, 3, &b);
	assert_true(total > b.len);
	for (int i = 100 - (int)(b.len / (total / 100)); i < 100; i++) {
		struct record r = next(&b, &at);

		assert_int_equal((r.log[5] - '0') * 10 + r.log[6] - '0', i);
		record_done(&r);
	}
	assert_int_equal(at, b.len);
	/* The next monitor counts on from what is there. */
	log_test_open(scratch->fd, &c, &writer);
	assert_int_equal(log_writer_offset(&writer), b.len);
	log_writer_close(&writer);
}

static void a_single_file_begins_anew(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
	cleanup_fd int reader = -1;
	struct stat st;

	c.max_size = 1000;
	c.max_files = 1;
	log_test_open(scratch->fd, &c, &writer);
	log_test_put(&writer, LOG_STDOUT, "first\n");
	reader = openat(scratch->fd, log_test_name(0), O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 50; i++)
		log_test_put(&writer, LOG_STDOUT, "more\n");
	log_writer_close(&writer);
	assert_in_range(log_test_size(scratch->fd, 0), 1, 1000);
	assert_int_equal(log_test_size(scratch->fd, 1), -1);
	/* Who reads the old one can read it to its end. */
	assert_int_equal(fstat(reader, &st), 0);
	assert_in_range(st.st_size, 900, 1000);
}

/* Lines whose records end at, before and behind every place near the end of a file. */
static void no_file_grows_over_its_limit_at_any_boundary(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	static char line[2048];

	c.max_size = 1000;
	c.max_files = 100;
	for (size_t len = 380; len < 480; len++) {
		cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX), all = BUF_INIT(LOG_TEST_MAX);

		memset(line, len % 3 ? 'z' : '\x01', len);
		line[len] = '\n';
		line[len + 1] = '\0';
		log_test_open(scratch->fd, &c, &writer);
		for (int i = 0; i < 3; i++)
			log_test_put(&writer, LOG_STDOUT, line);
		assert_int_equal(log_writer_lost(&writer), 0);
		log_writer_close(&writer);
		for (unsigned int n = 0; n < 100; n++)
			assert_true(log_test_size(scratch->fd, n) <= 1000);
		log_test_read_all(scratch->fd, 100, &b);
		joined(&b, "stdout", &all);
		assert_int_equal(all.len, 3 * (len + 1));
		for (int i = 0; i < 3; i++)
			assert_memory_equal(all.data + i * (int)(len + 1), line, len + 1);
		for (unsigned int n = 0; n < 100; n++)
			(void)unlinkat(scratch->fd, log_test_name(n), 0);
	}
}

static void many_lines_in_one_call_are_rotated_too(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	cleanup_buf struct buf text = BUF_INIT(LOG_TEST_MAX), b = BUF_INIT(LOG_TEST_MAX),
			       all = BUF_INIT(LOG_TEST_MAX);
	unsigned int files = 0;

	c.max_size = 5000;
	c.max_files = 500;
	for (int i = 0; i < 5000; i++)
		assert_int_equal(buf_printf(&text, "line %d\n", i), 0);
	log_test_open(scratch->fd, &c, &writer);
	log_writer_put(&writer, LOG_STDERR, text.data, text.len);
	log_writer_close(&writer);
	for (; log_test_size(scratch->fd, files) >= 0; files++)
		assert_true(log_test_size(scratch->fd, files) <= 5000);
	assert_in_range(files, 70, 100);
	log_test_read_all(scratch->fd, files, &b);
	joined(&b, "stderr", &all);
	assert_string_equal(all.data, text.data);
}

static void added_lines_are_in_memory_until_the_flush_or_a_batch(void **state)
{
	static const char LINE[] = "sixty-four bytes of a container's output, with its newline: ....\n";
	struct scratch *scratch = *state;
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX), all = BUF_INIT(LOG_TEST_MAX);
	size_t n = 0;

	log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
	for (; log_writer_offset(&writer) == 0; n++)
		log_writer_add(&writer, LOG_STDOUT, LINE, sizeof(LINE) - 1);
	assert_in_range(log_test_size(scratch->fd, 0), LOG_BATCH, LOG_BATCH + 200);
	for (int i = 0; i < 10; i++)
		log_writer_add(&writer, LOG_STDERR, LINE, sizeof(LINE) - 1);
	assert_in_range(log_test_size(scratch->fd, 0), LOG_BATCH, LOG_BATCH + 200);
	log_writer_flush(&writer);
	log_test_read(scratch->fd, 0, &b);
	assert_int_equal(log_writer_offset(&writer), b.len);
	joined(&b, "stdout", &all);
	assert_int_equal(all.len, n * (sizeof(LINE) - 1));
	buf_clear(&all);
	joined(&b, "stderr", &all);
	assert_int_equal(all.len, 10 * (sizeof(LINE) - 1));
	log_writer_close(&writer);
}

/* --- what goes wrong ------------------------------------------------------------------------------------- */

static void the_rest_of_a_record_is_cut_off_at_the_next_start(void **state)
{
	static const char *const RESTS[] = { "{\"log\":\"cut o", "", "\0\0\0", "garbage", "{" };
	struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_LEN(RESTS); i++) {
		cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX);
		cleanup_fd int fd = -1;
		size_t at = 0;

		log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
		log_test_put(&writer, LOG_STDOUT, "before\n");
		log_writer_close(&writer);
		fd = openat(scratch->fd, log_test_name(0), O_WRONLY | O_APPEND | O_CLOEXEC);
		assert_int_equal(write_all(fd, RESTS[i], i == 2 ? 3 : strlen(RESTS[i])), 0);
		if (i == 3) /* more than is looked at at once */
			assert_int_equal(ftruncate(fd, 1 << 20), 0);
		log_test_open(scratch->fd, &LOG_TEST_CONFIG, &writer);
		log_test_put(&writer, LOG_STDOUT, "behind\n");
		log_writer_close(&writer);
		log_test_read(scratch->fd, 0, &b);
		expect(&b, &at, "stdout", "before\n");
		expect(&b, &at, "stdout", "behind\n");
		assert_int_equal(at, b.len);
		assert_int_equal(unlinkat(scratch->fd, log_test_name(0), 0), 0);
	}
}

static void a_log_that_cannot_be_opened_is_an_error(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	int before = count_open_descriptors();
	struct err e;

	scratch_write(scratch, LOG_DIR, "in the way");
	assert_int_equal(log_writer_open(scratch->fd, &c, &writer, &e), -ENOTDIR);
	assert_string_equal(e.text, "cannot open the directory of the log: not a directory");
	assert_int_equal(unlinkat(scratch->fd, LOG_DIR, 0), 0);
	assert_int_equal(mkdirat(scratch->fd, LOG_DIR, 0700), 0);
	assert_int_equal(mkfifoat(scratch->fd, log_test_name(0), 0600), 0);
	assert_int_equal(log_writer_open(scratch->fd, &c, &writer, &e), -EINVAL);
	assert_string_equal(e.text, "cannot open the log '" LOG_TEST_FILE "': invalid argument");
	assert_int_equal(unlinkat(scratch->fd, log_test_name(0), 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", scratch->fd, log_test_name(0)), 0);
	assert_int_equal(log_writer_open(scratch->fd, &c, &writer, &e), -ELOOP);
	c.container_id = "../x";
	assert_int_equal(log_writer_open(scratch->fd, &c, &writer, &e), -EINVAL);
	assert_int_equal(count_open_descriptors(), before);
}

static void records_that_cannot_be_rotated_away_are_lost_and_counted(void **state)
{
	struct scratch *scratch = *state;
	struct log_config c = LOG_TEST_CONFIG;
	cleanup_buf struct buf b = BUF_INIT(LOG_TEST_MAX), err = BUF_INIT(LOG_TEST_MAX);

	c.max_size = 1000;
	c.max_files = 2;
	log_test_open(scratch->fd, &c, &writer);
	assert_int_equal(mkdirat(scratch->fd, log_test_name(1), 0700), 0); /* in the way of .1 */
	for (int i = 0; i < 30; i++)
		log_test_put(&writer, LOG_STDOUT, "................................................\n");
	assert_in_range(log_writer_lost(&writer), 20, 25);
	assert_in_range(log_test_size(scratch->fd, 0), 800, 1000);
	assert_int_equal(unlinkat(scratch->fd, log_test_name(1), AT_REMOVEDIR), 0);
	log_test_put(&writer, LOG_STDOUT, "again\n");
	assert_int_equal(log_writer_lost(&writer), 0);
	log_writer_close(&writer);
	log_test_read(scratch->fd, 0, &b);
	joined(&b, "stderr", &err);
	assert_non_null(strstr(err.data, "sampan: 2"));
	assert_non_null(strstr(err.data, " records of this log were lost: is a directory\n"));
}

/* On a tmpfs of 64 KiB of its own. */
static void fill_and_empty(void *arg)
{
	struct scratch *scratch = arg;
	static char line[1001];
	struct buf b = BUF_INIT(LOG_TEST_MAX), all = BUF_INIT(LOG_TEST_MAX);
	uint64_t lost;
	char note[128];
	struct err e;
	int fd;

	CHILD_CHECK(mount("full", scratch->path, "tmpfs", 0, "size=64k,mode=700") == 0);
	scratch_reopen(scratch);
	CHILD_OK(log_writer_open(scratch->fd, &LOG_TEST_CONFIG, &writer, &e));
	fd = openat(scratch->fd, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHILD_CHECK(fd >= 0 && posix_fallocate(fd, 0, 32768) == 0);
	memset(line, 'f', 1000);
	line[999] = '\n';
	for (int i = 0; i < 100; i++)
		log_writer_put(&writer, LOG_STDOUT, line, 1000);
	lost = log_writer_lost(&writer);
	CHILD_CHECK(lost > 60 && lost < 80);
	CHILD_OK(file_read(scratch->fd, log_test_name(0), &b, &e));
	CHILD_CHECK(b.data[b.len - 1] == '\n'); /* whole records only */
	CHILD_CHECK(unlinkat(scratch->fd, "filler", 0) == 0 && close(fd) == 0);
	log_writer_put(&writer, LOG_STDOUT, "room\n", 5);
	CHILD_CHECK(log_writer_lost(&writer) == 0);
	log_writer_close(&writer);
	buf_clear(&b);
	CHILD_OK(file_read(scratch->fd, log_test_name(0), &b, &e));
	(void)snprintf(note, sizeof(note),
		       "sampan: %u records of this log were lost: no space left on device\n",
		       (unsigned int)lost);
	joined(&b, "stderr", &all);
	CHILD_CHECK(strcmp(all.data, note) == 0);
	buf_clear(&all);
	joined(&b, "stdout", &all);
	CHILD_CHECK(all.len == (100 - lost) * 1000 + 5);
	buf_done(&all);
	buf_done(&b);
}

static void a_full_disk_loses_records_and_says_so(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, fill_and_empty, *state);
}

static void count_on_over_a_file_limit(void *arg)
{
	const struct rlimit small = { 3000, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
	struct scratch *scratch = arg;
	struct buf b = BUF_INIT(LOG_TEST_MAX), all = BUF_INIT(LOG_TEST_MAX);
	struct err e;

	(void)signal(SIGXFSZ, SIG_IGN);
	CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHILD_OK(log_writer_open(scratch->fd, &LOG_TEST_CONFIG, &writer, &e));
	/* In one call: what fits stays, to the last whole record. */
	for (int i = 0; i < 100; i++)
		CHILD_CHECK(buf_printf(&b, "line %d\n", i) == 0);
	log_writer_put(&writer, LOG_STDOUT, b.data, b.len);
	CHILD_CHECK(log_writer_lost(&writer) > 50 && log_writer_lost(&writer) < 100);
	CHILD_CHECK(log_test_size(scratch->fd, 0) > 2800 && log_test_size(scratch->fd, 0) <= 3000);
	CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
	log_writer_close(&writer); /* without another record the note comes in the end */
	buf_clear(&b);
	CHILD_OK(file_read(scratch->fd, log_test_name(0), &b, &e));
	joined(&b, "stderr", &all);
	CHILD_CHECK(strstr(all.data, "records of this log were lost: file too large\n"));
	buf_done(&all);
	buf_done(&b);
}

static void what_fits_of_a_batch_is_kept(void **state)
{
	run_in_child(0, count_on_over_a_file_limit, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(records_are_written_as_docker_writes_them),
		SCRATCH_TEST(lines_come_in_pieces),
		SCRATCH_TEST(long_lines_make_partial_records),
		SCRATCH_TEST(lines_of_about_16_kib_are_cut_where_docker_cuts_them),
		SCRATCH_TEST(a_character_is_not_cut_in_two),
		SCRATCH_TEST(what_is_not_utf8_becomes_replacement_characters),
		SCRATCH_TEST(attributes_and_tag_stand_in_each_record),
		SCRATCH_TEST(attributes_have_a_maximum),
		SCRATCH_TEST(without_a_log_nothing_is_written),
		SCRATCH_TEST(files_are_rotated_as_docker_names_them),
		SCRATCH_TEST(a_single_file_begins_anew),
		SCRATCH_TEST(no_file_grows_over_its_limit_at_any_boundary),
		SCRATCH_TEST(many_lines_in_one_call_are_rotated_too),
		SCRATCH_TEST(added_lines_are_in_memory_until_the_flush_or_a_batch),
		SCRATCH_TEST(the_rest_of_a_record_is_cut_off_at_the_next_start),
		SCRATCH_TEST(a_log_that_cannot_be_opened_is_an_error),
		SCRATCH_TEST(records_that_cannot_be_rotated_away_are_lost_and_counted),
		SCRATCH_TEST(a_full_disk_loses_records_and_says_so),
		SCRATCH_TEST(what_fits_of_a_batch_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
