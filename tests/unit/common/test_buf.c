/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#ifdef __SANITIZE_ADDRESS__
/* malloc returns NULL, as it does without ASan. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}
#endif

static void an_empty_buffer_holds_nothing(void **state)
{
	struct buf b = BUF_INIT(10);

	(void)state;
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 10);
	buf_clear(&b);
	buf_done(&b);
}

static void appending_keeps_the_text_terminated(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(100);

	(void)state;
	assert_int_equal(buf_add(&b, "abcdef", 3), 0);
	assert_string_equal(b.data, "abc");
	assert_int_equal(buf_add_str(&b, "-x"), 0);
	assert_int_equal(buf_add_char(&b, '!'), 0);
	assert_int_equal(buf_printf(&b, " %d %s", 42, "z"), 0);
	assert_string_equal(b.data, "abc-x! 42 z");
	assert_int_equal(b.len, strlen(b.data));
}

static void appending_nothing_makes_an_empty_string(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(0);

	(void)state;
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_string_equal(b.data, "");
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_add_str(&b, ""), 0);
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_int_equal(buf_add_char(&b, 'x'), -EFBIG);
	assert_string_equal(b.data, "");
}

static void a_buffer_takes_exactly_its_maximum(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(5);

	(void)state;
	assert_int_equal(buf_add(&b, "12345", 5), 0);
	assert_string_equal(b.data, "12345");
	assert_int_equal(buf_add(&b, "", 0), 0);
	assert_int_equal(buf_reserve(&b, 0), 0);
}

static void one_byte_over_the_maximum_is_refused_and_changes_nothing(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(5);

	(void)state;
	assert_int_equal(buf_add(&b, "123456", 6), -EFBIG);
	assert_null(b.data);
	assert_int_equal(buf_add(&b, "1234", 4), 0);
	assert_int_equal(buf_add(&b, "56", 2), -EFBIG);
	assert_int_equal(buf_add_str(&b, "56"), -EFBIG);
	assert_int_equal(buf_printf(&b, "%d", 56), -EFBIG);
	assert_int_equal(buf_reserve(&b, 2), -EFBIG);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -EFBIG);
	assert_string_equal(b.data, "1234");
	assert_int_equal(buf_add_char(&b, '5'), 0);
	assert_int_equal(buf_add_char(&b, '6'), -EFBIG);
	assert_string_equal(b.data, "12345");
}

static void a_buffer_grows_through_every_size(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(5000);

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		assert_int_equal(buf_add_char(&b, (char)('a' + i % 26)), 0);
		assert_int_equal(b.data[b.len], '\0');
		assert_true(b.cap > b.len);
	}
	assert_int_equal(buf_add_char(&b, 'x'), -EFBIG);
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(b.data[i], 'a' + (int)(i % 26));
}

static void reserved_room_can_be_written_to(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(3000);

	(void)state;
	assert_int_equal(buf_reserve(&b, 3000), 0);
	assert_string_equal(b.data, "");
	memset(b.data, 'x', 3000);
	b.data[3000] = '\0'; /* the NUL has its place, too */
	b.len = 3000;
	assert_int_equal(buf_add_char(&b, 'y'), -EFBIG);
}

static void more_than_there_is_memory_fails_without_a_change(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(SIZE_MAX);

	(void)state;
	assert_int_equal(buf_add_str(&b, "x"), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 4), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 2), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 1), -ENOMEM);
	assert_string_equal(b.data, "x");
}

static void bytes_with_nul_are_kept(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(10);

	(void)state;
	assert_int_equal(buf_add(&b, "a\0b", 3), 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
}

static void clearing_keeps_the_memory_and_drops_the_contents(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(10);
	const char *data;

	(void)state;
	assert_int_equal(buf_add_str(&b, "12345"), 0);
	data = b.data;
	buf_clear(&b);
	assert_ptr_equal(b.data, data);
	assert_string_equal(b.data, "");
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_add_str(&b, "1234567890"), 0);
	assert_string_equal(b.data, "1234567890");
}

static void taking_hands_the_contents_over(void **state)
{
	struct buf b = BUF_INIT(10);
	char *text;

	(void)state;
	assert_int_equal(buf_add_str(&b, "12345"), 0);
	text = buf_take(&b);
	assert_string_equal(text, "12345");
	free(text);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_add_str(&b, "1234567890"), 0); /* usable, with its maximum */
	assert_int_equal(buf_add_char(&b, 'x'), -EFBIG);
	buf_done(&b);
}

static void taking_from_an_empty_buffer_gives_an_empty_string(void **state)
{
	struct buf b = BUF_INIT(10);
	char *text = buf_take(&b);

	(void)state;
	assert_string_equal(text, "");
	free(text);
}

static void done_leaves_a_usable_buffer(void **state)
{
	struct buf b = BUF_INIT(3);

	(void)state;
	assert_int_equal(buf_add_str(&b, "abc"), 0);
	buf_done(&b);
	buf_done(&b);
	assert_null(b.data);
	assert_int_equal(buf_add_str(&b, "abc"), 0);
	assert_string_equal(b.data, "abc");
	buf_done(&b);
}

static void owned_things_leave_by_taking(void **state)
{
	char *text = strdup("x"), *taken = ptr_take(text);
	int fd = 7;

	(void)state;
	assert_null(text);
	assert_string_equal(taken, "x");
	free(taken);
	assert_int_equal(fd_take(&fd), 7);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_holds_nothing),
		cmocka_unit_test(appending_keeps_the_text_terminated),
		cmocka_unit_test(appending_nothing_makes_an_empty_string),
		cmocka_unit_test(a_buffer_takes_exactly_its_maximum),
		cmocka_unit_test(one_byte_over_the_maximum_is_refused_and_changes_nothing),
		cmocka_unit_test(a_buffer_grows_through_every_size),
		cmocka_unit_test(reserved_room_can_be_written_to),
		cmocka_unit_test(more_than_there_is_memory_fails_without_a_change),
		cmocka_unit_test(bytes_with_nul_are_kept),
		cmocka_unit_test(clearing_keeps_the_memory_and_drops_the_contents),
		cmocka_unit_test(taking_hands_the_contents_over),
		cmocka_unit_test(taking_from_an_empty_buffer_gives_an_empty_string),
		cmocka_unit_test(done_leaves_a_usable_buffer),
		cmocka_unit_test(owned_things_leave_by_taking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
