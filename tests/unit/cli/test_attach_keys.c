/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/attach_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"

static void keys_are_read_as_docker_reads_them(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		unsigned char bytes[4];
	} CASES[] = {
		{ "", 0, { 0 } },
		{ ATTACH_KEYS_DEFAULT, 2, { 16, 17 } },
		{ "a", 1, { 'a' } },
		{ "ctrl-@,ctrl-[,ctrl-_,Z", 4, { 0, 27, 31, 'Z' } },
	};
	struct attach_keys keys;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		assert_int_equal(attach_keys_parse(CASES[i].text, &keys, &e), 0);
		assert_int_equal(keys.len, CASES[i].len);
		assert_memory_equal(keys.bytes, CASES[i].bytes, keys.len);
	}
}

static void others_are_refused(void **state)
{
	static const char *const CASES[] = { "ab",
					     "ctrl-",
					     "ctrl-A",
					     "ctrl-1",
					     "ctrl-p,,ctrl-q",
					     "shift-a",
					     ",",
					     "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a" };
	struct attach_keys keys;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		assert_int_equal(attach_keys_parse(CASES[i], &keys, &e), -EINVAL);
		assert_non_null(strstr(e.text, "invalid escape keys"));
		assert_non_null(strstr(e.text, CASES[i]));
	}
}

/* What is typed comes in pieces. */
static void keys_are_found_and_all_else_is_passed_on(void **state)
{
	struct attach_keys k;
	char out[64];
	size_t len = 0;
	struct err e;

	(void)state;
	assert_int_equal(attach_keys_parse("a,b", &k, &e), 0);
	assert_false(attach_keys_find(&k, "xay", 3, out, &len));
	assert_int_equal(len, 3);
	assert_memory_equal(out, "xay", 3);
	assert_false(attach_keys_find(&k, "za", 2, out, &len));
	assert_int_equal(len, 1);
	assert_false(attach_keys_find(&k, "a", 1, out, &len));
	assert_int_equal(len, 1);
	assert_memory_equal(out, "a", 1);
	assert_true(attach_keys_find(&k, "b", 1, out, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_read_as_docker_reads_them),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(keys_are_found_and_all_else_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
