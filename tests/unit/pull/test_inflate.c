/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "common/buf.h"
#include "common/file.h"
#include "pull/inflate.h"

#define TEXT_BYTES (300 << 10) /* more than one read */
#define BUF_MAX    ((size_t)16 << 20)

static void add(struct buf *b, const void *data, size_t len)
{
	assert_int_equal(buf_add(b, data, len), 0);
}

/* Bytes that compress a little. */
static char *make_text(size_t len, uint32_t seed)
{
	char *text = malloc(len);

	assert_non_null(text);
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		text[i] = (char)('a' + (seed >> 28));
	}
	return text;
}

static void add_gzip(struct buf *out, const void *data, size_t len)
{
	struct isal_zstream *s = calloc(1, sizeof(*s));
	uint32_t room = (uint32_t)len + 4096;
	uint8_t *to = malloc(room);

	assert_non_null(s);
	assert_non_null(to);
	isal_deflate_stateless_init(s);
	s->gzip_flag = IGZIP_GZIP;
	s->next_in = memcpy(malloc(len + 1), data, len);
	s->avail_in = (uint32_t)len;
	s->next_out = to;
	s->avail_out = room;
	s->end_of_stream = 1;
	uint8_t *from = s->next_in;
	assert_int_equal(isal_deflate_stateless(s), COMP_OK);
	add(out, to, room - s->avail_out);
	free(from);
	free(to);
	free(s);
}

static void add_zstd(struct buf *out, const void *data, size_t len)
{
	size_t room = ZSTD_compressBound(len);
	void *to = malloc(room);
	size_t n = ZSTD_compress(to, room, data, len, 1);

	assert_false(ZSTD_isError(n));
	add(out, to, n);
	free(to);
}

/* Decodes from a pipe or a file, `step` bytes per call. */
static int decode_fd(int fd, size_t step, struct buf *out, struct err *e)
{
	cleanup_decoder struct decoder *d = NULL;
	char *block = malloc(step);
	ssize_t n;
	int r = decoder_new(fd, MEDIA_LAYER_GZIP, &d, e);

	assert_non_null(block);
	while (r == 0) {
		n = decoder_read(d, block, step, e);
		if (n <= 0) {
			r = (int)n;
			break;
		}
		add(out, block, (size_t)n);
	}
	if (r == 0)
		assert_int_equal(decoder_read(d, block, step, e), 0); /* the end stays the end */
	free(block);
	return r;
}

static int decode(const struct buf *in, size_t step, struct buf *out, struct err *e)
{
	int fd = memfd_create("blob", MFD_CLOEXEC);
	int r;

	assert_int_equal(write_all(fd, in->data ? in->data : "", in->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	r = decode_fd(fd, step, out, e);
	(void)close(fd);
	return r;
}

static void assert_decodes_to(const struct buf *in, size_t step, const char *want, size_t len)
{
	cleanup_buf struct buf out = BUF_INIT(BUF_MAX);
	struct err e;

	if (decode(in, step, &out, &e) < 0)
		fail_msg("not decoded: %s", e.text);
	assert_int_equal(out.len, len);
	assert_memory_equal(out.data ? out.data : "", want, len);
}

static void assert_refused(const struct buf *in, int code, const char *message)
{
	cleanup_buf struct buf out = BUF_INIT(BUF_MAX);
	struct err e;

	assert_int_equal(decode(in, 4096, &out, &e), code);
	assert_string_equal(e.text, message);
}

static void plain_gzip_and_zstd_are_told_by_their_first_bytes(void **state)
{
	static const size_t STEPS[] = { 1000, 4096, 256 << 10, 1 << 20 };
	cleanup_buf struct buf plain = BUF_INIT(BUF_MAX);
	cleanup_buf struct buf gzip = BUF_INIT(BUF_MAX);
	cleanup_buf struct buf zstd = BUF_INIT(BUF_MAX);
	char *text = make_text(TEXT_BYTES, 1);

	(void)state;
	add(&plain, text, TEXT_BYTES);
	add_gzip(&gzip, text, TEXT_BYTES);
	add_zstd(&zstd, text, TEXT_BYTES);
	assert_true(gzip.len < TEXT_BYTES && zstd.len < TEXT_BYTES);
	for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
		assert_decodes_to(&plain, STEPS[i], text, TEXT_BYTES);
		assert_decodes_to(&gzip, STEPS[i], text, TEXT_BYTES);
		assert_decodes_to(&zstd, STEPS[i], text, TEXT_BYTES);
	}
	free(text);
}

static void nothing_and_almost_nothing_is_plain(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);

	(void)state;
	assert_decodes_to(&in, 100, "", 0);
	add(&in, "\x1f", 1);
	assert_decodes_to(&in, 100, "\x1f", 1);
}

static void members_of_gzip_follow_each_other_wherever_reads_split_them(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);
	char want[] = "one two three ";

	(void)state;
	add_gzip(&in, "one ", 4);
	add_gzip(&in, "", 0);
	add_gzip(&in, "two ", 4);
	add_gzip(&in, "three ", 6);
	for (size_t step = 1; step < sizeof(want) + 1; step++)
		assert_decodes_to(&in, step, want, strlen(want));
	/* A pipe that gives one byte at a time is what the network may look like. */
	for (size_t split = 1; split < in.len; split++) {
		cleanup_buf struct buf out = BUF_INIT(BUF_MAX);
		int fds[2];
		struct err e;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			(void)!write(fds[1], in.data, split);
			usleep(300);
			(void)!write(fds[1], in.data + split, in.len - split);
			_exit(0);
		}
		(void)close(fds[1]);
		assert_int_equal(decode_fd(fds[0], 3, &out, &e), 0);
		assert_string_equal(out.data, want);
		(void)close(fds[0]);
	}
}

static void large_members_of_gzip_follow_each_other(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);
	char *text = make_text(3 * (size_t)TEXT_BYTES, 7);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		add_gzip(&in, text + i * TEXT_BYTES, TEXT_BYTES);
	assert_decodes_to(&in, 256 << 10, text, 3 * (size_t)TEXT_BYTES);
	assert_decodes_to(&in, 4097, text, 3 * (size_t)TEXT_BYTES);
	free(text);
}

static void zeros_may_pad_gzip(void **state)
{
	static const char ZEROS[10000];
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);

	(void)state;
	add_gzip(&in, "text", 4);
	add(&in, ZEROS, sizeof(ZEROS));
	assert_decodes_to(&in, 100, "text", 4);
	add(&in, "x", 1);
	assert_refused(&in, -EINVAL, "malformed gzip: something else follows its end");
}

static void garbage_after_gzip_is_refused(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);

	(void)state;
	add_gzip(&in, "text", 4);
	add(&in, "garbage", 7);
	assert_refused(&in, -EINVAL, "malformed gzip: something else follows its end");
}

static void gzip_cut_anywhere_is_refused(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);
	char *text = make_text(2000, 3);
	size_t whole;

	(void)state;
	add_gzip(&in, text, 2000);
	whole = in.len;
	for (in.len = whole - 1; in.len >= 2; in.len--)
		assert_refused(&in, -EINVAL, "malformed gzip: it ends too early");
	free(text);
}

static void damaged_gzip_is_refused(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);

	(void)state;
	add_gzip(&in, "text", 4);
	in.data[in.len - 8] ^= 1; /* of the CRC */
	assert_refused(&in, -EINVAL, "malformed gzip: wrong checksum");
	in.data[in.len - 8] ^= 1;
	in.data[in.len - 1] ^= 1; /* of the length */
	assert_refused(&in, -EINVAL, "malformed gzip: wrong checksum");
	in.data[in.len - 1] ^= 1;
	in.data[2] = 7; /* the method */
	assert_refused(&in, -EINVAL, "malformed gzip: unknown method");
	in.data[2] = 8;
	in.data[10] = 7; /* deflate's block type 3 */
	assert_refused(&in, -EINVAL, "malformed gzip: bad deflate data");
}

static void frames_of_zstd_follow_each_other_and_skippable_ones_are_skipped(void **state)
{
	static const char SKIPPABLE[] = "\x5e\x2a\x4d\x18\x04\0\0\0skip";
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);

	(void)state;
	add(&in, SKIPPABLE, sizeof(SKIPPABLE) - 1);
	add_zstd(&in, "one ", 4);
	add(&in, SKIPPABLE, sizeof(SKIPPABLE) - 1);
	add_zstd(&in, "", 0);
	add_zstd(&in, "two", 3);
	add(&in, SKIPPABLE, sizeof(SKIPPABLE) - 1);
	for (size_t step = 1; step < 9; step++)
		assert_decodes_to(&in, step, "one two", 7);
}

static void zstd_cut_anywhere_is_refused(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);
	char *text = make_text(2000, 3);
	size_t whole;

	(void)state;
	add_zstd(&in, text, 2000);
	whole = in.len;
	for (in.len = whole - 1; in.len >= 4; in.len--)
		assert_refused(&in, -EINVAL, "malformed zstd: it ends too early");
	free(text);
}

static void garbage_after_zstd_is_refused(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);

	(void)state;
	add_zstd(&in, "text", 4);
	add(&in, "garbage", 7);
	assert_refused(&in, -EINVAL, "malformed zstd: something else follows its end");
}

static void a_huge_zstd_window_is_refused(void **state)
{
	/* RFC 8878, 3.1.1.1: magic, a descriptor without single segment, a window descriptor of 2^31 bytes. */
	static const char HUGE_WINDOW[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);

	(void)state;
	add(&in, HUGE_WINDOW, sizeof(HUGE_WINDOW) - 1);
	assert_refused(&in, -EFBIG, "the layer's zstd window is larger than 128 MiB");
}

static void other_compressions_are_refused_by_name(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_MAX);

	(void)state;
	add(&in, "BZh91AY&SY", 10);
	assert_refused(&in, -EOPNOTSUPP,
		       "the layer is compressed with bzip2; gzip, zstd and none are supported");
	buf_clear(&in);
	add(&in,
	    "\xfd"
	    "7zXZ\0",
	    6);
	assert_refused(&in, -EOPNOTSUPP,
		       "the layer is compressed with xz; gzip, zstd and none are supported");
}

static void what_cannot_be_read_is_an_error(void **state)
{
	struct decoder *d = NULL;
	struct err e;

	(void)state;
	assert_int_equal(decoder_new(-1, MEDIA_LAYER, &d, &e), -EBADF);
	assert_string_equal(e.text, "cannot read the layer's blob: bad file descriptor");
	assert_null(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_gzip_and_zstd_are_told_by_their_first_bytes),
		cmocka_unit_test(nothing_and_almost_nothing_is_plain),
		cmocka_unit_test(members_of_gzip_follow_each_other_wherever_reads_split_them),
		cmocka_unit_test(large_members_of_gzip_follow_each_other),
		cmocka_unit_test(zeros_may_pad_gzip),
		cmocka_unit_test(garbage_after_gzip_is_refused),
		cmocka_unit_test(gzip_cut_anywhere_is_refused),
		cmocka_unit_test(damaged_gzip_is_refused),
		cmocka_unit_test(frames_of_zstd_follow_each_other_and_skippable_ones_are_skipped),
		cmocka_unit_test(zstd_cut_anywhere_is_refused),
		cmocka_unit_test(garbage_after_zstd_is_refused),
		cmocka_unit_test(a_huge_zstd_window_is_refused),
		cmocka_unit_test(other_compressions_are_refused_by_name),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
