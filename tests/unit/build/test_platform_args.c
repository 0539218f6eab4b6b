/* SPDX-License-Identifier: Apache-2.0 */
#include "build/platform_args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static struct platform platform(const char *text)
{
	struct platform p;
	struct err e;

	assert_int_equal(platform_parse(text, &p, &e), 0);
	return p;
}

static void assert_items(const struct strvec *v, const char *const *items, size_t len)
{
	assert_int_equal(v->len, len);
	for (size_t i = 0; i < len; i++)
		assert_string_equal(v->items[i], items[i]);
}

static void the_platforms_are_arguments(void **state)
{
	static const char *const ARGS[] = {
		"BUILDPLATFORM=linux/amd64",
		"BUILDOS=linux",
		"BUILDOSVERSION=",
		"BUILDARCH=amd64",
		"BUILDVARIANT=",
		"TARGETPLATFORM=linux/arm/v7",
		"TARGETOS=linux",
		"TARGETOSVERSION=",
		"TARGETARCH=arm",
		"TARGETVARIANT=v7",
		"TARGETSTAGE=default",
	};
	struct platform target = platform("linux/arm/v7"), build = platform("amd64");
	cleanup_strvec struct strvec args = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(platform_args_add(&target, &build, NULL, NULL, &args, &e), 0);
	assert_items(&args, ARGS, ARRAY_LEN(ARGS));
	for (size_t i = 0; i < args.len; i++) {
		args.items[i][strcspn(args.items[i], "=")] = '\0';
		assert_true(platform_args_has(args.items[i]));
	}
	assert_false(platform_args_has("TARGET"));
	assert_false(platform_args_has("targetos"));
	assert_false(platform_args_has(""));
}

static void platforms_are_normalised(void **state)
{
	struct platform target = { .os = "Linux", .architecture = "aarch64", .variant = "v8" };
	struct platform build = { .os = "linux", .architecture = "x86_64", .variant = "v2" };
	cleanup_strvec struct strvec args = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(platform_args_add(&target, &build, "final", NULL, &args, &e), 0);
	assert_string_equal(strvec_get_env(&args, "TARGETPLATFORM"), "linux/arm64");
	assert_string_equal(strvec_get_env(&args, "TARGETVARIANT"), "");
	assert_string_equal(strvec_get_env(&args, "BUILDPLATFORM"), "linux/amd64/v2");
	assert_string_equal(strvec_get_env(&args, "BUILDVARIANT"), "v2");
	assert_string_equal(strvec_get_env(&args, "TARGETSTAGE"), "final");
	assert_string_equal(target.architecture, "aarch64");
}

static void build_args_win(void **state)
{
	struct platform p = platform("linux/amd64");
	cleanup_strvec struct strvec given = { 0 }, args = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(strvec_add(&given, "TARGETARCH=first"), 0);
	assert_int_equal(strvec_add(&given, "TARGETARCHS=other"), 0);
	assert_int_equal(strvec_add(&given, "TARGETARCH=riscv64"), 0);
	assert_int_equal(strvec_add(&given, "BUILDOS="), 0);
	assert_int_equal(platform_args_add(&p, &p, NULL, &given, &args, &e), 0);
	assert_string_equal(strvec_get_env(&args, "TARGETARCH"), "riscv64");
	assert_string_equal(strvec_get_env(&args, "BUILDOS"), "");
	assert_string_equal(strvec_get_env(&args, "TARGETPLATFORM"), "linux/amd64");
	assert_int_equal(args.len, 11);
}

static void proxies_reach_run_in_both_spellings(void **state)
{
	static const char *const ENV[] = {
		"HTTP_PROXY=http://b", "http_proxy=http://b", "FTP_PROXY=f",
		"ftp_proxy=f",         "NO_PROXY=localhost",  "no_proxy=localhost"
	};
	static const char *const GIVEN[] = { "No_Proxy=localhost",  "http_proxy=http://a",
					     "HTTP_PROXY=http://b", "https_proxy=",
					     "FTP_PROXY=f",         "all_proxy",
					     "SOME=thing" };
	cleanup_strvec struct strvec given = { 0 }, env = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(proxy_args_env(NULL, &env, &e), 0);
	assert_int_equal(env.len, 0);
	for (size_t i = 0; i < ARRAY_LEN(GIVEN); i++)
		assert_int_equal(strvec_add(&given, GIVEN[i]), 0);
	assert_int_equal(proxy_args_env(&given, &env, &e), 0);
	assert_items(&env, ENV, ARRAY_LEN(ENV));
}

static void proxies_are_known_in_any_case(void **state)
{
	static const char *const GOOD[] = { "HTTP_PROXY", "https_proxy", "Ftp_Proxy", "NO_PROXY",
					    "all_proxy" };
	static const char *const BAD[] = { "PROXY", "HTTP_PROXY_", "RSYNC_PROXY", "", "HTTP-PROXY" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		assert_true(proxy_arg_is(GOOD[i]));
		assert_false(proxy_arg_is(BAD[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_platforms_are_arguments),
		cmocka_unit_test(platforms_are_normalised),
		cmocka_unit_test(build_args_win),
		cmocka_unit_test(proxies_reach_run_in_both_spellings),
		cmocka_unit_test(proxies_are_known_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
