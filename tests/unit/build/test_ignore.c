/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

/* A tree as a walk sees it; directories end in '/'. */
static const char *const TREE[] = {
	"Dockerfile", "README.md",     "docs/",   "docs/README.md", "docs/api/",      "docs/api/index.html",
	"src/",       "src/a.c",       "src/a.o", "src/sub/",       "src/sub/b.c",    "src/sub/b.o",
	"src/sub/x/", "src/sub/x/c.o", "vendor/", "vendor/lib/",    "vendor/lib/l.c",
};

/* Walks TREE; the names that stay, one in brackets each. Directories that are pruned are not entered, and marked by a '!'. */
static void walk(const struct ignore *ignore, struct buf *seen)
{
	struct ignore_state states[8] = { 0 };
	const char *pruned = NULL;
	struct err e;

	buf_clear(seen);
	assert_int_equal(buf_add_str(seen, ""), 0);
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		assert_int_equal(ignore_state_make(ignore, &states[i], &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(TREE); i++) {
		cleanup_free char *path = strdup(TREE[i]);
		size_t len = strlen(path), depth = 0;
		bool dir = path[len - 1] == '/';
		struct ignore_result r;

		if (pruned && strncmp(TREE[i], pruned, strlen(pruned)) == 0)
			continue;
		path[len - dir] = '\0';
		for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/'))
			depth++;
		r = ignore_check(ignore, depth ? &states[depth - 1] : NULL, path,
				 dir ? &states[depth] : NULL);
		if (r.prune)
			pruned = TREE[i];
		if (!r.excluded || r.prune)
			assert_int_equal(buf_printf(seen, "[%s%s]", r.prune ? "!" : "", TREE[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		ignore_state_done(&states[i]);
}

#define ALL_DOCS   "[docs/][docs/README.md][docs/api/][docs/api/index.html]"
#define ALL_SRC    "[src/][src/a.c][src/a.o][src/sub/][src/sub/b.c][src/sub/b.o][src/sub/x/][src/sub/x/c.o]"
#define ALL_VENDOR "[vendor/][vendor/lib/][vendor/lib/l.c]"
#define ALL        "[Dockerfile][README.md]" ALL_DOCS ALL_SRC ALL_VENDOR

static void a_walk_leaves_out_what_the_patterns_say(void **state)
{
	static const struct {
		const char *text, *seen;
	} CASES[] = {
		{ "", ALL },
		{ "# nothing\n\n  \n", ALL },
		{ "nothing\n", ALL },
		{ ".\n", ALL },
		{ "/\n", ALL },
		{ "..\n../docs\n", ALL },
		{ "docs", "[Dockerfile][README.md][!docs/]" ALL_SRC ALL_VENDOR },
		{ "/docs/\n", "[Dockerfile][README.md][!docs/]" ALL_SRC ALL_VENDOR },
		{ "./x/..//docs\r\n", "[Dockerfile][README.md][!docs/]" ALL_SRC ALL_VENDOR },
		{ " \tdocs \t\n", "[Dockerfile][README.md][!docs/]" ALL_SRC ALL_VENDOR },
		{ "\xef\xbb\xbf"
		  "docs\n",
		  "[Dockerfile][README.md][!docs/]" ALL_SRC ALL_VENDOR },
		{ " #docs\n", ALL }, /* a name that begins so */
		{ "docs #api\n", ALL },
		{ "*", "[!docs/][!src/][!vendor/]" },
		{ "**", "[!docs/][!src/][!vendor/]" },
		{ "*\n!vendor", "[!docs/][!src/]" ALL_VENDOR },
		{ "**\n!vendor", "[!docs/][!src/]" ALL_VENDOR },
		{ "*\n!docs/api", "[docs/api/][docs/api/index.html][!src/][!vendor/]" },
		{ "*\n!docs/*\n", "[docs/README.md][docs/api/][docs/api/index.html][!src/][!vendor/]" },
		{ "*\n!**/README.md\n", "[README.md][docs/README.md]" },
		/* docs/ is left out by '*', so that "docs" is not asked for it, and does not match what is below it. */
		{ "*\n!**/README.md\ndocs\n", "[README.md][docs/README.md]" },
		{ "*\n!**/README.md\ndocs/**\n", "[README.md]" },
		{ "!docs\n*\n", "[!docs/][!src/][!vendor/]" }, /* the last one decides */
		{ "*.o\n", ALL },
		{ "**/*.o", "[Dockerfile][README.md]" ALL_DOCS
			    "[src/][src/a.c][src/sub/][src/sub/b.c][src/sub/x/]" ALL_VENDOR },
		{ "**/*.o\n!src/sub/**\n", "[Dockerfile][README.md]" ALL_DOCS
					   "[src/][src/a.c][src/sub/][src/sub/b.c][src/sub/b.o][src/sub/x/]"
					   "[src/sub/x/c.o]" ALL_VENDOR },
		{ "src/*\n!src/*.c\n",
		  "[Dockerfile][README.md]" ALL_DOCS "[src/][src/a.c][!src/sub/]" ALL_VENDOR },
		{ "src\n!src/sub/x\n",
		  "[Dockerfile][README.md]" ALL_DOCS "[src/sub/x/][src/sub/x/c.o]" ALL_VENDOR },
		{ "src\n!src/sub/\nsrc/sub/x\n",
		  "[Dockerfile][README.md]" ALL_DOCS
		  "[src/sub/][src/sub/b.c][src/sub/b.o][!src/sub/x/]" ALL_VENDOR },
		{ "*/sub\n!*/s?b/[a-b].c\n",
		  "[Dockerfile][README.md]" ALL_DOCS
		  "[src/][src/a.c][src/a.o][src/sub/b.c][!src/sub/x/]" ALL_VENDOR },
		{ "src\n! /src/a.c\n", "[Dockerfile][README.md]" ALL_DOCS "[src/a.c][!src/sub/]" ALL_VENDOR },
		{ "src/\\a.c\n",
		  "[Dockerfile][README.md]" ALL_DOCS "[src/][src/a.o][src/sub/][src/sub/b.c][src/sub/"
		  "b.o][src/sub/x/][src/sub/x/c.o]" ALL_VENDOR },
	};
	cleanup_buf struct buf seen = BUF_INIT(1u << 16);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_ignore struct ignore ignore = { 0 };
		struct err e = { 0 };

		if (ignore_read(CASES[i].text, strlen(CASES[i].text), &ignore, &e) != 0)
			fail_msg("%s: %s", CASES[i].text, e.text);
		walk(&ignore, &seen);
		if (strcmp(seen.data, CASES[i].seen) != 0)
			fail_msg("%s:\n%s\ninstead of\n%s", CASES[i].text, seen.data, CASES[i].seen);
	}
}

static void one_path_is_matched_with_its_parents(void **state)
{
	static const struct {
		const char *text, *path;
		bool excluded;
	} CASES[] = {
		{ "docs", "docs", true },
		{ "docs", "docs/api/x", true },
		{ "docs", "docs2/api", false },
		{ "docs", "x/docs", false },
		{ "docs\n!docs/api", "docs/api/x", false },
		{ "docs\n!docs/api", "docs/README.md", true },
		{ "docs\n!docs/api\ndocs/api/x", "docs/api/x/y", true },
		{ "*\n!x*", "xyz/a", false },
		{ "**", "a/b", true },
		{ "util/docker/web", "util/docker/web/foo", true },
		{ "!docs", "docs", false },
		{ "docs/*/x\n!docs/a", "docs/a/x", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_ignore struct ignore ignore = { 0 };
		bool excluded;
		struct err e;

		assert_int_equal(ignore_read(CASES[i].text, strlen(CASES[i].text), &ignore, &e), 0);
		assert_int_equal(ignore_check_path(&ignore, CASES[i].path, &excluded, &e), 0);
		if (excluded != CASES[i].excluded)
			fail_msg("%s: %s", CASES[i].text, CASES[i].path);
	}
}

/* As BuildKit's: a directory is not matched with a '!' pattern while nothing leaves it out. */
static void a_walk_asks_exceptions_only_where_they_would_change_something(void **state)
{
	const char *text = "dir/file\n!dir\n";
	cleanup_ignore_state struct ignore_state dir = { 0 };
	cleanup_ignore struct ignore ignore = { 0 };
	bool excluded;
	struct err e;

	(void)state;
	assert_int_equal(ignore_read(text, strlen(text), &ignore, &e), 0);
	assert_int_equal(ignore_state_make(&ignore, &dir, &e), 0);
	assert_false(ignore_check(&ignore, NULL, "dir", &dir).excluded);
	assert_true(ignore_check(&ignore, &dir, "dir/file", NULL).excluded);
	assert_int_equal(ignore_check_path(&ignore, "dir/file", &excluded, &e), 0);
	assert_false(excluded);
}

static void added_patterns_keep_their_slash(void **state)
{
	static const char *const PATTERNS[] = { "  *.o  ", "", " ", "/src", "docs/.", "!keep.o" };
	cleanup_ignore struct ignore ignore = { 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(PATTERNS); i++)
		assert_int_equal(ignore_add(&ignore, PATTERNS[i], &e), 0);
	assert_int_equal(ignore.len, 4);
	assert_true(ignore.exceptions);
	assert_true(ignore_check(&ignore, NULL, "a.o", NULL).excluded);
	assert_true(ignore_check(&ignore, NULL, "docs", NULL).excluded);
	assert_false(ignore_check(&ignore, NULL, "src", NULL).excluded);
	assert_false(ignore_check(&ignore, NULL, "keep.o", NULL).excluded);
}

static void broken_files_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *text, *message;
	} CASES[] = {
		{ "a\n\n[\n", "line 3: bad pattern '[': syntax error in pattern" },
		{ "a\n!b[x-]", "line 2: bad pattern '!b[x-]': syntax error in pattern" },
		{ "x\\", "line 1: bad pattern 'x\\': syntax error in pattern" },
		{ "#\n!\n", "line 2: illegal exclusion pattern: '!'" },
		{ "! \n", "line 1: illegal exclusion pattern: '!'" },
		{ "!/\n", "line 1: illegal exclusion pattern: '!'" },
	};
	cleanup_ignore struct ignore ignore = { 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		assert_int_equal(ignore_read(CASES[i].text, strlen(CASES[i].text), &ignore, &e), -EINVAL);
		assert_string_equal(e.text, CASES[i].message);
	}
	assert_int_equal(ignore.len, 0);
}

static void lines_with_zero_bytes_match_nothing(void **state)
{
	static const char TEXT[] = "\xff\xfe*\0\n\0d\0\ndocs\n\0";
	cleanup_ignore struct ignore ignore = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(ignore_read(TEXT, sizeof(TEXT) - 1, &ignore, &e), 0);
	assert_int_equal(ignore.len, 1);
	assert_true(ignore_check(&ignore, NULL, "docs", NULL).excluded);
}

static void sizes_are_limited(void **state)
{
	cleanup_free char *text = calloc(1, IGNORE_FILE_MAX + 2);
	cleanup_ignore struct ignore ignore = { 0 };
	struct err e;

	(void)state;
	assert_non_null(text);
	memset(text, '#', IGNORE_FILE_MAX + 1);
	assert_int_equal(ignore_read(text, IGNORE_FILE_MAX + 1, &ignore, &e), -EFBIG);
	assert_string_equal(e.text, "it is longer than 1048576 bytes");
	assert_int_equal(ignore_read(text, IGNORE_FILE_MAX, &ignore, &e), 0);
	for (size_t i = 0; i < IGNORE_FILE_MAX; i++)
		text[i] = i % 2 ? '\n' : 'x';
	assert_int_equal(ignore_read(text, IGNORE_FILE_MAX, &ignore, &e), -EFBIG);
	assert_string_equal(e.text, "line 16385: there are more than 16384 patterns");
	assert_int_equal(ignore_read(text, (size_t)2 * IGNORE_PATTERNS_MAX, &ignore, &e), 0);
	assert_int_equal(ignore.len, IGNORE_PATTERNS_MAX);
	assert_true(ignore_check(&ignore, NULL, "x", NULL).excluded);
	memset(text, 'x', 5000);
	assert_int_equal(ignore_add(&ignore, text, &e), -EFBIG);
	assert_string_equal(e.text, "there are more than 16384 patterns");
}

static void the_file_beside_the_dockerfile_comes_first(void **state)
{
	(void)state;
	assert_int_equal(ignore_file_choose(0), IGNORE_FILE_NONE);
	assert_int_equal(ignore_file_choose(0xf), IGNORE_FILE_OF_DOCKERFILE);
	assert_int_equal(ignore_file_choose(0xe), IGNORE_FILE_OF_CONTAINERFILE);
	assert_int_equal(ignore_file_choose(1u << IGNORE_FILE_DOCKERIGNORE |
					    1u << IGNORE_FILE_CONTAINERIGNORE),
			 IGNORE_FILE_CONTAINERIGNORE);
	assert_int_equal(ignore_file_choose(1u << IGNORE_FILE_DOCKERIGNORE), IGNORE_FILE_DOCKERIGNORE);
}

static void ignore_files_are_named_after_the_dockerfile(void **state)
{
	static const char *const PATHS[] = { "a/Dockerfile.dev.dockerignore",
					     "a/Dockerfile.dev.containerignore", ".containerignore",
					     ".dockerignore" };

	(void)state;
	for (enum ignore_file f = IGNORE_FILE_OF_DOCKERFILE; f < IGNORE_FILE_NONE; f++) {
		cleanup_free char *path = ignore_file_path(f, "a/Dockerfile.dev");

		assert_string_equal(path, PATHS[f]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_leaves_out_what_the_patterns_say),
		cmocka_unit_test(one_path_is_matched_with_its_parents),
		cmocka_unit_test(a_walk_asks_exceptions_only_where_they_would_change_something),
		cmocka_unit_test(added_patterns_keep_their_slash),
		cmocka_unit_test(broken_files_are_refused_with_their_line),
		cmocka_unit_test(lines_with_zero_bytes_match_nothing),
		cmocka_unit_test(sizes_are_limited),
		cmocka_unit_test(the_file_beside_the_dockerfile_comes_first),
		cmocka_unit_test(ignore_files_are_named_after_the_dockerfile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
