/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/build/dockerfile_test.h"

static void lines_are_counted_with_their_continuations(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("\nFROM a\n\nRUN b \\\n  c \\\n  d\nCMD e");

	(void)state;
	assert_int_equal(f.len, 3);
	assert_int_equal(f.items[0].first_line, 2);
	assert_int_equal(f.items[0].last_line, 2);
	assert_int_equal(f.items[1].first_line, 4);
	assert_int_equal(f.items[1].last_line, 6);
	assert_int_equal(f.items[2].first_line, 7);
	assert_string_equal(f.items[1].text, "RUN b   c   d");
	ASSERT_WORDS(&f.items[1].words, "b   c   d");
}

static void blanks_may_follow_a_continuation(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("RUN a\\ \t\nb\\\r\nc\r\nRUN d\r\n");

	(void)state;
	assert_int_equal(f.len, 2);
	ASSERT_WORDS(&f.items[0].words, "abc");
	ASSERT_WORDS(&f.items[1].words, "d");
}

static void an_escaped_escape_is_no_continuation(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("RUN a\\\\\nRUN b\n");

	(void)state;
	assert_int_equal(f.len, 2);
	ASSERT_WORDS(&f.items[0].words, "a\\\\");
}

static void the_last_line_may_end_in_an_escape(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("ENV a=b \\");

	(void)state;
	assert_int_equal(f.items[0].pairs.len, 1);
	assert_string_equal(f.items[0].pairs.items[0].value, "b");
}

static void a_line_may_begin_with_an_escape_alone(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("\\\nFROM \\\n\\\na\n");

	(void)state;
	assert_int_equal(f.len, 1);
	assert_string_equal(f.items[0].from->base.text, "a");
	assert_place(&f, f.items[0].at, 2, 1);
	assert_place(&f, f.items[0].from->base.at, 4, 1);
}

static void comments_and_empty_lines_do_not_end_a_continuation(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("RUN a && \\\n# one\n  # two\n\n \t\n  b\nCMD c\n");

	(void)state;
	assert_int_equal(f.len, 2);
	ASSERT_WORDS(&f.items[0].words, "a &&   b");
	assert_int_equal(f.items[0].empty_line, 5);
	assert_int_equal(f.items[1].empty_line, 0);
}

static void a_number_sign_inside_of_a_line_is_text(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("RUN a # b\nLABEL c=#d\n");

	(void)state;
	ASSERT_WORDS(&f.items[0].words, "a # b");
	assert_string_equal(f.items[1].pairs.items[0].value, "#d");
}

static void a_byte_order_mark_is_skipped(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("\xef\xbb\xbf# escape=`\nFROM a\n");
	cleanup_dockerfile struct dockerfile g = parsed("\xef\xbb\xbf"
							"FROM a\n");

	(void)state;
	assert_int_equal(f.directives.escape, '`');
	assert_place(&g, g.items[0].at, 1, 1);
	assert_place(&g, g.items[0].from->base.at, 1, 6);
}

static void lines_may_be_indented(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("  \tFROM a\n   # no directive: escape=`\n\xc2\xa0RUN b\n");

	(void)state;
	assert_int_equal(f.len, 2);
	assert_string_equal(f.items[1].name, "RUN");
	assert_place(&f, f.items[0].at, 1, 4);
}

static void words_know_their_place_in_continued_lines(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("FROM x\nCOPY --chown=1 a \\\n  # c\n  b \\\n    /d\n");
	const struct dockerfile_instruction *i = &f.items[1];

	(void)state;
	assert_place(&f, i->at, 2, 1);
	assert_place(&f, i->copy->chown.at, 2, 6);
	assert_place(&f, i->words.items[0].at, 2, 16);
	assert_place(&f, i->words.items[1].at, 4, 3);
	assert_place(&f, i->words.items[2].at, 5, 5);
}

static void columns_count_characters(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("ENV \xc3\xa4=\xe2\x82\xac b=c\n");

	(void)state;
	assert_place(&f, f.items[0].pairs.items[1].at, 1, 9);
}

/* --- directives ----------------------------------------------------------------------------------- */

static void the_escape_character_may_be_a_backtick(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("#escape=`\nFROM a\nRUN b `\n c\\\nENV d=e` f\n");

	(void)state;
	assert_int_equal(f.directives.escape, '`');
	assert_int_equal(f.len, 3);
	ASSERT_WORDS(&f.items[1].words, "b  c\\");
	assert_string_equal(f.items[2].pairs.items[0].value, "e` f");
}

static void syntax_and_check_are_kept(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("# Syntax = docker/dockerfile:1 \n#check=skip=JSONArgsRecommended;error=true\n# "
		       "escape = \\\nFROM a\n");

	(void)state;
	assert_string_equal(f.directives.syntax, "docker/dockerfile:1");
	assert_true(check_options_skip(&f.directives.check, "JSONArgsRecommended", false));
	assert_true(f.directives.check.error);
	assert_int_equal(f.directives.escape, '\\');
}

static void directives_are_comments_anywhere_else(void **state)
{
	static const char *const TEXTS[] = {
		"# a comment\n# escape=`\nFROM a\n",
		"\n# escape=`\nFROM a\n",
		"FROM a\n# escape=`\n",
		"# unknown=x\n# escape=`\nFROM a\n",
		"# 1escape=`\n# escape=`\nFROM a\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_dockerfile struct dockerfile f = parsed(TEXTS[i]);

		assert_int_equal(f.directives.escape, '\\');
	}
}

static void bad_directives_are_refused(void **state)
{
	(void)state;
	assert_refused("# escape=x\nFROM a\n",
		       "Dockerfile:1:10: invalid escape token 'x' does not match ` or \\\n"
		       "   1 | # escape=x\n"
		       "     |          ^");
	assert_refused("# escape=`\n# escape=`\nFROM a\n",
		       "Dockerfile:2:3: only one escape parser directive can be used\n"
		       "   2 | # escape=`\n"
		       "     |   ^");
	assert_refused("# syntax=a\n# syntax=b\n",
		       "Dockerfile:2:3: only one syntax parser directive can be used\n"
		       "   2 | # syntax=b\n"
		       "     |   ^");
	assert_refused("#check=skip=a\n#check=skip=b\n",
		       "Dockerfile:2:2: only one check parser directive can be used\n"
		       "   2 | #check=skip=b\n"
		       "     |  ^");
	assert_refused("# check=skip=a;all\nFROM a\n",
		       "Dockerfile:1:9: failed to parse check options: invalid check option \"all\"\n"
		       "   1 | # check=skip=a;all\n"
		       "     |         ^");
}

static void comments_are_kept_with_what_follows(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("# escape=\\\n# build the build stage\nFROM a AS "
							"build\n# old\n#\n# new\n\n# newer\nARG b\nARG c\n");

	(void)state;
	assert_int_equal(f.items[0].comments.len, 1);
	assert_string_equal(f.items[0].comments.items[0], "build the build stage");
	assert_int_equal(f.items[1].comments.len, 2);
	assert_string_equal(f.items[1].comments.items[0], "new");
	assert_string_equal(f.items[1].comments.items[1], "newer");
	assert_int_equal(f.items[2].comments.len, 0);
}

/* --- limits --------------------------------------------------------------------------------------- */

static void assert_too_much(const char *text, size_t len, const char *message)
{
	struct dockerfile f = { 0 };
	struct err e = { 0 };

	assert_int_equal(dockerfile_parse(text, len, "Dockerfile", &f, &e), -EFBIG);
	if (strncmp(e.text, message, strlen(message)) != 0)
		assert_string_equal(e.text, message);
}

static char *repeated(const char *piece, size_t times, size_t *ret_len)
{
	size_t len = strlen(piece);
	char *text = malloc(len * times + 1);

	assert_non_null(text);
	for (size_t i = 0; i < times; i++)
		memcpy(text + i * len, piece, len);
	*ret_len = len * times;
	return text;
}

static void there_are_limits_of_size(void **state)
{
	size_t len;
	cleanup_free char *file = repeated("# line\n", DOCKERFILE_MAX_BYTES / 7 + 1, &len);

	(void)state;
	assert_too_much(file, len, "Dockerfile: it is larger than 1048576 bytes");
	memset(file, 'a', DOCKERFILE_LINE_MAX_BYTES + 1);
	assert_too_much(file, DOCKERFILE_LINE_MAX_BYTES + 1,
			"Dockerfile:1:1: dockerfile line greater than max allowed size of 65535\n");
}

static void there_are_limits_of_number(void **state)
{
	size_t len;
	cleanup_free char *lines = repeated("\n", DOCKERFILE_LINES_MAX + 1, &len);
	size_t instructions_len, words_len;
	cleanup_free char *instructions =
		repeated("RUN a\n", DOCKERFILE_INSTRUCTIONS_MAX + 1, &instructions_len);
	cleanup_free char *words = repeated("a ", DOCKERFILE_WORDS_MAX + 5, &words_len);

	(void)state;
	assert_too_much(lines, len, "Dockerfile:65537:1: more than 65536 lines\n");
	assert_too_much(instructions, instructions_len, "Dockerfile:16385:1: more than 16384 instructions\n");
	memcpy(words, "EXPOSE ", 7);
	assert_too_much(words, words_len, "Dockerfile:1:1: more than 16384 words\n");
}

static void empty_files_are_refused(void **state)
{
	struct dockerfile f = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_refused("", "Dockerfile: the Dockerfile cannot be empty");
	assert_refused("# nothing\n\n", "Dockerfile:1:1: file with no instructions\n"
					"   1 | # nothing\n"
					"     | ^");
	assert_int_equal(dockerfile_parse("FROM a\nRUN\0\n", 12, "Dockerfile", &f, &e), -EINVAL);
	assert_string_equal(e.text, "Dockerfile:2:4: it is not a text file (there is a NUL byte)\n"
				    "   2 | RUN?\n"
				    "     |    ^");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_counted_with_their_continuations),
		cmocka_unit_test(blanks_may_follow_a_continuation),
		cmocka_unit_test(an_escaped_escape_is_no_continuation),
		cmocka_unit_test(the_last_line_may_end_in_an_escape),
		cmocka_unit_test(a_line_may_begin_with_an_escape_alone),
		cmocka_unit_test(comments_and_empty_lines_do_not_end_a_continuation),
		cmocka_unit_test(a_number_sign_inside_of_a_line_is_text),
		cmocka_unit_test(a_byte_order_mark_is_skipped),
		cmocka_unit_test(lines_may_be_indented),
		cmocka_unit_test(words_know_their_place_in_continued_lines),
		cmocka_unit_test(columns_count_characters),
		cmocka_unit_test(the_escape_character_may_be_a_backtick),
		cmocka_unit_test(syntax_and_check_are_kept),
		cmocka_unit_test(directives_are_comments_anywhere_else),
		cmocka_unit_test(bad_directives_are_refused),
		cmocka_unit_test(comments_are_kept_with_what_follows),
		cmocka_unit_test(there_are_limits_of_size),
		cmocka_unit_test(there_are_limits_of_number),
		cmocka_unit_test(empty_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
