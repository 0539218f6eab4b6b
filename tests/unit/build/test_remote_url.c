/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/build/remote_fixture.h"

#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO_512                                                                 \
	"sha512:9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca7" \
	"2323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043"

static void a_url_becomes_a_file_that_only_its_owner_may_read(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_file file;
	struct stat st;

	serve(f);
	if (remote_fetch_url(at_server(f, "/plain"), "plain", HELLO, f->out_fd, &f->o, &file, &f->e) < 0)
		fail_msg("%s", f->e.text);
	assert_string_equal(file.name, "plain");
	assert_string_equal(file.digest.text, HELLO);
	assert_int_equal(file.size_bytes, 5);
	assert_text(f->out_fd, "plain", "hello");
	assert_int_equal(fstatat(f->out_fd, "plain", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_mtim.tv_sec, 1577836800);
	assert_int_equal(st.st_mtim.tv_nsec, 0);
	assert_int_equal(file.mtime, 1577836800);
}

static void without_a_time_it_is_of_1970(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_file file;
	struct stat st;

	serve(f);
	if (remote_fetch_url(at_server(f, "/"), REMOTE_UNNAMED, NULL, f->out_fd, &f->o, &file, &f->e) < 0)
		fail_msg("%s", f->e.text);
	assert_string_equal(file.name, "a b.txt"); /* Content-Disposition's */
	assert_int_equal(fstatat(f->out_fd, "a b.txt", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, 0);
	if (remote_fetch_url(at_server(f, "/climbs"), NULL, NULL, f->out_fd, &f->o, &file, &f->e) < 0)
		fail_msg("%s", f->e.text);
	assert_string_equal(file.name, REMOTE_UNNAMED);
}

static void another_digest_is_an_error_and_leaves_nothing(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_file file;
	char expected[512],
		zeros[] = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

	serve(f);
	assert_int_equal(remote_fetch_url(at_server(f, "/plain"), "plain", zeros, f->out_fd, &f->o, &file,
					  &f->e),
			 -EBADMSG);
	(void)snprintf(expected, sizeof(expected), "digest mismatch for %s: %s (expected: %s)", f->url, HELLO,
		       zeros);
	assert_string_equal(f->e.text, expected);
	assert_nothing(f->out_fd, "plain");
	assert_nothing(f->out_fd, ".fetched");
	if (remote_fetch_url(f->url, "plain", HELLO_512, f->out_fd, &f->o, &file, &f->e) < 0)
		fail_msg("%s", f->e.text);
	assert_string_equal(file.digest.text, HELLO);
}

static void a_file_that_is_not_there_is_an_error_and_leaves_nothing(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_file file;
	char expected[256];

	serve(f);
	assert_int_equal(remote_fetch_url(at_server(f, "/status/404"), "x", NULL, f->out_fd, &f->o, &file,
					  &f->e),
			 -ENOENT);
	(void)snprintf(expected, sizeof(expected), "failed to fetch %s: invalid response status 404", f->url);
	assert_string_equal(f->e.text, expected);
	assert_nothing(f->out_fd, ".fetched");
}

static void names_stay_in_the_directory(void **state)
{
	static const char *const NAMES[] = { "..", ".", "", "a/b", "/etc/passwd" };
	struct remote_fixture *f = *state;
	struct remote_file file;
	char expected[64];

	serve(f);
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		assert_int_equal(remote_fetch_url(at_server(f, "/plain"), NAMES[i], NULL, f->out_fd, &f->o,
						  &file, &f->e),
				 -EINVAL);
		(void)snprintf(expected, sizeof(expected), "'%s' is no name for a file", NAMES[i]);
		assert_string_equal(f->e.text, expected);
	}
}

#define V1 "sha256:3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe"

static void what_is_known_and_has_not_changed_is_no_file(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_file known, file;

	serve(f);
	assert_int_equal(remote_fetch_url(at_server(f, "/etag"), "a", NULL, f->out_fd, &f->o, &known, &f->e),
			 0);
	assert_string_equal(known.etag, "\"v1\"");
	assert_string_equal(known.digest.text, V1);
	f->o.known = &known;
	assert_int_equal(remote_fetch_url(f->url, "b", V1, f->out_fd, &f->o, &file, &f->e), 0);
	assert_true(file.not_modified);
	assert_string_equal(file.digest.text, V1);
	assert_string_equal(file.name, "a");
	assert_nothing(f->out_fd, "b");
	assert_nothing(f->out_fd, ".fetched");
	(void)snprintf(known.etag, sizeof(known.etag), "\"v0\"");
	assert_int_equal(remote_fetch_url(f->url, "b", NULL, f->out_fd, &f->o, &file, &f->e), 0);
	assert_false(file.not_modified);
	assert_text(f->out_fd, "b", "v1");
}

static void what_is_known_does_not_stand_in_for_another_checksum(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_file known = { .etag = "\"v1\"" }, file;

	serve(f);
	(void)snprintf(known.digest.text, sizeof(known.digest.text), HELLO);
	f->o.known = &known;
	assert_int_equal(remote_fetch_url(at_server(f, "/etag"), "a", V1, f->out_fd, &f->o, &file, &f->e), 0);
	assert_false(file.not_modified);
	assert_text(f->out_fd, "a", "v1");
}

int main(void)
{
#define REMOTE_TEST(name) cmocka_unit_test_setup_teardown(name, remote_setup, remote_teardown)
	const struct CMUnitTest tests[] = {
		REMOTE_TEST(a_url_becomes_a_file_that_only_its_owner_may_read),
		REMOTE_TEST(without_a_time_it_is_of_1970),
		REMOTE_TEST(another_digest_is_an_error_and_leaves_nothing),
		REMOTE_TEST(a_file_that_is_not_there_is_an_error_and_leaves_nothing),
		REMOTE_TEST(names_stay_in_the_directory),
		REMOTE_TEST(what_is_known_and_has_not_changed_is_no_file),
		REMOTE_TEST(what_is_known_does_not_stand_in_for_another_checksum),
	};

	(void)unsetenv("http_proxy");
	(void)unsetenv("all_proxy");
	(void)unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
