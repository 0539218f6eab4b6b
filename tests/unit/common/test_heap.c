/* SPDX-License-Identifier: Apache-2.0 */
#include "common/heap.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/cleanup.h"

#define BLOCKS 512
#define ROUNDS 40000

static bool is_all(const unsigned char *p, size_t len, unsigned char value)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void blocks_of_all_sizes_are_aligned_and_hold_what_was_asked_for(void **state)
{
	(void)state;
	for (size_t size = 0; size < 3 * (size_t)HEAP_LARGEST_BYTES; size += 1 + size / 50) {
		unsigned char *p = heap_alloc(size), *next = heap_alloc(16);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(next, 0x33, 16);
		memset(p, 0x55, size);
		assert_true(is_all(next, 16, 0x33));
		heap_free(next);
		heap_free(p);
	}
}

/* Sizes that repeat, with a few large ones, in an order that is the same each time. */
static void blocks_keep_their_contents_whatever_happens_to_others(void **state)
{
	static struct {
		unsigned char *p;
		size_t len;
	} blocks[BLOCKS];
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		size_t i, len;

		random = random * 1664525u + 1013904223u;
		i = random >> 8 & (BLOCKS - 1);
		len = (random >> 20 & 15) == 0 ? random >> 12 & 0xffff : random >> 22;
		assert_true(is_all(blocks[i].p, blocks[i].len, (unsigned char)i));
		if (random & 1u << 31) {
			unsigned char *p = heap_resize(blocks[i].p, len);
			size_t kept = len < blocks[i].len ? len : blocks[i].len;

			assert_non_null(p);
			assert_true(is_all(p, kept, (unsigned char)i));
			blocks[i].p = p;
		} else {
			heap_free(blocks[i].p);
			blocks[i].p = heap_alloc_zeroed(1, len);
			assert_true(is_all(blocks[i].p, len, 0));
		}
		blocks[i].len = len;
		memset(blocks[i].p, (int)(unsigned char)i, len);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		heap_free(blocks[i].p);
}

static long resident_kib(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return u.ru_maxrss;
}

static void what_is_freed_is_given_out_again(void **state)
{
	long before;
	void *p = heap_alloc(1000);

	(void)state;
	heap_free(p);
	assert_ptr_equal(heap_alloc(1000), p);
	heap_free(p);
	before = resident_kib();
	for (int i = 0; i < 100000; i++)
		heap_free(memset(heap_alloc(HEAP_LARGEST_BYTES + 4096), 1, HEAP_LARGEST_BYTES + 4096));
	assert_in_range(resident_kib() - before, 0, 1024);
}

static void the_newest_block_grows_where_it_is(void **state)
{
	unsigned char *p = heap_alloc(3000), *q;

	(void)state;
	memset(p, 7, 3000);
	q = heap_resize(p, 4000);
	assert_ptr_equal(q, p);
	assert_true(is_all(q, 3000, 7));
	heap_free(q);
	assert_ptr_equal(heap_alloc(4000), q);
	heap_free(q);
}

static void what_nobody_has_is_out_of_memory(void **state)
{
	(void)state;
	errno = 0;
	assert_null(heap_alloc_zeroed(SIZE_MAX / 2, 3));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(heap_alloc(SIZE_MAX - 100));
	assert_int_equal(errno, ENOMEM);
	heap_free(NULL);
}

static int signal_of(void (*attempt)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit none = { 0 };

		if (setrlimit(RLIMIT_CORE, &none) < 0)
			_exit(1);
		(void)signal(SIGABRT, SIG_DFL);
		attempt();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void free_twice(void)
{
	char *volatile p = heap_alloc(40);

	heap_free(p);
	heap_free(p);
}

static void write_before(void)
{
	char *volatile p = heap_alloc(40);

	memset(p - 8, 0x41, 8);
	heap_free(p);
}

static void a_block_that_is_freed_twice_or_damaged_ends_the_program(void **state)
{
	(void)state;
	assert_int_equal(signal_of(free_twice), SIGABRT);
	assert_int_equal(signal_of(write_before), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_newest_block_grows_where_it_is), /* while none is there to be given out again */
		cmocka_unit_test(blocks_of_all_sizes_are_aligned_and_hold_what_was_asked_for),
		cmocka_unit_test(blocks_keep_their_contents_whatever_happens_to_others),
		cmocka_unit_test(what_is_freed_is_given_out_again),
		cmocka_unit_test(what_nobody_has_is_out_of_memory),
		cmocka_unit_test(a_block_that_is_freed_twice_or_damaged_ends_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
