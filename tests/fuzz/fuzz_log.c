/* SPDX-License-Identifier: Apache-2.0 */
/* A json-file log that anybody may have damaged: read forwards, from its tail at every number of lines, and followed while it grows. Then the same bytes
 * as a container's output: written, and read back as they were. */
#include <fcntl.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/utf8.h"
#include "engine/log_reader.h"
#include "engine/log_writer.h"

#define ID         "f"
#define MAX_BYTES  (16u << 20)
#define TAIL_MAX   4
#define OUTPUT_MAX 16384 /* bytes; more newlines might be rotated away */
#define PARTS_MAX  16    /* in which a file grows or output comes */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/dev/shm/sampan-fuzz-XXXXXX";
static int root_fd = -1;
static struct log_writer writer;
static const struct log_config CONFIG = {
	.driver = LOG_JSON_FILE, .container_id = ID, .max_size = 20000, .max_files = 100
};

static void require(bool so)
{
	if (!so)
		abort();
}

static void remove_root(void)
{
	struct err ignored;

	(void)tree_remove(AT_FDCWD, root, &ignored);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	require(mkdtemp(root) && atexit(remove_root) == 0);
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(root_fd >= 0);
	return 0;
}

static void clear(void)
{
	struct err ignored;

	require(tree_remove(root_fd, LOG_DIR, &ignored) == 0 && mkdirat(root_fd, LOG_DIR, 0700) == 0);
}

static void put_file(const char *name, const uint8_t *data, size_t size)
{
	cleanup_fd int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	require(fd >= 0 && write_all(fd, data, size) == 0);
}

static struct log_reader *open_reader(int64_t tail, bool follow)
{
	const struct log_query q = { INT64_MIN, INT64_MAX, tail, follow };
	struct log_reader *r;
	struct err e;

	require(log_reader_open(root_fd, &CONFIG, &q, &r, &e) == 0);
	return r;
}

/* Appends what is read. Returns how many lines began in it. */
static int64_t drain(struct log_reader *r, struct buf *ret)
{
	struct log_entry entry;
	int64_t lines = 0;
	struct err e;
	int n;

	while ((n = log_reader_next(r, &entry, &e)) == LOG_READ_ENTRY) {
		require(buf_add(ret, entry.text, entry.len) == 0);
		lines += entry.begins_line;
	}
	require(n == LOG_READ_NOTHING);
	return lines;
}

static int64_t read_all(int64_t tail, struct buf *ret)
{
	cleanup_log_reader struct log_reader *r = open_reader(tail, false);

	return drain(r, ret);
}

/* Two files, cut anywhere. */
static void as_files(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf all = BUF_INIT(MAX_BYTES), grown = BUF_INIT(MAX_BYTES);
	size_t cut = size > 0 ? data[0] * size / 256 : 0;
	size_t part = size / PARTS_MAX + cut % 100 + 1;
	struct log_reader *r;

	clear();
	put_file(LOG_DIR "/" ID "-json.log.1", data, cut);
	put_file(LOG_DIR "/" ID "-json.log", data + cut, size - cut);
	(void)read_all(LOG_TAIL_ALL, &all);
	for (int64_t tail = 0; tail < TAIL_MAX; tail++) {
		cleanup_buf struct buf some = BUF_INIT(MAX_BYTES);
		int64_t lines = read_all(tail, &some);

		require(lines <= tail && some.len <= all.len);
	}
	/* What is read while a file grows is what is read when it has grown. */
	clear();
	r = open_reader(LOG_TAIL_ALL, true);
	for (size_t at = 0; at < size; at += part) {
		put_file(LOG_DIR "/" ID "-json.log", data + at, size - at < part ? size - at : part);
		(void)drain(r, &grown);
	}
	log_reader_free(r);
	buf_clear(&all);
	(void)read_all(LOG_TAIL_ALL, &all);
	require(all.len == grown.len && (all.len == 0 || memcmp(all.data, grown.data, all.len) == 0));
}

/* The bytes with U+FFFD for those that are no UTF-8: what a log keeps of them. */
static void repair(const uint8_t *data, size_t size, struct buf *ret)
{
	const char *p = (const char *)data, *end = p + size;

	while (p < end) {
		size_t n = utf8_char_len(p, (size_t)(end - p));

		require(n > 0 ? buf_add(ret, p, n) == 0 : buf_add_str(ret, UTF8_REPLACEMENT) == 0);
		p += n > 0 ? n : 1;
	}
}

static void as_output(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf expected = BUF_INIT(MAX_BYTES), all = BUF_INIT(MAX_BYTES);
	size_t part = size / PARTS_MAX + (size > 0 ? data[0] : 0) + 1;
	struct stat st;
	struct err e;

	clear();
	require(log_writer_open(root_fd, &CONFIG, &writer, &e) == 0);
	for (size_t at = 0; at < size; at += part)
		log_writer_put(&writer, LOG_STDOUT, (const char *)data + at,
			       size - at < part ? size - at : part);
	log_writer_close(&writer);
	require(log_writer_lost(&writer) == 0);
	require(fstatat(root_fd, LOG_DIR "/" ID "-json.log", &st, 0) == 0 &&
		(uint64_t)st.st_size <= CONFIG.max_size);
	repair(data, size, &expected);
	(void)read_all(LOG_TAIL_ALL, &all);
	require(all.len == expected.len && (all.len == 0 || memcmp(all.data, expected.data, all.len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_files(data, size);
	if (size <= OUTPUT_MAX)
		as_output(data, size);
	return 0;
}
