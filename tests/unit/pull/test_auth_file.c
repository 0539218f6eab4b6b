/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/auth_apart.h"
#include "pull/auth_file.h"

struct fixture {
	char dir[32], file[64];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/sampan-auth-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->file, sizeof(f->file), "%s/sub/auth.json", f->dir);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int r = tree_remove(AT_FDCWD, f->dir, &e);

	free(f);
	return r;
}

static void write_text(const char *path, const char *text)
{
	cleanup_fd int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

static void keys_are_hosts_with_paths(void **state)
{
	static const struct {
		const char *text, *key;
	} CASES[] = {
		{ "quay.io", "quay.io" },
		{ "quay.io/team/", "quay.io/team" },
		{ "https://quay.io/v2/", "quay.io" },
		{ "http://localhost:5000", "localhost:5000" },
		{ "https://index.docker.io/v1/", "docker.io" },
		{ "registry-1.docker.io", "docker.io" },
		{ "docker.io/library", "docker.io/library" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_free char *key = auth_key(CASES[i].text);

		assert_non_null(key);
		assert_string_equal(key, CASES[i].key);
	}
}

static void what_is_set_is_found_and_the_rest_of_the_file_stays(void **state)
{
	const struct fixture *f = *state;
	char user[] = "u", password[] = "p:\xc3\xa4", token[] = "t";
	struct secret one = { .user = user, .password = password }, two = { .identity_token = token };
	cleanup_secret struct secret a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	struct err e = { 0 };
	struct stat st;

	assert_int_equal(auth_file_set(f->file, "x.io", &one, &e), 0);
	assert_int_equal(auth_file_set(f->file, "x.io/team", &two, &e), 0);
	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(auth_file_find(f->file, "x.io", "other/app", &a, &e), 0);
	assert_string_equal(a.user, "u");
	assert_string_equal(a.password, "p:\xc3\xa4");
	assert_null(a.identity_token);
	assert_int_equal(auth_file_find(f->file, "x.io", "team/app", &b, &e), 0);
	assert_string_equal(b.identity_token, "t");
	assert_int_equal(auth_file_find(f->file, "y.io", NULL, &c, &e), 0);
	assert_false(secret_is_set(&c));
	assert_int_equal(auth_find_apart(f->file, "x.io", "team/app", &d, &e), 0);
	assert_string_equal(d.identity_token, "t");
}

static void what_is_removed_is_gone_and_said_to_have_been_there(void **state)
{
	const struct fixture *f = *state;
	char user[] = "u", password[] = "p";
	struct secret one = { .user = user, .password = password };
	cleanup_secret struct secret a = { 0 };
	struct err e = { 0 };
	bool removed = true;

	assert_int_equal(auth_file_remove(f->file, "x.io", &removed, &e), 0);
	assert_false(removed);
	assert_int_equal(access(f->file, F_OK), -1);
	assert_int_equal(auth_file_set(f->file, "x.io", &one, &e), 0);
	assert_int_equal(auth_file_remove(f->file, "x.io", &removed, &e), 0);
	assert_true(removed);
	assert_int_equal(auth_file_find(f->file, "x.io", NULL, &a, &e), 0);
	assert_false(secret_is_set(&a));
}

static void files_that_are_broken_are_named(void **state)
{
	static const struct {
		const char *text, *message;
	} CASES[] = {
		{ "[]", ": expected an object" },
		{ "{\"auths\":1}", ": auths: expected an object" },
		{ "{\"auths\":{\"x.io\":{\"auth\":\"!\"}}}", ": the entry of 'x.io': 'auth' is no base64" },
		{ "{\"credsStore\":\"a/b\"}", ": 'a/b' is no name of a credential helper" },
		{ "{\"credHelpers\":{\"x.io\":\"sampan-none\"}}",
		  ": credential helper 'docker-credential-sampan-none' is not installed" },
	};
	const struct fixture *f = *state;
	char path[64], expected[256];

	(void)snprintf(path, sizeof(path), "%s/a.json", f->dir);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_secret struct secret s = { 0 };
		struct err e = { 0 };

		write_text(path, CASES[i].text);
		assert_true(auth_find_apart(path, "x.io", NULL, &s, &e) < 0);
		(void)snprintf(expected, sizeof(expected), "'%s'%s", path, CASES[i].message);
		assert_string_equal(e.text, expected);
		assert_false(secret_is_set(&s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_hosts_with_paths),
		cmocka_unit_test_setup_teardown(what_is_set_is_found_and_the_rest_of_the_file_stays, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_removed_is_gone_and_said_to_have_been_there, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(files_that_are_broken_are_named, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
