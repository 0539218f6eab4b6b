/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/json_span.h"

static const char *const NAMES[] = { "linux", "seccomp", NULL };

/* What is found, or NULL. */
static const char *found(const char *text)
{
	static char value[256];
	size_t at, len;

	if (!json_find_span(text, strlen(text), NAMES, &at, &len))
		return NULL;
	assert_in_range(at + len, 1, strlen(text));
	assert_in_range(len, 1, sizeof(value) - 1);
	memcpy(value, text + at, len);
	value[len] = '\0';
	return value;
}

static void a_value_is_found_where_its_names_lead(void **state)
{
	(void)state;
	assert_string_equal(found("{\"linux\":{\"seccomp\":{\"a\":[1,{}]},\"x\":1}}"), "{\"a\":[1,{}]}");
	assert_string_equal(found(" { \"a\" : [ {\"linux\": 1} ] , \"linux\" : { \"seccomp\" : 12 } } "),
			    "12 ");
	assert_string_equal(found("{\"linux\":{\"seccomp\":\"}\\\"]\"}}"), "\"}\\\"]\"");
	assert_string_equal(found("{\"linux\":{\"seccomp\":null}}"), "null");
}

static void the_first_of_two_counts_and_only_at_its_own_level(void **state)
{
	(void)state;
	assert_string_equal(found("{\"linux\":{\"seccomp\":1,\"seccomp\":2}}"), "1");
	assert_null(found("{\"seccomp\":1}"));
	assert_null(found("{\"x\":{\"linux\":{\"seccomp\":1}}}"));
	assert_null(found("{\"linux\":{\"x\":{\"seccomp\":1}}}"));
	assert_null(found("{\"linux\":{\"x\":\"\\\"seccomp\\\":1\"}}"));
}

static void a_name_with_escapes_is_not_found(void **state)
{
	(void)state;
	assert_null(found("{\"linux\":{\"s\\u0065ccomp\":1}}"));
}

static void what_is_no_json_has_nothing(void **state)
{
	static const char *const TEXTS[] = {
		"",
		"[",
		"{",
		"null",
		"{\"linux",
		"{\"linux\\",
		"{\"linux\"",
		"{\"linux\":",
		"{\"linux\":{\"seccomp\"",
		"{\"linux\":{\"seccomp\":",
		"{\"linux\":{\"seccomp\":}}",
		"{\"linux\":{\"seccomp\":{",
		"{\"linux\":{\"seccomp\":\"",
		"{\"linux\":{\"seccomp\":\"\\",
		"{linux:{seccomp:1}}",
		"{\"linux\" {\"seccomp\":1}}",
		"{\"a\":1 \"linux\":{\"seccomp\":1}}",
		"}{\"linux\":{\"seccomp\":1}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++)
		assert_null(found(TEXTS[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_found_where_its_names_lead),
		cmocka_unit_test(the_first_of_two_counts_and_only_at_its_own_level),
		cmocka_unit_test(a_name_with_escapes_is_not_found),
		cmocka_unit_test(what_is_no_json_has_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
