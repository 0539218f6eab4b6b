/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/cleanup.h"
#include "pull/auth.h"

static int choose(const char *first, const char *second, struct auth_challenge *ret, struct err *e)
{
	cleanup_strvec struct strvec headers = { 0 };

	assert_int_equal(strvec_add(&headers, first), 0);
	if (second)
		assert_int_equal(strvec_add(&headers, second), 0);
	return auth_challenge_choose(&headers, ret, e);
}

static void a_bearer_challenge_gives_realm_service_and_scope(void **state)
{
	cleanup_auth_challenge struct auth_challenge c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(choose("Bearer "
				"realm=\"https://auth.example.com/"
				"token\",service=\"registry\",scope=\"repository:a/b:pull,push\"",
				NULL, &c, &e),
			 0);
	assert_int_equal(c.scheme, AUTH_BEARER);
	assert_string_equal(c.realm, "https://auth.example.com/token");
	assert_string_equal(c.service, "registry");
	assert_string_equal(c.scope, "repository:a/b:pull,push");
	assert_null(c.error);
}

static void spelling_blanks_and_tokens_do_not_matter(void **state)
{
	cleanup_auth_challenge struct auth_challenge c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
		choose(", ,bEaReR  REALM = \"https://x/\" , , Service=plain , error=\"invalid_token\" ,",
		       NULL, &c, &e),
		0);
	assert_string_equal(c.realm, "https://x/");
	assert_string_equal(c.service, "plain");
	assert_string_equal(c.error, "invalid_token");
}

static void quoted_pairs_are_unquoted(void **state)
{
	cleanup_auth_challenge struct auth_challenge c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(choose("Basic realm=\"a \\\"b\\\" \\\\ , c=d\"", NULL, &c, &e), 0);
	assert_int_equal(c.scheme, AUTH_BASIC);
	assert_string_equal(c.realm, "a \"b\" \\ , c=d");
}

static void bearer_is_preferred_to_basic_wherever_it_stands(void **state)
{
	static const char *const HEADERS[][2] = {
		{ "Basic realm=\"b\", Bearer realm=\"https://t/\"", NULL },
		{ "Bearer realm=\"https://t/\", Basic realm=\"b\"", NULL },
		{ "Basic realm=\"b\"", "Bearer realm=\"https://t/\"" },
		{ "Negotiate YIIabc+/==, Basic realm=b, Bearer realm=\"https://t/\"", NULL },
		{ "Negotiate", "Bearer realm=\"https://t/\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
		cleanup_auth_challenge struct auth_challenge c = { 0 };
		struct err e = { 0 };

		assert_int_equal(choose(HEADERS[i][0], HEADERS[i][1], &c, &e), 0);
		assert_int_equal(c.scheme, AUTH_BEARER);
		assert_string_equal(c.realm, "https://t/");
	}
}

static void challenges_that_are_broken_or_strange_are_refused(void **state)
{
	static const struct {
		const char *header;
		int code;
		const char *text;
	} CASES[] = {
		{ "Bearer realm=\"https://x", -EINVAL,
		  "the WWW-Authenticate header: a quoted value does not end" },
		{ "Bearer realm=\"x\\", -EINVAL, "the WWW-Authenticate header: a quoted value does not end" },
		{ "Bearer realm=", -EINVAL, "the WWW-Authenticate header: a parameter has no value" },
		{ "Bearer service=\"x\"", -EINVAL, "the WWW-Authenticate header: Bearer without a realm" },
		{ "\"x\"", -EINVAL, "the WWW-Authenticate header: expected a scheme at '\"x\"'" },
		{ "Digest realm=\"x\", nonce=\"y\"", -EOPNOTSUPP,
		  "the server offers neither Bearer nor Basic authentication" },
		{ "", -EOPNOTSUPP, "the server offers neither Bearer nor Basic authentication" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_auth_challenge struct auth_challenge c = { 0 };
		struct err e = { 0 };

		assert_int_equal(choose(CASES[i].header, NULL, &c, &e), CASES[i].code);
		assert_string_equal(e.text, CASES[i].text);
	}
}

static void a_header_that_is_too_long_is_refused(void **state)
{
	cleanup_auth_challenge struct auth_challenge c = { 0 };
	cleanup_free char *text = malloc(AUTH_HEADER_MAX + 2);
	struct err e = { 0 };

	(void)state;
	assert_non_null(text);
	memset(text, ',', AUTH_HEADER_MAX + 1);
	text[AUTH_HEADER_MAX + 1] = 0;
	assert_int_equal(choose(text, NULL, &c, &e), -EFBIG);
}

static void token_urls_escape_what_the_registry_says(void **state)
{
	struct auth_challenge c = { .scheme = AUTH_BEARER };
	char realm[] = "https://auth/token?a=b", service[] = "my reg&x=y", scope[] = "repository:a/b:pull";
	cleanup_buf struct buf url = BUF_INIT(1024), plain = BUF_INIT(1024);
	struct err e = { 0 };

	(void)state;
	c.realm = realm;
	c.service = service;
	c.scope = scope;
	assert_int_equal(auth_token_url(&c, "repository:other:pull", NULL, &url, &e), 0);
	assert_string_equal(url.data,
			    "https://auth/token?a=b&service=my%20reg%26x%3Dy&scope=repository:a/b:pull");
	realm[18] = 0; /* https://auth/token */
	c.service = c.scope = NULL;
	assert_int_equal(auth_token_url(&c, "repository:x:pull", "me@x", &plain, &e), 0);
	assert_string_equal(plain.data, "https://auth/token?account=me%40x&scope=repository:x:pull");
}

static void token_servers_that_are_no_urls_are_refused(void **state)
{
	static const char *const REALMS[] = { "file:///etc/passwd", "ftp://x/",     "",
					      "https://x/ y",       "https://x/\n", "https://x/#f" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(REALMS); i++) {
		cleanup_auth_challenge struct auth_challenge c = { .scheme = AUTH_BEARER,
								   .realm = strdup(REALMS[i]) };
		cleanup_buf struct buf url = BUF_INIT(1024);
		struct err e = { 0 };

		assert_int_equal(auth_token_url(&c, "s", NULL, &url, &e), -EINVAL);
		assert_int_equal(url.len, 0);
	}
}

static void a_refresh_token_is_posted_as_a_form(void **state)
{
	struct auth_challenge c = { .scheme = AUTH_BEARER };
	char realm[] = "https://auth/token", service[] = "reg", bad[] = "ftp://auth/";
	cleanup_buf struct buf url = BUF_INIT(1024), form = BUF_INIT(1024);
	struct err e = { 0 };

	(void)state;
	c.realm = realm;
	c.service = service;
	assert_int_equal(auth_refresh_request(&c, "repository:x:pull", "a+b/c==", &url, &form, &e), 0);
	assert_string_equal(url.data, "https://auth/token");
	assert_string_equal(form.data,
			    "grant_type=refresh_token&client_id=sampan&service=reg&scope=repository:x:pull"
			    "&refresh_token=a%2Bb/c%3D%3D");
	c.realm = bad;
	assert_int_equal(auth_refresh_request(&c, NULL, "x", &url, &form, &e), -EINVAL);
	assert_string_equal(e.text, "the token server 'ftp://auth/' is no http or https URL");
}

static int decode(const char *text, struct auth_token *ret, struct err *e)
{
	return auth_token_decode(text, strlen(text), ret, e);
}

static void tokens_come_under_either_name_and_with_their_life(void **state)
{
	cleanup_auth_token struct auth_token a = { 0 }, b = { 0 }, c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(decode("{\"token\":\"abc.d-_~+/==\",\"expires_in\":300}", &a, &e), 0);
	assert_string_equal(a.token, "abc.d-_~+/==");
	assert_int_equal(a.expires_in_s, 300);
	assert_int_equal(decode("{\"access_token\":\"x\"}", &b, &e), 0);
	assert_string_equal(b.token, "x");
	assert_int_equal(b.expires_in_s, 0);
	assert_int_equal(decode("{\"access_token\":\"x\",\"token\":\"y\"}", &c, &e), 0);
	assert_string_equal(c.token, "y");
}

static void tokens_that_would_forge_headers_are_refused(void **state)
{
	static const char *const TEXTS[] = { "{\"token\":\"a\\r\\nX: y\"}",
					     "{\"token\":\"a b\"}",
					     "{\"token\":\"\"}",
					     "{}",
					     "{\"token\":7}",
					     "[]",
					     "not json",
					     "{\"token\":\"a\",\"token\":\"b\"}",
					     "{\"token\":\"\\u00e9\"}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_auth_token struct auth_token token = { 0 };
		struct err e = { 0 };

		assert_int_equal(decode(TEXTS[i], &token, &e), -EINVAL);
		assert_null(token.token);
	}
}

static void headers_are_as_rfc_7617_and_6750_have_them(void **state)
{
	struct credentials aladdin = { .user = "Aladdin", .password = "open sesame" },
			   colon = { .user = "a:b" };
	cleanup_free char *basic = NULL, *bearer = NULL;
	char *none = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(auth_basic_header(&aladdin, &basic, &e), 0);
	assert_string_equal(basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	assert_int_equal(auth_bearer_header("tok", &bearer, &e), 0);
	assert_string_equal(bearer, "Bearer tok");
	assert_int_equal(auth_basic_header(&colon, &none, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bearer_challenge_gives_realm_service_and_scope),
		cmocka_unit_test(spelling_blanks_and_tokens_do_not_matter),
		cmocka_unit_test(quoted_pairs_are_unquoted),
		cmocka_unit_test(bearer_is_preferred_to_basic_wherever_it_stands),
		cmocka_unit_test(challenges_that_are_broken_or_strange_are_refused),
		cmocka_unit_test(a_header_that_is_too_long_is_refused),
		cmocka_unit_test(token_urls_escape_what_the_registry_says),
		cmocka_unit_test(token_servers_that_are_no_urls_are_refused),
		cmocka_unit_test(a_refresh_token_is_posted_as_a_form),
		cmocka_unit_test(tokens_come_under_either_name_and_with_their_life),
		cmocka_unit_test(tokens_that_would_forge_headers_are_refused),
		cmocka_unit_test(headers_are_as_rfc_7617_and_6750_have_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
