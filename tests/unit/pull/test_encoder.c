/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/encoder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "pull/inflate.h"

#define TAR_BYTES ((size_t)3 << 20)

/* Neither all the same nor without any order. */
static unsigned char *make_tar(void)
{
	unsigned char *tar = malloc(TAR_BYTES);
	unsigned int x = 1;

	assert_non_null(tar);
	for (size_t i = 0; i < TAR_BYTES; i++) {
		x = x * 1103515245u + 12345u;
		tar[i] = (unsigned char)((x >> 16) & (i % 4096 < 2048 ? 0xff : 0x03));
	}
	return tar;
}

static int encode(const struct compression *c, const unsigned char *tar, size_t piece,
		  struct encoder_result *ret)
{
	cleanup_encoder struct encoder *enc = NULL;
	struct err e;
	int fd = memfd_create("blob", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(encoder_new(c, fd, NULL, &enc, &e), 0);
	for (size_t at = 0; at < TAR_BYTES; at += piece)
		assert_int_equal(encoder_write(enc, tar + at, TAR_BYTES - at < piece ? TAR_BYTES - at : piece,
					       &e),
				 0);
	assert_int_equal(encoder_finish(enc, ret, &e), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), ret->size_bytes);
	return fd;
}

static void check_digest_of_file(int fd, const struct encoder_result *result)
{
	cleanup_free char *blob = malloc(result->size_bytes);
	struct digest actual;
	struct err e;

	assert_int_equal(pread(fd, blob, result->size_bytes, 0), result->size_bytes);
	assert_int_equal(hash_bytes("sha256", blob, result->size_bytes, &actual, &e), 0);
	assert_string_equal(actual.text, result->digest.text);
}

static void check_expands_to(int fd, const unsigned char *tar)
{
	cleanup_free unsigned char *out = malloc(TAR_BYTES + 1);
	cleanup_decoder struct decoder *d = NULL;
	struct err e;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(decoder_new(fd, MEDIA_LAYER, &d, &e), 0);
	assert_int_equal(decoder_read(d, out, TAR_BYTES + 1, &e), TAR_BYTES);
	assert_memory_equal(out, tar, TAR_BYTES);
}

static void what_is_packed_expands_to_the_same_and_has_the_digests_that_it_says(void **state)
{
	static const struct compression ALL[] = {
		{ COMPRESSION_NONE, 0 }, { COMPRESSION_GZIP, 0 }, { COMPRESSION_GZIP, 1 },
		{ COMPRESSION_GZIP, 9 }, { COMPRESSION_ZSTD, 0 }, { COMPRESSION_ZSTD, 19 },
	};
	cleanup_free unsigned char *tar = make_tar();
	struct digest diff_id;
	struct err e;

	(void)state;
	assert_int_equal(hash_bytes("sha256", tar, TAR_BYTES, &diff_id, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
		struct encoder_result result;
		cleanup_fd int fd = encode(&ALL[i], tar, 100000, &result);

		assert_string_equal(result.diff_id.text, diff_id.text);
		check_digest_of_file(fd, &result);
		check_expands_to(fd, tar);
	}
}

static void the_same_tar_gives_the_same_blob(void **state)
{
	static const enum compression_kind KINDS[] = { COMPRESSION_GZIP, COMPRESSION_ZSTD };
	cleanup_free unsigned char *tar = make_tar();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		const struct compression c = { KINDS[i], 0 };
		struct encoder_result one, other;
		cleanup_fd int a = encode(&c, tar, TAR_BYTES, &one);
		cleanup_fd int b = encode(&c, tar, TAR_BYTES, &other);

		assert_true(a >= 0 && b >= 0);
		assert_string_equal(one.digest.text, other.digest.text);
	}
}

static void a_full_disk_is_told(void **state)
{
	cleanup_free unsigned char *tar = make_tar();
	cleanup_encoder struct encoder *enc = NULL;
	const struct compression c = { COMPRESSION_NONE, 0 };
	cleanup_fd int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err e;

	(void)state;
	assert_int_equal(encoder_new(&c, fd, NULL, &enc, &e), 0);
	assert_int_equal(encoder_write(enc, tar, 1000, &e), -ENOSPC);
	assert_string_equal(e.text, "cannot write: no space left on device");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_expands_to_the_same_and_has_the_digests_that_it_says),
		cmocka_unit_test(the_same_tar_gives_the_same_blob),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
