/* SPDX-License-Identifier: Apache-2.0 */
#include "build/device_allow.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ONE "v.example/c=one"

static void allow(struct device_allow *a, const char *text)
{
	struct err e = { 0 };

	if (device_allow_add(a, text, &e) < 0)
		fail_msg("%s", e.text);
}

static void without_a_word_there_is_none_and_without_a_name_all(void **state)
{
	cleanup_device_allow struct device_allow a = { 0 };

	(void)state;
	assert_null(device_allow_find(NULL, ONE));
	assert_null(device_allow_find(&a, ONE));
	allow(&a, "");
	assert_string_equal(device_allow_find(&a, ONE), ONE);
	assert_string_equal(device_allow_find(&a, "anything"), "anything");
}

static void a_name_allows_itself_and_nothing_that_begins_so(void **state)
{
	cleanup_device_allow struct device_allow a = { 0 };

	(void)state;
	allow(&a, ONE);
	assert_string_equal(device_allow_find(&a, ONE), ONE);
	assert_null(device_allow_find(&a, ONE "2"));
	assert_null(device_allow_find(&a, "v.example/c=two"));
	allow(&a, "v.example/c=two");
	assert_non_null(device_allow_find(&a, "v.example/c=two"));
}

static void a_star_allows_a_kind(void **state)
{
	cleanup_device_allow struct device_allow a = { 0 };

	(void)state;
	allow(&a, "v.example/c=*");
	assert_non_null(device_allow_find(&a, ONE));
	assert_null(device_allow_find(&a, "v.example/cc=one"));
	assert_null(device_allow_find(&a, "w.example/c=one"));
}

static void an_alias_is_the_only_name_of_its_device(void **state)
{
	cleanup_device_allow struct device_allow a = { 0 };

	(void)state;
	allow(&a, ONE ",alias=gpu");
	assert_string_equal(device_allow_find(&a, "gpu"), ONE);
	assert_null(device_allow_find(&a, ONE));
	allow(&a, "");
	assert_string_equal(device_allow_find(&a, "gpu"), ONE);
	assert_string_equal(device_allow_find(&a, ONE), ONE);
}

static void what_is_no_device_is_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} WRONG[] = {
		{ "gpu", "'gpu' is no CDI device (vendor.com/class=name, or vendor.com/class=*)" },
		{ "v.example/c=*,alias=a", "'v.example/c=*' is no CDI device (vendor.com/class=name)" },
		{ ONE ",alias=", "a device's alias is empty" },
		{ ONE ",name=x", "unknown device config key \"name\"" },
		{ ONE ",x", "invalid device config \"x\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		cleanup_device_allow struct device_allow a = { 0 };
		struct err e = { 0 };

		assert_int_equal(device_allow_add(&a, WRONG[i].text, &e), -EINVAL);
		assert_string_equal(e.text, WRONG[i].words);
		assert_int_equal(a.names.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_word_there_is_none_and_without_a_name_all),
		cmocka_unit_test(a_name_allows_itself_and_nothing_that_begins_so),
		cmocka_unit_test(a_star_allows_a_kind),
		cmocka_unit_test(an_alias_is_the_only_name_of_its_device),
		cmocka_unit_test(what_is_no_device_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
