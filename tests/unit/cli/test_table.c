/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/table.h"

static char *print(const struct table *t)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	table_print(t, f);
	fclose(f);
	return text;
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	struct table t = { .columns = 3 };
	char *text;

	(void)state;
	assert_int_equal(table_add_row(&t, (const char *const[]){ "NAME", "ID", "SIZE" }), 0);
	assert_int_equal(table_add_row(&t, (const char *const[]){ "a", "0123456", "1MB" }), 0);
	assert_int_equal(table_add_row(&t, (const char *const[]){ "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
								  NULL, "" }),
			 0);
	text = print(&t);
	assert_string_equal(text, "NAME    ID        SIZE\n"
				  "a       0123456   1MB\n"
				  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4             \n");
	free(text);
	table_done(&t);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	struct table t = { .columns = 1 };
	char *text;

	(void)state;
	assert_int_equal(table_add(&t, "a\x1b[2Jb\nc\x7f"), 0);
	text = print(&t);
	assert_string_equal(text, "a?[2Jb?c?\n");
	free(text);
	table_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
