/* SPDX-License-Identifier: Apache-2.0 */
#include "store/file_sum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

#define MIB (1u << 20)

/* In pieces of `step` bytes, all of it. */
static struct file_sum sum_in_steps(const unsigned char *data, size_t len, size_t step)
{
	cleanup_file_summer struct file_summer *s = file_summer_new();
	struct file_sum sum;

	assert_non_null(s);
	for (size_t at = 0; at < len; at += step)
		file_summer_add(s, at, data + at, len - at < step ? len - at : step);
	assert_true(file_summer_finish(s, len, &sum));
	return sum;
}

static void assert_same(const struct file_sum *a, const struct file_sum *b)
{
	assert_memory_equal(a, b, sizeof(*a));
}

static void the_pieces_do_not_matter(void **state)
{
	static const size_t STEPS[] = { 1, 511, 65535, 65536, 65537, 200000, MIB };
	cleanup_free unsigned char *data = calloc(1, MIB);
	struct file_sum first;

	(void)state;
	for (size_t i = 0; i < MIB; i += 3) /* some zeros, some not */
		data[i] = (unsigned char)(i / 7);
	memset(data + 300000, 0, 200000);
	first = sum_in_steps(data, MIB - 5, STEPS[0]);
	for (size_t i = 1; i < ARRAY_LEN(STEPS); i++) {
		struct file_sum other = sum_in_steps(data, MIB - 5, STEPS[i]);

		assert_same(&first, &other);
	}
}

static void holes_need_not_be_passed(void **state)
{
	cleanup_file_summer struct file_summer *s = file_summer_new();
	cleanup_free unsigned char *data = calloc(1, MIB);
	struct file_sum whole, sparse;

	(void)state;
	memset(data + 70000, 'x', 10);
	memset(data + 500000, 'y', 300);
	whole = sum_in_steps(data, MIB, 4096);
	file_summer_add(s, 70000, data + 70000, 10);
	file_summer_add(s, 500000, data + 500000, 300);
	assert_true(file_summer_finish(s, MIB, &sparse));
	assert_same(&whole, &sparse);
}

static void what_is_on_disk_has_the_sum_of_what_was_written(void **state)
{
	cleanup_file_summer struct file_summer *s = file_summer_new();
	cleanup_fd int fd = memfd_create("file", MFD_CLOEXEC);
	struct file_sum written, read;
	struct err e;

	(void)state;
	assert_int_equal(ftruncate(fd, 3 * MIB), 0);
	assert_int_equal(pwrite(fd, "end", 3, 2 * MIB + 17), 3);
	file_summer_add(s, 2 * MIB + 17, "end", 3);
	assert_true(file_summer_finish(s, 3 * MIB, &written));
	assert_int_equal(file_summer_read(s, fd, 3 * MIB, &read, &e), 0);
	assert_same(&written, &read);
	assert_false(file_summer_all_zero(s));
}

static void size_place_and_content_all_count(void **state)
{
	cleanup_free unsigned char *data = calloc(1, MIB);
	struct file_sum sums[5];

	(void)state;
	sums[0] = sum_in_steps(data, MIB, MIB);
	sums[1] = sum_in_steps(data, MIB - 1, MIB);
	data[0] = 1;
	sums[2] = sum_in_steps(data, MIB, MIB);
	data[0] = 0;
	data[65536] = 1;
	sums[3] = sum_in_steps(data, MIB, MIB);
	data[65536] = 0;
	data[2 * 65536] = 1;
	sums[4] = sum_in_steps(data, MIB, MIB);
	for (size_t i = 0; i < ARRAY_LEN(sums); i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(&sums[i], &sums[j], sizeof(sums[i]));
}

static void bytes_out_of_order_give_no_sum(void **state)
{
	cleanup_file_summer struct file_summer *s = file_summer_new();
	struct file_sum sum;

	(void)state;
	file_summer_add(s, 10, "b", 1);
	file_summer_add(s, 0, "a", 1);
	assert_false(file_summer_finish(s, 11, &sum));
	file_summer_begin(s); /* and the next file starts anew */
	file_summer_add(s, 0, "a", 1);
	assert_true(file_summer_finish(s, 1, &sum));
	file_summer_begin(s);
	file_summer_add(s, 0, "ab", 2);
	assert_false(file_summer_finish(s, 1, &sum)); /* more than the file has */
}

static void zeros_are_told_from_nothing_else(void **state)
{
	cleanup_file_summer struct file_summer *s = file_summer_new();
	struct file_sum sum;

	(void)state;
	file_summer_add(s, 0, "\0\0\0", 3);
	assert_true(file_summer_finish(s, 3, &sum));
	assert_true(file_summer_all_zero(s));
	file_summer_begin(s);
	file_summer_add(s, 0, "\0\0x", 3);
	assert_true(file_summer_finish(s, 3, &sum));
	assert_false(file_summer_all_zero(s));
}

/* What is on disk must be readable for ever: XXH3 of "abc" as its authors publish it, big endian. */
static void the_checksum_is_xxh3_with_128_bits(void **state)
{
	struct file_sum sum = file_sum_bytes("abc", 3);
	char text[FILE_SUM_TEXT_LEN + 1];

	(void)state;
	file_sum_text(&sum, text);
	assert_string_equal(text, "06b05ab6733a618578af5f94892f3950");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pieces_do_not_matter),
		cmocka_unit_test(holes_need_not_be_passed),
		cmocka_unit_test(what_is_on_disk_has_the_sum_of_what_was_written),
		cmocka_unit_test(size_place_and_content_all_count),
		cmocka_unit_test(bytes_out_of_order_give_no_sum),
		cmocka_unit_test(zeros_are_told_from_nothing_else),
		cmocka_unit_test(the_checksum_is_xxh3_with_128_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
