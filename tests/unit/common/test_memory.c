/* SPDX-License-Identifier: Apache-2.0 */
#include "common/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 5

static void only_pages_that_are_wholly_inside_are_given_back(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char here[PAGES];
	char *memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(memory != MAP_FAILED);
	memset(memory, 'x', PAGES * page);
	memory_give_back(memory + page / 2, 3 * page);
	assert_int_equal(mincore(memory, PAGES * page, here), 0);
	for (size_t i = 0; i < PAGES; i++)
		assert_int_equal(here[i] & 1, i != 1 && i != 2);
	for (size_t i = 0; i < PAGES * page; i++)
		assert_int_equal(memory[i], i >= page && i < 3 * page ? 0 : 'x');
	assert_int_equal(munmap(memory, PAGES * page), 0);
}

static void what_is_less_than_a_page_stays(void **state)
{
	char small[64];

	(void)state;
	memset(small, 'x', sizeof(small));
	memory_give_back(small, sizeof(small));
	memory_give_back(small, 0);
	for (size_t i = 0; i < sizeof(small); i++)
		assert_int_equal(small[i], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_pages_that_are_wholly_inside_are_given_back),
		cmocka_unit_test(what_is_less_than_a_page_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
