/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/cleanup.h"
#include "pull/http.h"
#include "pull/registry.h"

static void loopback_is_local_and_nothing_else(void **state)
{
	static const char *const LOCAL[] = {
		"localhost",    "localhost:5000",   "LOCALHOST:1", "127.0.0.1",
		"127.0.0.1:80", "127.255.0.7:5000", "[::1]",       "[::1]:5000"
	};
	static const char *const REMOTE[] = { "docker.io",
					      "128.0.0.1:5000",
					      "10.0.0.1",
					      "localhost.example.com",
					      "reg.localhost:5000",
					      "127.0.0.1.example.com",
					      "127.1",
					      "[::2]:5000",
					      "[::10]",
					      "",
					      "localhostx" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++)
		assert_true(registry_is_local(LOCAL[i]));
	for (size_t i = 0; i < ARRAY_LEN(REMOTE); i++)
		assert_false(registry_is_local(REMOTE[i]));
}

static void docker_hub_has_its_api_elsewhere(void **state)
{
	(void)state;
	assert_string_equal(registry_host("docker.io"), "registry-1.docker.io");
	assert_string_equal(registry_host("localhost:5000"), "localhost:5000");
}

static void error_documents_become_words_that_no_terminal_obeys(void **state)
{
	static const struct {
		const char *body, *text;
	} CASES[] = {
		{ "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest "
		  "unknown\",\"detail\":{\"Tag\":\"x\"}}]}",
		  "manifest unknown" },
		{ "{\"errors\":[{\"code\":\"DENIED\"}]}", "DENIED" },
		{ "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"\"}]}", "DENIED" },
		{ "{\"errors\":[{\"message\":\"a\\u001b[2Jb\\nc\\u009b\"}]}", "a?[2Jb?c??" },
		{ "{\"details\":\"incorrect username or password\"}", "incorrect username or password" },
		{ "{\"errors\":[]}", "" },
		{ "{\"errors\":[{\"message\":7}]}", "" },
		{ "<html>502 Bad Gateway</html>", "" },
		{ "", "" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		registry_error_text(CASES[i].body, strlen(CASES[i].body), out, sizeof(out));
		assert_string_equal(out, CASES[i].text);
	}
	registry_error_text(NULL, 0, out, sizeof(out));
	assert_string_equal(out, "");
	registry_error_text(CASES[0].body, strlen(CASES[0].body), out, 9);
	assert_string_equal(out, "manifest");
}

static void origins_are_scheme_host_and_port(void **state)
{
	static const struct {
		const char *url, *origin;
	} CASES[] = {
		{ "https://Example.COM/v2/a?b=c", "https://example.com:443" },
		{ "http://x:5000/", "http://x:5000" },
		{ "HTTPS://x:443/y", "https://x:443" },
		{ "https://user:pw@x/", "https://x:443" },
		{ "https://[::1]:5000/", "https://[::1]:5000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_free char *origin = http_origin(CASES[i].url);

		assert_non_null(origin);
		assert_string_equal(origin, CASES[i].origin);
	}
	assert_null(http_origin("file:///etc/passwd"));
	assert_null(http_origin("no url"));
	assert_null(http_origin(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_is_local_and_nothing_else),
		cmocka_unit_test(docker_hub_has_its_api_elsewhere),
		cmocka_unit_test(error_documents_become_words_that_no_terminal_obeys),
		cmocka_unit_test(origins_are_scheme_host_and_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
