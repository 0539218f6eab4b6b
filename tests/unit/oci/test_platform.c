/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

static void specifiers_are_normalised(void **state)
{
	static const struct {
		const char *text, *expected;
	} CASES[] = {
		{ "linux/amd64", "linux/amd64" },
		{ "amd64", "linux/amd64" },
		{ "x86_64", "linux/amd64" },
		{ "x86-64", "linux/amd64" },
		{ "linux/amd64/v1", "linux/amd64" },
		{ "linux/amd64/v3", "linux/amd64/v3" },
		{ "linux/x86_64/v2", "linux/amd64/v2" },
		{ "LINUX/AMD64", "linux/amd64" },
		{ "arm64", "linux/arm64" },
		{ "aarch64", "linux/arm64" },
		{ "linux/arm64/v8", "linux/arm64" },
		{ "linux/arm64/8", "linux/arm64" },
		{ "linux/arm64/v8.0", "linux/arm64" },
		{ "linux/arm64/v9", "linux/arm64/v9" },
		{ "arm", "linux/arm/v7" },
		{ "linux/arm", "linux/arm/v7" },
		{ "linux/arm/7", "linux/arm/v7" },
		{ "linux/arm/v7", "linux/arm/v7" },
		{ "linux/arm/6", "linux/arm/v6" },
		{ "linux/arm/v5", "linux/arm/v5" },
		{ "armhf", "linux/arm/v7" },
		{ "armel", "linux/arm/v6" },
		{ "linux/armel", "linux/arm/v6" },
		{ "i386", "linux/386" },
		{ "i686", "linux/386" },
		{ "386", "linux/386" },
		{ "macos/arm64", "darwin/arm64" },
		{ "windows/amd64", "windows/amd64" },
		{ "riscv64", "linux/riscv64" },
		{ "s390x", "linux/s390x" },
		{ "ppc64le", "linux/ppc64le" },
#if defined(__x86_64__)
		{ "linux", "linux/amd64" },
		{ "freebsd", "freebsd/amd64" },
#elif defined(__aarch64__)
		{ "linux", "linux/arm64" },
		{ "freebsd", "freebsd/arm64" },
#endif
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		char text[3 * PLATFORM_FIELD_MAX];
		struct platform p;
		struct err e = { 0 };

		if (platform_parse(CASES[i].text, &p, &e) != 0)
			fail_msg("%s: %s", CASES[i].text, e.text);
		platform_format(&p, text);
		assert_string_equal(text, CASES[i].expected);
	}
}

static void what_is_no_platform_is_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} BAD[] = {
		{ "", "bad platform '' (write OS/ARCHITECTURE[/VARIANT]" },
		{ "linux/", "bad platform 'linux/' (write" },
		{ "/amd64", "bad platform '/amd64' (write" },
		{ "linux//v7", "(write OS/ARCH" },
		{ "linux/arm/v7/x", "(write OS/ARCH" },
		{ "linux/*", "(write OS/ARCH" },
		{ "linux/arm 64", "(write OS/ARCH" },
		{ "linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "(write OS/ARCH" },
		{ "plan10", "neither an operating system nor an architecture" },
		{ "linux/z80", "unknown architecture 'z80'" },
		{ "beos/amd64", "unknown operating system 'beos'" },
		{ "amd64/linux", "unknown operating system 'amd64'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct platform p;
		struct err e = { 0 };

		assert_int_equal(platform_parse(BAD[i].text, &p, &e), -EINVAL);
		if (!strstr(e.text, BAD[i].reason))
			fail_msg("'%s': '%s' does not say '%s'", BAD[i].text, e.text, BAD[i].reason);
	}
}

/* "linux/arm64 linux/arm/v8 ..." */
static void list_text(const struct platform_list *list, char *out, size_t size)
{
	*out = '\0';
	for (size_t i = 0; i < list->len; i++) {
		char one[3 * PLATFORM_FIELD_MAX];
		size_t len = strlen(out);

		platform_format(&list->items[i], one);
		(void)snprintf(out + len, size - len, "%s%s", i ? " " : "", one + strlen("linux/"));
	}
}

static void machines_get_their_platforms_best_first(void **state)
{
	static const struct {
		struct machine machine;
		const char *expected;
	} CASES[] = {
		{ { .cpu = MACHINE_AMD64, .amd64_level = 1 }, "amd64 386" },
		{ { .cpu = MACHINE_AMD64 }, "amd64 386" }, /* unknown: the baseline */
		{ { .cpu = MACHINE_AMD64, .amd64_level = 3 }, "amd64/v3 amd64/v2 amd64 386" },
		{ { .cpu = MACHINE_AMD64, .amd64_level = 4 }, "amd64/v4 amd64/v3 amd64/v2 amd64 386" },
		{ { .cpu = MACHINE_AMD64, .amd64_level = 3, .userland_32bit = true }, "386" },
		{ { .cpu = MACHINE_386 }, "386" },
		{ { .cpu = MACHINE_ARM64 }, "arm64" },
		{ { .cpu = MACHINE_ARM64, .aarch32 = true }, "arm64 arm/v8 arm/v7 arm/v6 arm/v5" },
		{ { .cpu = MACHINE_ARM64, .aarch32 = true, .userland_32bit = true, .arm_version = 8 },
		  "arm/v8 arm/v7 arm/v6 arm/v5" },
		{ { .cpu = MACHINE_ARM, .arm_version = 7, .userland_32bit = true }, "arm/v7 arm/v6 arm/v5" },
		{ { .cpu = MACHINE_ARM, .arm_version = 6, .userland_32bit = true }, "arm/v6 arm/v5" },
		{ { .cpu = MACHINE_ARM, .arm_version = 5, .userland_32bit = true }, "arm/v5" },
		{ { .cpu = MACHINE_OTHER, .uname_machine = "riscv64" }, "riscv64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct platform_list list;
		char text[512];

		platform_list_for_machine(&CASES[i].machine, &list);
		list_text(&list, text, sizeof(text));
		assert_string_equal(text, CASES[i].expected);
	}
}

static void a_request_takes_what_the_named_platform_runs(void **state)
{
	static const struct {
		const char *wanted, *expected;
	} CASES[] = {
		{ "linux/amd64", "amd64" },
		{ "linux/amd64/v3", "amd64/v3 amd64/v2 amd64" },
		{ "linux/arm64", "arm64" },
		{ "linux/arm64/v9", "arm64/v9 arm64" },
		{ "linux/arm", "arm/v7 arm/v6 arm/v5" },
		{ "linux/arm/v6", "arm/v6 arm/v5" },
		{ "linux/arm/v5", "arm/v5" },
		{ "linux/386", "386" },
		{ "linux/s390x", "s390x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct platform_list list;
		struct platform p;
		struct err e;
		char text[512];

		assert_int_equal(platform_parse(CASES[i].wanted, &p, &e), 0);
		platform_list_for_request(&p, &list);
		list_text(&list, text, sizeof(text));
		assert_string_equal(text, CASES[i].expected);
	}
}

static void ranks_compare_normalised_platforms(void **state)
{
	const struct machine machine = { .cpu = MACHINE_ARM64, .aarch32 = true };
	struct platform_list list;

	(void)state;
	platform_list_for_machine(&machine, &list);
	assert_int_equal(platform_rank(&list, &(struct platform){ "linux", "arm64", "v8" }), 0);
	assert_int_equal(platform_rank(&list, &(struct platform){ "linux", "aarch64", "" }), 0);
	assert_int_equal(platform_rank(&list, &(struct platform){ "linux", "arm", "" }), 2);
	assert_int_equal(platform_rank(&list, &(struct platform){ "linux", "arm", "7" }), 2);
	assert_int_equal(platform_rank(&list, &(struct platform){ "linux", "arm", "v5" }), 4);
	assert_int_equal(platform_rank(&list, &(struct platform){ "", "arm64", "" }), 0);
	assert_int_equal(platform_rank(&list, &(struct platform){ "linux", "amd64", "" }), -1);
	assert_int_equal(platform_rank(&list, &(struct platform){ "windows", "arm64", "" }), -1);
	assert_int_equal(platform_rank(&list, &(struct platform){ "linux", "arm64", "v9" }), -1);
	assert_int_equal(platform_rank(&list, &(struct platform){ "unknown", "unknown", "" }), -1);
	assert_int_equal(platform_rank(&(struct platform_list){ .len = 0 },
				       &(struct platform){ "linux", "arm64", "" }),
			 -1);
}

static void a_variant_as_long_as_its_field_stays_in_it(void **state)
{
	struct platform p = { "linux", "arm", "7777777777777777777777777777777" };

	(void)state;
	assert_int_equal(strlen(p.variant), PLATFORM_FIELD_MAX - 1);
	platform_normalize(&p);
	assert_int_equal(strlen(p.variant), PLATFORM_FIELD_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(specifiers_are_normalised),
		cmocka_unit_test(what_is_no_platform_is_refused),
		cmocka_unit_test(machines_get_their_platforms_best_first),
		cmocka_unit_test(a_request_takes_what_the_named_platform_runs),
		cmocka_unit_test(ranks_compare_normalised_platforms),
		cmocka_unit_test(a_variant_as_long_as_its_field_stays_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
