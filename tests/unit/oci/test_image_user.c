/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oci/image_user.h"
#include "common/cleanup.h"

static const char PASSWD[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment:x:7:7::/:\n"
			     "broken\n"
			     "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
			     "app:x:1000:1001:App:/srv/app:/bin/sh\n"
			     "2000:x:50:51::/number:\n"
			     "bare:x:60:61";
static const char GROUP[] = "root:x:0:\n"
			    "video:x:44:app,daemon\n"
			    "appgroup:x:1001:\n"
			    "application:x:1002:application,apps\n"
			    "render:x:105:daemon,app\n"
			    "twice:x:44:app\n";

struct result {
	struct spec_user user;
	char *home;
	int code;
	struct err e;
};

static void resolve(const char *who, const struct strvec *more, struct result *out)
{
	static const struct strvec NONE = { 0 };

	*out = (struct result){ 0 };
	out->code =
		image_user_resolve(who, PASSWD, GROUP, more ? more : &NONE, &out->user, &out->home, &out->e);
}

static void result_done(struct result *r)
{
	free(r->user.additional_gids);
	free(r->home);
}

static void expect(const char *who, uint32_t uid, uint32_t gid, const char *home, size_t groups)
{
	struct result r;

	resolve(who, NULL, &r);
	assert_int_equal(r.code, 0);
	assert_int_equal(r.user.uid, uid);
	assert_int_equal(r.user.gid, gid);
	assert_string_equal(r.home, home);
	assert_int_equal(r.user.additional_gids_len, groups);
	assert_int_equal(r.user.additional_gids[0], gid);
	result_done(&r);
}

static void nobody_named_is_root(void **state)
{
	(void)state;
	expect("", 0, 0, "/root", 1);
	expect(":", 0, 0, "/root", 1);
}

static void a_user_is_found_by_name_and_by_number(void **state)
{
	(void)state;
	expect("app", 1000, 1001, "/srv/app", 3);
	expect("1000", 1000, 1001, "/srv/app", 3);
	expect("bare", 60, 61, "/", 1);
}

static void a_name_that_looks_like_a_number_wins_over_the_number(void **state)
{
	(void)state;
	expect("2000", 50, 51, "/number", 1);
}

static void a_number_without_an_entry_is_taken_as_it_is(void **state)
{
	(void)state;
	expect("4242", 4242, 0, "/", 1);
	expect("4242:4343", 4242, 4343, "/", 1);
}

static void a_group_replaces_the_memberships(void **state)
{
	(void)state;
	expect("app:video", 1000, 44, "/srv/app", 1);
	expect("app:105", 1000, 105, "/srv/app", 1);
	expect(":appgroup", 0, 1001, "/root", 1);
}

static void more_groups_come_behind_and_only_once(void **state)
{
	cleanup_strvec struct strvec more = { 0 };
	struct result r;

	(void)state;
	assert_int_equal(strvec_add(&more, "render"), 0);
	assert_int_equal(strvec_add(&more, "999"), 0);
	assert_int_equal(strvec_add(&more, "44"), 0);
	resolve("app", &more, &r);
	assert_int_equal(r.code, 0);
	assert_int_equal(r.user.additional_gids_len, 4);
	assert_int_equal(r.user.additional_gids[0], 1001);
	assert_int_equal(r.user.additional_gids[1], 44);
	assert_int_equal(r.user.additional_gids[2], 105);
	assert_int_equal(r.user.additional_gids[3], 999);
	result_done(&r);
}

static void errors_have_the_words_of_docker(void **state)
{
	static const struct {
		const char *who, *text;
	} CASES[] = {
		{ "bob", "unable to find user bob: no matching entries in passwd file" },
		{ "broken", "unable to find user broken: no matching entries in passwd file" },
		{ "app:staff", "unable to find group staff: no matching entries in group file" },
		{ "2147483648", "uids and gids must be in range 0-2147483647" },
		{ "0:99999999999999999999", "uids and gids must be in range 0-2147483647" },
		{ "-1", "unable to find user -1: no matching entries in passwd file" },
	};
	struct result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		resolve(CASES[i].who, NULL, &r);
		assert_true(r.code < 0);
		assert_string_equal(r.e.text, CASES[i].text);
		result_done(&r);
	}
}

static void the_highest_id_is_that_of_nobody_but_nobody(void **state)
{
	(void)state;
	assert_int_equal(image_user_highest_id(
				 "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\na:x:1000:5::/:"),
			 1000);
	assert_int_equal(image_user_highest_id("big:x:70000:\nroot:x:0:\n"), 70000);
	assert_int_equal(image_user_highest_id("bad:x:what:\n#c:x:9:\n"), 0);
	assert_int_equal(image_user_highest_id(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_named_is_root),
		cmocka_unit_test(a_user_is_found_by_name_and_by_number),
		cmocka_unit_test(a_name_that_looks_like_a_number_wins_over_the_number),
		cmocka_unit_test(a_number_without_an_entry_is_taken_as_it_is),
		cmocka_unit_test(a_group_replaces_the_memberships),
		cmocka_unit_test(more_groups_come_behind_and_only_once),
		cmocka_unit_test(errors_have_the_words_of_docker),
		cmocka_unit_test(the_highest_id_is_that_of_nobody_but_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
