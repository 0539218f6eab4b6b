/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "pull/download.h"
#include "tests/unit/pull/http_server.h"

struct fixture {
	struct http_server server;
	int out_fd;
	char url[256];
	char data[256];
	struct download_options o;
	struct download_result got;
	struct err e;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	http_server_start(&f->server, "/tmp");
	f->o.retry_ms = 1;
	f->o.cancel_fd = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_server_stop(&f->server);
	free(f);
	return 0;
}

static int get_url(struct fixture *f, const char *url)
{
	cleanup_fd int fd = memfd_create("out", MFD_CLOEXEC);
	ssize_t n;
	int r;

	assert_true(fd >= 0);
	f->o.url = url;
	memset(&f->got, 0, sizeof(f->got));
	r = download(&f->o, fd, &f->got, &f->e);
	n = pread(fd, f->data, sizeof(f->data) - 1, 0);
	assert_true(n >= 0);
	f->data[n] = '\0';
	return r;
}

static int get(struct fixture *f, const char *path)
{
	(void)snprintf(f->url, sizeof(f->url), "%s%s", f->server.url, path);
	return get_url(f, f->url);
}

static void get_well(struct fixture *f, const char *path)
{
	if (get(f, path) < 0)
		fail_msg("%s", f->e.text);
}

/* "failed to fetch URL: " in front of it. */
static void assert_fails(struct fixture *f, const char *path, int code, const char *words)
{
	char text[512];

	assert_int_equal(get(f, path), code);
	(void)snprintf(text, sizeof(text), "failed to fetch %s: %s", f->url, words);
	assert_string_equal(f->e.text, text);
}

static void a_file_comes_with_its_digest_size_and_time(void **state)
{
	struct fixture *f = *state;

	get_well(f, "/plain");
	assert_string_equal(f->data, "hello");
	assert_string_equal(f->got.digest.text,
			    "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	assert_int_equal(f->got.size_bytes, 5);
	assert_true(f->got.has_mtime);
	assert_int_equal(f->got.mtime, 1577836800);
	assert_string_equal(f->got.name, "");
}

static void the_server_may_name_the_file(void **state)
{
	struct fixture *f = *state;

	get_well(f, "/");
	assert_string_equal(f->got.name, "a b.txt");
	assert_false(f->got.has_mtime);
	get_well(f, "/climbs");
	assert_string_equal(f->got.name, "");
}

static void redirects_are_followed_but_not_for_ever_and_not_out_of_http(void **state)
{
	struct fixture *f = *state;

	get_well(f, "/redirect/10");
	assert_string_equal(f->data, "hello");
	assert_fails(f, "/redirect/11", -ELOOP, "stopped after 10 redirects");
	assert_fails(f, "/file-url", -EINVAL, "a redirect leads to what is no http or https URL");
}

static void a_status_that_is_none_of_success_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_fails(f, "/status/404", -ENOENT, "invalid response status 404");
	assert_fails(f, "/status/403", -EACCES, "invalid response status 403");
	assert_fails(f, "/status/500", -EPROTO, "invalid response status 500");
	assert_fails(f, "/status/304", -EPROTO, "invalid response status 304");
	assert_string_equal(f->data, "");
}

static void what_may_pass_is_tried_again_from_the_beginning(void **state)
{
	struct fixture *f = *state;

	get_well(f, "/flaky");
	assert_string_equal(f->data, "at last");
	get_well(f, "/cut");
	assert_string_equal(f->data, "all of it");
}

static void nobody_listening_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get_url(f, "http://user:secret@127.0.0.1:1/x"), -ECONNABORTED);
	assert_non_null(strstr(f->e.text, "failed to fetch http://xxxxx:xxxxx@127.0.0.1:1/x: "));
	assert_null(strstr(f->e.text, "secret"));
}

static void other_schemes_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get_url(f, "file:///etc/passwd"), -EINVAL);
	assert_string_equal(f->e.text, "failed to fetch file:///etc/passwd: it is no http or https URL");
	assert_string_equal(f->data, "");
}

static void more_than_the_limit_is_an_error(void **state)
{
	struct fixture *f = *state;

	f->o.max_bytes = 4;
	assert_fails(f, "/plain", -EFBIG, "it is larger than 4 bytes");
	f->o.max_bytes = 5;
	get_well(f, "/plain");
}

static void what_we_have_already_is_not_sent_again(void **state)
{
	struct fixture *f = *state;
	char etag[sizeof(f->got.etag)];

	get_well(f, "/etag");
	assert_string_equal(f->got.etag, "\"v1\"");
	memcpy(etag, f->got.etag, sizeof(etag));
	f->o.etag = etag;
	get_well(f, "/etag");
	assert_true(f->got.not_modified);
	assert_string_equal(f->data, "");
}

static void secrets_stay_with_their_host(void **state)
{
	struct fixture *f = *state;

	f->o.authorization = "Bearer x";
	get_well(f, "/auth");
	assert_string_equal(f->data, "Bearer x");
	get_well(f, "/auth-away");
	assert_string_equal(f->data, "none");
}

static void a_download_can_be_interrupted(void **state)
{
	struct fixture *f = *state;
	int cancel[2];

	assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	f->o.cancel_fd = cancel[0];
	assert_int_equal(get(f, "/stalls"), -EINTR);
	(void)close(cancel[0]);
	(void)close(cancel[1]);
}

static void names_are_found_in_content_disposition(void **state)
{
	static const struct {
		const char *value, *name;
	} CASES[] = {
		{ "attachment; filename=\"x.tar.gz\"", "x.tar.gz" },
		{ "attachment;filename=x.txt", "x.txt" },
		{ "inline; FileName = x", "x" },
		{ "attachment; filename=\"a\\\"b\"", "a\"b" },
		{ "attachment; filename=plain; filename*=UTF-8''%e2%82%ac%20x", "\xe2\x82\xac x" },
		{ "attachment; filename*=UTF-8''first; filename=second", "first" },
		{ "attachment; filename=\"/etc/passwd\"", "passwd" },
		{ "attachment; filename*=UTF-8''..%2f..%2fx", "x" },
		{ "attachment; filename=\"..\"", "" },
		{ "attachment; filename=\"a/\"", "" },
		{ "attachment; filename=\"a\nb\"", "" },
		{ "attachment; filename*=nothing", "" },
		{ "attachment; filename", "" },
		{ "attachment", "" },
		{ ";;;=;", "" },
		{ "", "" },
	};
	char name[DOWNLOAD_NAME_MAX + 1];
	char *longer;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		download_disposition_name(CASES[i].value, name);
		assert_string_equal(name, CASES[i].name);
	}
	assert_true(asprintf(&longer, "x; filename=%0300d", 0) > 0);
	download_disposition_name(longer, name);
	assert_string_equal(name, "");
	free(longer);
}

static void passwords_are_not_shown(void **state)
{
	static const char *const CASES[][2] = {
		{ "https://h/p", "https://h/p" },
		{ "https://u:p@h/p", "https://xxxxx:xxxxx@h/p" },
		{ "https://u@h/p", "https://xxxxx@h/p" },
		{ "https://u:p@x@h/p?a@b", "https://xxxxx:xxxxx@h/p?a@b" },
		{ "git@h:p", "git@h:p" },
		{ "https://h/a@b", "https://h/a@b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_free char *shown = download_redact(CASES[i][0]);

		assert_string_equal(shown, CASES[i][1]);
	}
}

int main(void)
{
#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		SERVER_TEST(a_file_comes_with_its_digest_size_and_time),
		SERVER_TEST(the_server_may_name_the_file),
		SERVER_TEST(redirects_are_followed_but_not_for_ever_and_not_out_of_http),
		SERVER_TEST(a_status_that_is_none_of_success_is_an_error),
		SERVER_TEST(what_may_pass_is_tried_again_from_the_beginning),
		SERVER_TEST(nobody_listening_is_an_error),
		SERVER_TEST(other_schemes_are_refused),
		SERVER_TEST(more_than_the_limit_is_an_error),
		SERVER_TEST(what_we_have_already_is_not_sent_again),
		SERVER_TEST(secrets_stay_with_their_host),
		SERVER_TEST(a_download_can_be_interrupted),
		cmocka_unit_test(names_are_found_in_content_disposition),
		cmocka_unit_test(passwords_are_not_shown),
	};

	/* Of this machine no proxy is asked. */
	(void)unsetenv("http_proxy");
	(void)unsetenv("all_proxy");
	(void)unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
