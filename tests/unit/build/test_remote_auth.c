/* SPDX-License-Identifier: Apache-2.0 */
#include "build/remote_auth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SECRETS_MAX 8

/* Secrets as "ID=VALUE", ended by NULL. */
struct given {
	struct build_secret secrets[SECRETS_MAX];
	char ids[SECRETS_MAX][64];
	struct build_params params;
};

static void give(struct given *g, const char *const *texts)
{
	*g = (struct given){ .params = { .secrets = g->secrets, .cancel_fd = -1 } };
	for (size_t i = 0; texts[i]; i++) {
		const char *equals = strchr(texts[i], '=');

		(void)snprintf(g->ids[i], sizeof(g->ids[i]), "%.*s", (int)(equals - texts[i]), texts[i]);
		g->secrets[i] = (struct build_secret){ .id = g->ids[i],
						       .data = (char *)(uintptr_t)(equals + 1),
						       .len = strlen(equals + 1) };
		g->params.secrets_len++;
	}
}

/* `expected` NULL: nothing is sent. */
static void check(bool is_git, const char *url, const char *expected, const char *const *texts)
{
	cleanup_remote_auth char *value = NULL;
	struct given g;
	struct err e = { 0 };
	int r;

	give(&g, texts);
	r = is_git ? remote_auth_git(&g.params, url, &value, &e)
		   : remote_auth_url(&g.params, url, &value, &e);
	if (r < 0)
		fail_msg("%s", e.text);
	if (expected) {
		assert_non_null(value);
		assert_string_equal(value, expected);
	} else {
		assert_null(value);
	}
}
#define GIT(url, expected, ...) check(true, url, expected, (const char *const[]){ __VA_ARGS__, NULL })
#define URL(url, expected, ...) check(false, url, expected, (const char *const[]){ __VA_ARGS__, NULL })

static void a_token_of_git_is_sent_as_a_password(void **state)
{
	(void)state;
	GIT("https://h.example/a.git", "Basic eC1hY2Nlc3MtdG9rZW46dA==", "GIT_AUTH_TOKEN=t");
	GIT("https://h.example/a.git", "Basic eC1hY2Nlc3MtdG9rZW46YWI=", "GIT_AUTH_TOKEN=ab\n");
	GIT("http://u@h.example/a.git#main:d", "Basic eC1hY2Nlc3MtdG9rZW46YWJj", "GIT_AUTH_TOKEN=abc\r\n");
}

static void a_header_is_sent_as_it_is(void **state)
{
	(void)state;
	GIT("https://h/a.git", "Custom x", "GIT_AUTH_TOKEN=t", "GIT_AUTH_HEADER=Custom x");
	GIT("https://h/a.git", "basic", "GIT_AUTH_HEADER=basic");
}

static void a_scheme_says_how_the_token_is_sent(void **state)
{
	(void)state;
	GIT("https://h/a.git", "Bearer t", "GIT_AUTH_TOKEN=t", "GIT_AUTH_HEADER=Bearer");
	GIT("https://h/a.git", "Basic dTpw", "GIT_AUTH_TOKEN=u:p", "GIT_AUTH_HEADER=basic");
	GIT("https://h/a.git", "Basic dTpw", "GIT_AUTH_TOKEN=dTpw", "GIT_AUTH_HEADER=basic");
}

static void a_host_s_own_comes_first_and_goes_to_no_other(void **state)
{
	(void)state;
	GIT("https://one.example/a.git", "two", "GIT_AUTH_HEADER=one", "GIT_AUTH_HEADER.one.example=two");
	GIT("https://ONE.example/a.git", "two", "GIT_AUTH_HEADER.one.example=two");
	GIT("https://other.example/a.git", "one", "GIT_AUTH_HEADER=one", "GIT_AUTH_HEADER.one.example=two");
	GIT("https://other.example/one.example", NULL, "GIT_AUTH_HEADER.one.example=two");
	GIT("https://one.example@other.example/a.git", NULL, "GIT_AUTH_HEADER.one.example=two");
	GIT("https://one.example.evil/a.git", NULL, "GIT_AUTH_HEADER.one.example=two");
	GIT("https://one.example:8443/a.git", NULL, "GIT_AUTH_HEADER.one.example=two");
	GIT("https://one.example:8443/a.git", "two", "GIT_AUTH_HEADER.one.example:8443=two");
}

static void other_protocols_have_no_headers(void **state)
{
	(void)state;
	GIT("git@h.example:a.git", NULL, "GIT_AUTH_TOKEN=t");
	GIT("ssh://h.example/a.git", NULL, "GIT_AUTH_TOKEN=t");
	URL("ftp://h/x", NULL, "HTTP_AUTH_TOKEN_h=t");
	URL("https:///x", NULL, "HTTP_AUTH_TOKEN_=t");
}

static void files_have_secrets_of_their_host_only(void **state)
{
	(void)state;
	URL("https://h.example/x", "Bearer t", "HTTP_AUTH_TOKEN_h.example=t\n");
	URL("https://h.example:99/x", "Bearer t", "HTTP_AUTH_HEADER_h.example=h",
	    "HTTP_AUTH_TOKEN_h.example=t");
	URL("http://u:p@h.example?x@y", "Basic z", "HTTP_AUTH_HEADER_h.example=Basic z");
	URL("http://[::1]:80/x", "Bearer t", "HTTP_AUTH_TOKEN_::1=t");
	URL("https://other/x", NULL, "HTTP_AUTH_TOKEN_h.example=t", "GIT_AUTH_TOKEN=t", "HTTP_AUTH_TOKEN_=t");
}

static void what_is_no_header_is_refused(void **state)
{
	struct given g;
	char *value = NULL;
	struct err e = { 0 };

	(void)state;
	give(&g, (const char *const[]){ "GIT_AUTH_HEADER=a\nX-Other: b", "HTTP_AUTH_TOKEN_h=\n", NULL });
	assert_int_equal(remote_auth_git(&g.params, "https://h/a.git", &value, &e), -EINVAL);
	assert_string_equal(e.text, "secret 'GIT_AUTH_HEADER' has control characters, and so is no header");
	assert_int_equal(remote_auth_url(&g.params, "https://h/a", &value, &e), -EINVAL);
	assert_string_equal(e.text, "secret 'HTTP_AUTH_TOKEN_h' is empty");
	assert_null(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_of_git_is_sent_as_a_password),
		cmocka_unit_test(a_header_is_sent_as_it_is),
		cmocka_unit_test(a_scheme_says_how_the_token_is_sent),
		cmocka_unit_test(a_host_s_own_comes_first_and_goes_to_no_other),
		cmocka_unit_test(other_protocols_have_no_headers),
		cmocka_unit_test(files_have_secrets_of_their_host_only),
		cmocka_unit_test(what_is_no_header_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
