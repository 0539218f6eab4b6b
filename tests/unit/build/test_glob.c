/* SPDX-License-Identifier: Apache-2.0 */
#include "build/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "build/path_clean.h"
#include "common/cleanup.h"

struct glob_case {
	const char *pattern, *path;
	bool matches;
};

static void check(enum glob_kind kind, const struct glob_case *cases, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		cleanup_glob struct glob g = { 0 };
		struct err e = { 0 };

		if (glob_parse(kind, cases[i].pattern, &g, &e) != 0)
			fail_msg("%s: %s", cases[i].pattern, e.text);
		if (glob_matches(&g, cases[i].path) != cases[i].matches)
			fail_msg("%s: '%s' %s", cases[i].pattern, cases[i].path,
				 cases[i].matches ? "does not match" : "matches");
	}
}

/* What both languages have. */
static const struct glob_case BOTH[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "abc", "abc", true },
	{ "abc", "abcd", false },
	{ "abc", "ab", false },
	{ "abc", "xabc", false },
	{ "a/b/c", "a/b/c", true },
	{ "a/b", "a/b/c", false },
	{ "*", "abc", true },
	{ "*", "", true },
	{ "*", "a/b", false },
	{ "*c", "abc", true },
	{ "a*", "a", true },
	{ "a*", "abc", true },
	{ "a*", "ab/c", false },
	{ "a*/b", "abc/b", true },
	{ "a*/b", "a/c/b", false },
	{ "a*b*c*d*e*/f", "axbxcxdxe/f", true },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/f", true },
	{ "a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/fff", false },
	{ "a*b?c*x", "abxbbxdbxebxczzx", true },
	{ "a*b?c*x", "abxbbxdbxebxczzy", false },
	{ "*/b", "a/b", true },
	{ "*/b", "b", false },
	{ "*/*/b", "x/y/b", true },
	{ "a?c", "abc", true },
	{ "a?c", "a/c", false },
	{ "a?c", "ac", false },
	{ "a?b",
	  "a\xe2\x98\xba"
	  "b",
	  true },
	{ "a???b",
	  "a\xe2\x98\xba"
	  "b",
	  false },
	{ "a?b",
	  "a\xff"
	  "b",
	  true },
	{ "a[a-c]d", "abd", true },
	{ "a[a-c]d", "add", false },
	{ "ab[e-g]", "abc", false },
	{ "ab[^c]", "abc", false },
	{ "ab[^e-g]", "abc", true },
	{ "ab[^c]", "ab/", true }, /* as Go has it */
	{ "a[!a]b", "a!b", true }, /* no negation */
	{ "a[!a]b", "axb", false },
	{ "a[^a]b",
	  "a\xe2\x98\xba"
	  "b",
	  true },
	{ "a[^a][^a][^a]b",
	  "a\xe2\x98\xba"
	  "b",
	  false },
	{ "[a-\xce\xb6]*", "\xce\xb1", true },
	{ "*[a-\xce\xb6]", "A", false },
	{ "[\\]a]", "]", true },
	{ "[\\-]", "-", true },
	{ "[x\\-]", "x", true },
	{ "[x\\-]", "z", false },
	{ "[\\-x]", "a", false },
	{ "a]", "a]", true },
	{ "a\\*b", "a*b", true },
	{ "a\\*b", "axb", false },
	{ "\\a\\b", "ab", true },
	{ "a\\\\b", "a\\b", true },
	{ "a\\[b", "a[b", true },
	{ "a\\?", "ax", false },
	{ "*.go", ".go", true },
	{ "*.go", "x.go.x", false },
	{ "*x", "xxx", true },
	{ "a.b+c(d)|e{f}$^", "a.b+c(d)|e{f}$^", true },
	{ "a.c*", "abc", false },
	{ "{a,b}*", "a", false },
	{ "\xc3\xbc*", "\xc3\xbcx", true },
	{ "*\n", "a\n", true },
};

static void plain_wildcards_are_gos(void **state)
{
	(void)state;
	check(GLOB_PATH, BOTH, ARRAY_LEN(BOTH));
	check(GLOB_IGNORE, BOTH, ARRAY_LEN(BOTH));
}

static void two_stars_cross_directories_in_ignore_files(void **state)
{
	static const struct glob_case CASES[] = {
		{ "**", "file", true },
		{ "**", "dir/file", true },
		{ "**/", "file", true },
		{ "**/**", "dir/dir/file", true },
		{ "**/**/file", "file", true },
		{ "**/file", "file", true },
		{ "**/file", "dir/file", true },
		{ "**/file", "dir/dir/file", true },
		{ "**/file", "xfile", false },
		{ "**/file", "file/x", false },
		{ "**file", "file", true },
		{ "**file", "dir/xfile", true },
		{ "**file", "file.txt", false },
		{ "**.go", "a/b/c.go", true },
		{ "**/*.go", "c.go", true },
		{ "**/*.go", "a/b/c.go", true },
		{ "**/*.go", "a/b.go/c", false },
		{ "**f*", "dir/f1", true },
		{ "**f*", "dir/xf1", false }, /* not plain any more: directories only */
		{ "dir/**", "dir/file", true },
		{ "dir/**", "dir/dir2/file", true },
		{ "dir/**", "dir", false },
		{ "dir/**", "dirx", false },
		{ "dir**", "dir", true },
		{ "dir**", "dirx/y", true },
		{ "**/dir2/*", "dir/dir2/file", true },
		{ "**/dir2/*", "dir/dir2/dir2/file", true },
		{ "**/dir2/*", "dir2/a/b", false },
		{ "dir/**/file", "dir/file", true },
		{ "dir/**/file", "dir/a/b/file", true },
		{ "dir/**/file", "dir/xfile", false },
		{ "a**b", "ab", true },
		{ "a**b", "ax/b", true },
		{ "a**b", "a/x/b", true },
		{ "a**b", "axb", false },
		{ "a**/*a**b", "axa/b", true },
		{ "a**/*a**b", "axa/xb", false },
		{ "a**/*a**b", "ax/ya/b", true },
		{ "a*/**", "ab/c/d", true },
		{ "a*/**", "ab", false },
		{ "***", "a/b", true },
		{ "***/c", "a/b/c", true },
		{ "**/[ab]/**/c", "x/a/y/c", true },
		{ "**/[ab]/**/c", "a/c", true },
		{ "**/[ab]/**/c", "x/c/y/c", false },
		{ "**/\\*", "x/*", true },
		{ "**/\\*", "x/y", false },
		{ "**\\x", "a/x", true },
		{ "**\\x", "ax", false },
		{ "abc/**/def/**", "abc/x/def/y/z", true },
		{ "**/node_modules", "a/b/node_modules", true },
		{ "**/node_modules", "a/b/node_modulesx", false },
		{ "**/.git", ".git", true },
		{ "**/a\nb", "x\ny/a\nb", true },
	};
	static const struct glob_case PATHS[] = {
		{ "**", "dir/file", false },
		{ "**/b", "a/b", true },
		{ "**/b", "b", false },
		{ "a**b", "axxb", true },
	};

	(void)state;
	check(GLOB_IGNORE, CASES, ARRAY_LEN(CASES));
	check(GLOB_PATH, PATHS, ARRAY_LEN(PATHS));
}

static void broken_patterns_are_refused(void **state)
{
	static const char *const BAD[] = { "[",   "[]",  "[]a]", "[-]",   "[x-]", "[-x]", "[a-b-c]",
					   "[",   "[^",  "[^]",  "[^bc",  "a[",   "a[b",  "\\",
					   "a\\", "[\\", "[a\\", "[a-\\", "*[",   "a/[x", "[a-]" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		cleanup_glob struct glob g = { 0 };

		for (enum glob_kind kind = GLOB_PATH; kind <= GLOB_IGNORE; kind++) {
			if (glob_parse(kind, BAD[i], &g, &e) != -EINVAL)
				fail_msg("%s is not refused", BAD[i]);
			assert_string_equal(e.text, "syntax error in pattern");
		}
	}
}

static void lengths_are_limited(void **state)
{
	cleanup_free char *pattern = calloc(1, GLOB_MAX + 2), *path = calloc(1, GLOB_MAX + 2);
	cleanup_glob struct glob g = { 0 };
	struct err e;

	(void)state;
	assert_non_null(pattern);
	assert_non_null(path);
	memset(pattern, '?', GLOB_MAX + 1);
	memset(path, 'x', GLOB_MAX);
	assert_int_equal(glob_parse(GLOB_IGNORE, pattern, &g, &e), -EFBIG);
	assert_string_equal(e.text, "the pattern is longer than 4096 bytes");
	pattern[GLOB_MAX] = '\0';
	assert_int_equal(glob_parse(GLOB_IGNORE, pattern, &g, &e), 0);
	assert_true(glob_matches(&g, path));
	path[GLOB_MAX] = 'x';
	assert_false(glob_matches(&g, path));
}

/* What backtracks takes years for these. */
static void no_pattern_takes_long(void **state)
{
	static const char *const PATTERNS[] = {
		"**a**a**a**a**a**a**a**a**a**a**a**a**a**a**a**ab",
		"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab",
		"**/*a/**/*a/**/*a/**/*a/**/*a/**/*a/**/*a/**/*ab",
		"**a*?a**/*[a-b]*a**/**a**?*a**/*a*[^c]*ab",
	};
	cleanup_free char *flat = calloc(1, 4001), *deep = calloc(1, 4001);
	struct err e;

	(void)state;
	assert_non_null(flat);
	assert_non_null(deep);
	memset(flat, 'a', 4000);
	for (size_t i = 0; i < 4000; i++)
		deep[i] = i % 2 ? '/' : 'a';
	deep[3999] = 'a';
	for (size_t i = 0; i < ARRAY_LEN(PATTERNS); i++) {
		cleanup_glob struct glob g = { 0 };

		assert_int_equal(glob_parse(GLOB_IGNORE, PATTERNS[i], &g, &e), 0);
		g.tail_len = 0; /* the shortcut would see the 'b' */
		assert_false(glob_matches(&g, flat));
		assert_false(glob_matches(&g, deep));
	}
}

static void directories_are_told_from_what_cannot_hold_a_match(void **state)
{
	static const struct glob_case CASES[] = {
		{ "a/b/c", "", true },
		{ "a/b/c", "a", true },
		{ "a/b/c", "a/b", true },
		{ "a/b/c", "a/b/c", false },
		{ "a/b/c", "a/x", false },
		{ "a/b/c", "ab", false },
		{ "ab/c", "a", false },
		{ "*/c", "a", true },
		{ "*/c", "a/b", false },
		{ "*.txt", "a", false },
		{ "a/*", "a", true },
		{ "a/*", "a/b", false },
		{ "a/?/[xy]/z", "a/b", true },
		{ "a/?/[xy]/z", "a/b/x", true },
		{ "a/?/[xy]/z", "a/b/z", false },
		{ "a/**", "a", true },
		{ "a/**", "a/b/c", true },
		{ "a/**", "b", false },
		{ "**", "a/b", true },
		{ "**/x", "a/b", true },
		{ "**x", "a/b", true },
		{ "a/**/x", "a/b", true },
		{ "a/**/x", "b", false },
		{ "a/[^x]y", "a", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_glob struct glob g = { 0 };
		struct err e;

		assert_int_equal(glob_parse(GLOB_IGNORE, CASES[i].pattern, &g, &e), 0);
		if (glob_reaches_below(&g, CASES[i].path) != CASES[i].matches)
			fail_msg("%s below '%s'", CASES[i].pattern, CASES[i].path);
	}
}

static void wildcards_are_seen_where_nothing_escapes_them(void **state)
{
	(void)state;
	assert_true(glob_has_wildcards("a*"));
	assert_true(glob_has_wildcards("a/?"));
	assert_true(glob_has_wildcards("[a]"));
	assert_true(glob_has_wildcards("\\\\*"));
	assert_false(glob_has_wildcards("a/b]"));
	assert_false(glob_has_wildcards("\\*\\?\\["));
	assert_false(glob_has_wildcards("a\\"));
	assert_false(glob_has_wildcards(""));
}

static void paths_are_cleaned_as_go_does(void **state)
{
	static const struct {
		const char *path, *clean;
	} CASES[] = {
		{ "", "." },
		{ ".", "." },
		{ "./", "." },
		{ "/", "/" },
		{ "//", "/" },
		{ "/..", "/" },
		{ "/../a", "/a" },
		{ "..", ".." },
		{ "../..", "../.." },
		{ "../../a", "../../a" },
		{ "a", "a" },
		{ "a/", "a" },
		{ "a//b", "a/b" },
		{ "./a", "a" },
		{ "a/./b", "a/b" },
		{ "a/..", "." },
		{ "a/../b", "b" },
		{ "a/b/../..", "." },
		{ "a/b/../../..", ".." },
		{ "a/../../b", "../b" },
		{ "../a/../b", "../b" },
		{ "/a/b/../../..", "/" },
		{ "/a/b/../c", "/a/c" },
		{ "a...", "a..." },
		{ ".../a", ".../a" },
		{ "..a/.b/..", "..a" },
		{ "!/a", "!/a" },
		{ "!/", "!" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_free char *clean = path_clean(CASES[i].path);

		assert_non_null(clean);
		if (strcmp(clean, CASES[i].clean) != 0)
			fail_msg("'%s' becomes '%s'", CASES[i].path, clean);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_wildcards_are_gos),
		cmocka_unit_test(two_stars_cross_directories_in_ignore_files),
		cmocka_unit_test(broken_patterns_are_refused),
		cmocka_unit_test(lengths_are_limited),
		cmocka_unit_test(no_pattern_takes_long),
		cmocka_unit_test(directories_are_told_from_what_cannot_hold_a_match),
		cmocka_unit_test(wildcards_are_seen_where_nothing_escapes_them),
		cmocka_unit_test(paths_are_cleaned_as_go_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
