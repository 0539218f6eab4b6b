/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/home.h"

#include "tests/unit/common/scratch.h"

#define PASSWD                                       \
	"root:x:0:0:root:/root-home:/bin/sh\n"       \
	"short:x:1000\n"                             \
	"\n"                                         \
	"# comment\n"                                \
	"relative:x:1001:1001::home/r:/bin/sh\n"     \
	"empty:x:1002:1002:::/bin/sh\n"              \
	"user:x:1003:1003:A, B:/home/user:/bin/sh\n" \
	"twin:x:1003:1003::/home/twin:/bin/sh\n"     \
	"odd:x:+1004:1004::/home/odd:/bin/sh\n"      \
	"noshell:x:1005:1005::/home/noshell\n"       \
	"big:x:4294967294:1::/home/big:\n"           \
	"last:x:1006:1006::/home/last:/bin/sh"

struct home_case {
	uid_t uid;
	const char *home;
};

static void enter(const struct scratch *s)
{
	CHILD_CHECK(chroot(s->path) == 0 && chdir("/") == 0);
}

static void expect(uid_t uid, const char *home)
{
	const struct strvec env = { 0 };
	char out[HOME_MAX], expected[HOME_MAX];

	(void)snprintf(expected, sizeof(expected), "HOME=%s", home);
	home_find(&env, uid, out);
	if (strcmp(out, expected) != 0)
		(void)dprintf(2, "uid %u: %s, not %s\n", uid, out, expected);
	CHILD_CHECK(strcmp(out, expected) == 0);
}

static void look_up_all(void *arg)
{
	static const struct home_case CASES[] = {
		{ 0, "/root-home" },
		{ 1000, "/" },
		{ 1001, "/" },
		{ 1002, "/" },
		{ 1003, "/home/user" },
		{ 1004, "/" },
		{ 1005, "/home/noshell" },
		{ 1006, "/home/last" },
		{ 1007, "/" },
		{ 4294967294, "/home/big" },
		{ 100, "/" },
		{ 10030, "/" },
	};

	enter(arg);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		expect(CASES[i].uid, CASES[i].home);
}

static void homes_are_looked_up_by_number(void **state)
{
	struct scratch *s = *state;

	need_root();
	assert_int_equal(mkdirat(s->fd, "etc", 0755), 0);
	scratch_write(s, "etc/passwd", PASSWD);
	run_in_child(0, look_up_all, s);
}

static void look_up_without_file(void *arg)
{
	enter(arg);
	expect(0, "/root");
	expect(1000, "/");
}

static void without_a_passwd_file_root_has_a_home_and_others_have_none(void **state)
{
	struct scratch *s = *state;

	need_root();
	run_in_child(0, look_up_without_file, s);
	assert_int_equal(mkdirat(s->fd, "etc", 0755), 0);
	scratch_write(s, "etc/passwd", "");
	run_in_child(0, look_up_without_file, s);
	assert_int_equal(unlinkat(s->fd, "etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "etc/passwd", 0644), 0); /* must not block */
	run_in_child(0, look_up_without_file, s);
}

static void look_up_long_home(void *arg)
{
	const struct strvec env = { 0 };
	char out[HOME_MAX + 8];

	enter(arg);
	memset(out, 'g', sizeof(out));
	home_find(&env, 5, out);
	CHILD_CHECK(strnlen(out, HOME_MAX) < HOME_MAX);
	CHILD_CHECK(strncmp(out, "HOME=/hhh", 9) == 0);
	CHILD_CHECK(out[HOME_MAX] == 'g');
}

static void an_endless_home_is_cut(void **state)
{
	struct scratch *s = *state;
	char text[4096] = "u:x:5:5::/";

	need_root();
	memset(text + strlen(text), 'h', 3000);
	(void)snprintf(text + 3010, sizeof(text) - 3010, ":/bin/sh\n");
	assert_int_equal(mkdirat(s->fd, "etc", 0755), 0);
	scratch_write(s, "etc/passwd", text);
	run_in_child(0, look_up_long_home, s);
}

static void a_home_in_the_environment_stays(void **state)
{
	cleanup_strvec struct strvec env = { 0 };
	char out[HOME_MAX] = "untouched";
	char *const *items;

	(void)state;
	assert_int_equal(strvec_add(&env, "A=1"), 0);
	assert_int_equal(strvec_add(&env, "HOME=/mine"), 0);
	home_find(&env, 0, out);
	assert_string_equal(out, "");
	items = home_environment(&env, out);
	assert_string_equal(items[0], "A=1");
	assert_string_equal(items[1], "HOME=/mine");
	assert_null(items[2]);
}

static void a_found_home_goes_to_the_end_of_the_environment(void **state)
{
	cleanup_strvec struct strvec env = { 0 };
	char home[] = "HOME=/x", nothing[] = "";
	char *const *items;
	const struct strvec empty = { 0 };

	(void)state;
	assert_int_equal(strvec_add(&env, "A=1"), 0);
	items = home_environment(&env, home);
	assert_string_equal(items[0], "A=1");
	assert_string_equal(items[1], "HOME=/x");
	assert_null(items[2]);
	free((void *)(uintptr_t)items);
	items = home_environment(&empty, home);
	assert_string_equal(items[0], "HOME=/x");
	assert_null(items[1]);
	free((void *)(uintptr_t)items);
	items = home_environment(&empty, nothing);
	assert_non_null(items);
	assert_null(items[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(homes_are_looked_up_by_number),
		SCRATCH_TEST(without_a_passwd_file_root_has_a_home_and_others_have_none),
		SCRATCH_TEST(an_endless_home_is_cut),
		cmocka_unit_test(a_home_in_the_environment_stays),
		cmocka_unit_test(a_found_home_goes_to_the_end_of_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
