/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/gzip_file.h"

#include "tests/unit/common/scratch.h"

#define DATA_MAX 4000000

static const char HEADER[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03";

static int open_file(struct scratch *s, const char *name)
{
	int fd = openat(s->fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void make_lines(struct scratch *s, size_t n)
{
	cleanup_fd int fd = open_file(s, "plain");
	cleanup_buf struct buf b = BUF_INIT(DATA_MAX);

	for (size_t i = 0; i < n; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "line %zu of some text\n", i * 2654435761u % 1000000);
		assert_int_equal(buf_add_str(&b, line), 0);
	}
	if (b.len > 0)
		assert_int_equal(write_all(fd, b.data, b.len), 0);
}

static void pack(struct scratch *s)
{
	cleanup_fd int from = open_file(s, "plain"), to = open_file(s, "packed.gz");
	struct err e = { 0 };

	assert_int_equal(ftruncate(to, 0), 0);
	if (gzip_file_pack(from, to, HEADER, sizeof(HEADER) - 1, &e) < 0)
		fail_msg("%s", e.text);
}

static int unpack(struct scratch *s, struct err *e)
{
	cleanup_fd int from = open_file(s, "packed.gz"), to = open_file(s, "again");

	assert_int_equal(ftruncate(to, 0), 0);
	return gzip_file_unpack(from, to, e);
}

static void run(struct scratch *s, const char *format)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "cd %s && %s", s->path, format);
	assert_int_equal(run_shell(command), 0);
}

static void files_of_any_size_come_back(void **state)
{
	static const size_t LINES[] = { 0, 1, 2500, 100000 };
	struct scratch *s = *state;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(LINES); i++) {
		(void)unlinkat(s->fd, "plain", 0);
		make_lines(s, LINES[i]);
		pack(s);
		run(s, "gzip -t packed.gz && gzip -dc <packed.gz | cmp - plain");
		assert_int_equal(unpack(s, &e), 0);
		run(s, "cmp plain again");
	}
	run(s, "gzip -c plain >packed.gz");
	assert_int_equal(unpack(s, &e), 0);
	run(s, "cmp plain again");
}

static void what_is_cut_short_is_an_error(void **state)
{
	struct scratch *s = *state;
	struct stat st;
	struct err e = { 0 };

	make_lines(s, 1000);
	pack(s);
	assert_int_equal(fstatat(s->fd, "packed.gz", &st, 0), 0);
	for (off_t cut = 1; cut < st.st_size - 1; cut += st.st_size / 10) {
		cleanup_fd int fd = open_file(s, "packed.gz");

		assert_int_equal(ftruncate(fd, st.st_size - cut), 0);
		assert_int_equal(unpack(s, &e), -EINVAL);
	}
}

static void a_full_disk_is_an_error(void **state)
{
	struct scratch *s = *state;
	cleanup_fd int full = open("/dev/full", O_WRONLY | O_CLOEXEC), from = -1;
	struct err e = { 0 };

	make_lines(s, 1000);
	from = open_file(s, "plain");
	assert_int_equal(gzip_file_pack(from, full, HEADER, sizeof(HEADER) - 1, &e), -ENOSPC);
	assert_string_equal(e.text, "cannot write what was compressed: no space left on device");
	pack(s);
	(void)close(fd_take(&from));
	from = open_file(s, "packed.gz");
	assert_int_equal(gzip_file_unpack(from, full, &e), -ENOSPC);
	assert_string_equal(e.text, "cannot write what was expanded: no space left on device");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(files_of_any_size_come_back),
		SCRATCH_TEST(what_is_cut_short_is_an_error),
		SCRATCH_TEST(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
