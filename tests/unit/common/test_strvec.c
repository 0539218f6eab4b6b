/* SPDX-License-Identifier: Apache-2.0 */
#include "common/strvec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void an_empty_vector_has_no_items(void **state)
{
	struct strvec v = { 0 };

	(void)state;
	assert_null(v.items);
	assert_false(strvec_has(&v, ""));
	assert_null(strvec_get_env(&v, "HOME"));
	strvec_done(&v);
}

static void added_strings_are_copies_and_end_with_null(void **state)
{
	cleanup_strvec struct strvec v = { 0 };
	char text[] = "one";

	(void)state;
	assert_int_equal(strvec_add(&v, text), 0);
	text[0] = 'x';
	assert_int_equal(strvec_addf(&v, "%d-%s", 2, "two"), 0);
	assert_int_equal(v.len, 2);
	assert_string_equal(v.items[0], "one");
	assert_string_equal(v.items[1], "2-two");
	assert_null(v.items[2]);
}

static void a_text_is_split_into_its_pieces_without_empty_ones(void **state)
{
	cleanup_strvec struct strvec v = { 0 };

	(void)state;
	assert_int_equal(strvec_split(&v, ",one,,two three,", ','), 0);
	assert_int_equal(v.len, 2);
	assert_string_equal(v.items[0], "one");
	assert_string_equal(v.items[1], "two three");
	assert_int_equal(strvec_split(&v, "", ','), 0);
	assert_int_equal(v.len, 2);
}

static void the_end_is_null_at_every_length(void **state)
{
	cleanup_strvec struct strvec v = { 0 };

	(void)state;
	for (size_t i = 1; i <= 100; i++) {
		assert_int_equal(strvec_addf(&v, "%zu", i), 0);
		assert_int_equal(v.len, i);
		assert_null(v.items[i]);
	}
	assert_string_equal(v.items[0], "1");
	assert_string_equal(v.items[99], "100");
}

static void a_vector_takes_its_maximum_and_no_more(void **state)
{
	cleanup_strvec struct strvec v = { 0 };

	(void)state;
	for (size_t i = 0; i < STRVEC_MAX; i++)
		assert_int_equal(strvec_add(&v, ""), 0);
	assert_int_equal(strvec_add(&v, "x"), -EFBIG);
	assert_int_equal(strvec_addf(&v, "x"), -EFBIG);
	assert_int_equal(strvec_take(&v, strdup("freed all the same")), -EFBIG);
	assert_int_equal(strvec_set_env(&v, "NEW=1"), -EFBIG);
	assert_int_equal(v.len, STRVEC_MAX);
	assert_null(v.items[STRVEC_MAX]);
}

static void a_vector_may_have_a_maximum_of_its_own(void **state)
{
	cleanup_strvec struct strvec small = { .max = 2 }, large = { .max = STRVEC_MAX + 1 };

	(void)state;
	assert_int_equal(strvec_add(&small, "x"), 0);
	assert_int_equal(strvec_add(&small, "y"), 0);
	assert_int_equal(strvec_add(&small, "z"), -EFBIG);
	for (size_t i = 0; i <= STRVEC_MAX; i++)
		assert_int_equal(strvec_add(&large, "x"), 0);
	assert_int_equal(strvec_add(&large, "x"), -EFBIG);
}

static void taking_keeps_the_very_string(void **state)
{
	cleanup_strvec struct strvec v = { 0 };
	char *text = strdup("mine");

	(void)state;
	assert_int_equal(strvec_take(&v, text), 0);
	assert_ptr_equal(v.items[0], text);
}

static void taking_null_counts_as_out_of_memory(void **state)
{
	cleanup_strvec struct strvec v = { 0 };

	(void)state;
	assert_int_equal(strvec_take(&v, NULL), -ENOMEM);
	assert_int_equal(v.len, 0);
}

static void all_of_another_vector_is_copied(void **state)
{
	cleanup_strvec struct strvec from = { 0 }, to = { 0 };

	(void)state;
	assert_int_equal(strvec_add_all(&to, &from), 0);
	assert_null(to.items);
	assert_int_equal(strvec_add(&to, "a"), 0);
	assert_int_equal(strvec_add(&from, "b"), 0);
	assert_int_equal(strvec_add(&from, "c"), 0);
	assert_int_equal(strvec_add_all(&to, &from), 0);
	assert_int_equal(to.len, 3);
	assert_string_equal(to.items[2], "c");
	assert_ptr_not_equal(to.items[2], from.items[1]);
}

static void setting_a_variable_replaces_it_in_its_place(void **state)
{
	cleanup_strvec struct strvec v = { 0 };

	(void)state;
	assert_int_equal(strvec_set_env(&v, "A=1"), 0);
	assert_int_equal(strvec_set_env(&v, "AB=2"), 0);
	assert_int_equal(strvec_set_env(&v, "A=3=4"), 0);
	assert_int_equal(v.len, 2);
	assert_string_equal(v.items[0], "A=3=4");
	assert_string_equal(v.items[1], "AB=2");
	assert_int_equal(strvec_set_env(&v, "A="), 0);
	assert_string_equal(v.items[0], "A=");
}

static void variables_are_found_by_their_whole_name(void **state)
{
	cleanup_strvec struct strvec v = { 0 };

	(void)state;
	assert_int_equal(strvec_add(&v, "PATHS=/x"), 0);
	assert_int_equal(strvec_add(&v, "PATH=/bin=1"), 0);
	assert_int_equal(strvec_add(&v, "EMPTY="), 0);
	assert_string_equal(strvec_get_env(&v, "PATH"), "/bin=1");
	assert_string_equal(strvec_get_env(&v, "EMPTY"), "");
	assert_null(strvec_get_env(&v, "PAT"));
	assert_null(strvec_get_env(&v, "path"));
}

static void membership_is_of_whole_strings(void **state)
{
	cleanup_strvec struct strvec v = { 0 };

	(void)state;
	assert_int_equal(strvec_add(&v, "ab"), 0);
	assert_true(strvec_has(&v, "ab"));
	assert_false(strvec_has(&v, "a"));
	assert_false(strvec_has(&v, "abc"));
	assert_false(strvec_has(&v, ""));
}

static void removing_keeps_the_order_and_the_end(void **state)
{
	cleanup_strvec struct strvec v = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(strvec_addf(&v, "%d", i), 0);
	strvec_remove(&v, 1);
	assert_int_equal(v.len, 3);
	assert_string_equal(v.items[0], "0");
	assert_string_equal(v.items[1], "2");
	assert_string_equal(v.items[2], "3");
	assert_null(v.items[3]);
	strvec_remove(&v, 2);
	strvec_remove(&v, 0);
	strvec_remove(&v, 0);
	assert_int_equal(v.len, 0);
	assert_null(v.items[0]);
	assert_int_equal(strvec_add(&v, "again"), 0);
	assert_string_equal(v.items[0], "again");
}

static void done_leaves_an_empty_vector(void **state)
{
	struct strvec v = { 0 };

	(void)state;
	assert_int_equal(strvec_add(&v, "x"), 0);
	strvec_done(&v);
	assert_null(v.items);
	assert_int_equal(v.len, 0);
	strvec_done(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_vector_has_no_items),
		cmocka_unit_test(added_strings_are_copies_and_end_with_null),
		cmocka_unit_test(a_text_is_split_into_its_pieces_without_empty_ones),
		cmocka_unit_test(the_end_is_null_at_every_length),
		cmocka_unit_test(a_vector_takes_its_maximum_and_no_more),
		cmocka_unit_test(taking_keeps_the_very_string),
		cmocka_unit_test(taking_null_counts_as_out_of_memory),
		cmocka_unit_test(all_of_another_vector_is_copied),
		cmocka_unit_test(setting_a_variable_replaces_it_in_its_place),
		cmocka_unit_test(variables_are_found_by_their_whole_name),
		cmocka_unit_test(membership_is_of_whole_strings),
		cmocka_unit_test(removing_keeps_the_order_and_the_end),
		cmocka_unit_test(done_leaves_an_empty_vector),
		cmocka_unit_test(a_vector_may_have_a_maximum_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
