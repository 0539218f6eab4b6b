/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/build/dockerfile_test.h"

/* Of a RUN with one heredoc. */
static const struct {
	const char *text, *name, *content;
	bool expand, chomp;
	unsigned int fd;
} HEREDOCS[] = {
	{ "RUN <<EMPTY\nEMPTY\n", "EMPTY", "", true, false, 0 },
	{ "RUN 3<<EMPTY2\nEMPTY2", "EMPTY2", "", true, false, 3 },
	{ "RUN <<A\n\tfoo\n\tbar\nA\n", "A", "\tfoo\n\tbar\n", true, false, 0 },
	{ "RUN <<-A\n\tfoo\n\t\tA\n", "A", "\tfoo\n", true, true, 0 },
	{ "RUN <<-'A'\n\tdon't $NAME\nA\n", "A", "\tdon't $NAME\n", false, true, 0 },
	{ "RUN <<A\n# inner\necho a # b\n\nA\n", "A", "# inner\necho a # b\n\n", true, false, 0 },
	{ "RUN --mount=type=cache,target=/foo <<A\nx\nA\n", "A", "x\n", true, false, 0 },
	{ "RUN <<A python3\nx\nA\n", "A", "x\n", true, false, 0 },
	{ "RUN <<file.txt\nx\nfile.txt\n", "file.txt", "x\n", true, false, 0 },
	{ "RUN <<eo'f'\nx\neof\n", "eof", "x\n", false, false, 0 },
	{ "RUN <<eo\\'f\nx\neo'f\n", "eo'f", "x\n", true, false, 0 },
	{ "RUN <<'e'o\\'f\nx\neo'f\n", "eo'f", "x\n", false, false, 0 },
	{ "RUN <<'one two'\nx\none two\n", "one two", "x\n", false, false, 0 },
	{ "RUN <<\"one \\\" two\"\nx\none \" two\n", "one \" two", "x\n", false, false, 0 },
	{ "RUN <<$EOF\n$EOF\n", "$EOF", "", true, false, 0 },
	{ "RUN <<  EOF\nEOF\n", "EOF", "", true, false, 0 },
	{ "RUN << -EOF\n-EOF\n", "-EOF", "", true, false, 0 },
	{ "RUN <<  EOF  > foo\nEOF\n", "EOF", "", true, false, 0 },
	{ "RUN cat <<A >${x:-\"a b\"} ${y%.*} ${z//a/b}\nx\nA\n", "A", "x\n", true, false, 0 },
	{ "RUN <<A\r\nx\r\nA\r\n", "A", "x\r\n", true, false, 0 },
	{ "RUN a \\\n <<A\nx\nA\n", "A", "x\n", true, false, 0 },
	{ "RUN <<A\nx \\\nA\n", "A", "x \\\n", true, false, 0 },
};

static void heredocs_have_a_name_and_a_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(HEREDOCS); i++) {
		cleanup_dockerfile struct dockerfile f = parsed(HEREDOCS[i].text);
		const struct dockerfile_heredoc *h = f.items[0].heredocs.items;

		if (f.len != 1 || f.items[0].heredocs.len != 1)
			fail_msg("%s: %zu", HEREDOCS[i].text, f.items[0].heredocs.len);
		assert_string_equal(h->name, HEREDOCS[i].name);
		assert_string_equal(h->content, HEREDOCS[i].content);
		assert_int_equal(h->expand, HEREDOCS[i].expand);
		assert_int_equal(h->chomp, HEREDOCS[i].chomp);
		assert_int_equal(h->fd, HEREDOCS[i].fd);
	}
}

static void other_words_are_none(void **state)
{
	static const char *const TEXTS[] = {
		"RUN \"<<A\"",
		"RUN '<<A'",
		"RUN a <<<A",
		"RUN a <<",
		"RUN a <<-",
		"RUN a <<- A",
		"RUN a < b",
		"RUN [\"<<A\"]",
		"RUN [\"<<'A'\"]",
		"USER <<A",
		"RUN \\<<A",
		"RUN echo don't <<A",
		"RUN a ${b^^} <<A",
		"RUN ${ <<A",
		"CMD <<A",
		"RUN <<''",
		"COPY [\"<<A\", \"/b\"]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_dockerfile struct dockerfile f = parsed(TEXTS[i]);

		if (f.items[0].heredocs.len != 0)
			fail_msg("%s", TEXTS[i]);
	}
}

static void a_line_may_have_several(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("FROM a\nCOPY <<X <<Y /dest\nY\nX\nX\nY\nRUN b\n");
	const struct dockerfile_instruction *i = &f.items[1];

	(void)state;
	assert_int_equal(f.len, 3);
	assert_int_equal(i->heredocs.len, 2);
	assert_string_equal(i->heredocs.items[0].content, "Y\n");
	assert_string_equal(i->heredocs.items[1].content, "X\n");
	assert_int_equal(i->first_line, 2);
	assert_int_equal(i->last_line, 6);
	assert_int_equal(f.items[2].first_line, 7);
	assert_place(&f, i->heredocs.items[1].at, 2, 10);
}

static void sources_of_copy_and_add_may_be_heredocs(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed(
		"COPY a <<b.txt c <<-'d' /e/\n1\nb.txt\n\t2\nd\nADD <<f /g\n3\nf\nCOPY << A /b\n4\nA\n");
	const struct dockerfile_copy *c = f.items[0].copy;
	cleanup_free char *text = dockerfile_heredoc_text(&f.items[0].heredocs.items[1]);

	(void)state;
	ASSERT_WORDS(&f.items[0].words, "a", "<<b.txt", "c", "<<-'d'", "/e/");
	assert_true(c->heredoc_of[0] == DOCKERFILE_NO_HEREDOC);
	assert_int_equal(c->heredoc_of[1], 0);
	assert_true(c->heredoc_of[2] == DOCKERFILE_NO_HEREDOC);
	assert_int_equal(c->heredoc_of[3], 1);
	assert_string_equal(text, "2\n");
	assert_int_equal(f.items[1].copy->heredoc_of[0], 0);
	/* BuildKit reads the lines, and then looks for files of these names. */
	ASSERT_WORDS(&f.items[2].words, "<<", "A", "/b");
	assert_int_equal(f.items[2].heredocs.len, 1);
	assert_true(f.items[2].copy->heredoc_of[1] == DOCKERFILE_NO_HEREDOC);
}

static void tabs_are_taken_away_line_by_line(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("RUN <<-A\n\t\ta\tb\n c\n\n\td\nA\n");
	cleanup_free char *text = dockerfile_heredoc_text(&f.items[0].heredocs.items[0]);

	(void)state;
	assert_string_equal(text, "a\tb\n c\n\nd\n");
}

static void a_heredoc_alone_is_the_script(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("RUN <<-A\n\techo a\n\techo b\nA\n");

	(void)state;
	assert_string_equal(f.items[0].run->script, "echo a\necho b\n");
	assert_false(f.items[0].run->is_program);
}

static void a_heredoc_alone_with_an_interpreter_is_a_program(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("RUN <<A\n#!/usr/bin/python3\nprint(1)\nA\n");

	(void)state;
	assert_string_equal(f.items[0].run->script, "#!/usr/bin/python3\nprint(1)\n");
	assert_true(f.items[0].run->is_program);
	dockerfile_done(&f);
	f = parsed("RUN <<-A\n\t#!/bin/sh\n\ttrue\n\tA\n");
	assert_string_equal(f.items[0].run->script, "#!/bin/sh\ntrue\n");
	assert_true(f.items[0].run->is_program);
}

static void other_heredocs_are_left_to_the_shell(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("RUN cat <<-A >/x; cat <<B\n\t1\nA\n#!2\nB\nRUN d\n");

	(void)state;
	assert_string_equal(f.items[0].run->script, "cat <<-A >/x; cat <<B\n\t1\nA\n#!2\nB");
	assert_false(f.items[0].run->is_program);
	assert_null(f.items[1].run->script);
}

static void triggers_may_have_heredocs(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("ONBUILD RUN <<A\necho\nA\nONBUILD COPY <<b /c\nx\nb\n");

	(void)state;
	assert_string_equal(f.items[0].trigger_text, "RUN <<A\necho\nA");
	assert_string_equal(f.items[0].trigger->run->script, "echo\n");
	assert_string_equal(f.items[1].trigger_text, "COPY <<b /c\nx\nb");
	assert_int_equal(f.items[1].trigger->copy->heredoc_of[0], 0);
	assert_int_equal(f.items[1].trigger->last_line, 6);
}

static void bad_heredocs_are_refused(void **state)
{
	(void)state;
	assert_refused("FROM a\nRUN b <<EOF\nc\n", "Dockerfile:2:7: unterminated heredoc\n"
						   "   2 | RUN b <<EOF\n"
						   "     |       ^");
	assert_refused("COPY a <<B\nB\n", "Dockerfile:1:8: COPY cannot accept a heredoc as a destination\n"
					  "   1 | COPY a <<B\n"
					  "     |        ^");
	assert_refused("ADD <<A <<B\nA\nB\n", "Dockerfile:1:9: ADD cannot accept a heredoc as a destination\n"
					      "   1 | ADD <<A <<B\n"
					      "     |         ^");
}

static void there_are_limits(void **state)
{
	enum { LINE = 1024 };
	cleanup_free char *text = calloc(1, DOCKERFILE_HEREDOC_MAX_BYTES + 2 * LINE);
	struct dockerfile f = { 0 };
	struct err e = { 0 };
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	n += (size_t)snprintf(text, LINE, "RUN <<A\n");
	while (n < DOCKERFILE_HEREDOC_MAX_BYTES + LINE / 2) {
		memset(text + n, 'x', LINE - 1);
		text[n + LINE - 1] = '\n';
		n += LINE;
	}
	n += (size_t)snprintf(text + n, LINE, "A\n");
	assert_int_equal(dockerfile_parse(text, n, "Dockerfile", &f, &e), -EFBIG);
	assert_string_equal(e.text, "Dockerfile:1:5: the heredoc is larger than 524288 bytes\n"
				    "   1 | RUN <<A\n"
				    "     |     ^");
	n = (size_t)snprintf(text, LINE, "RUN ");
	for (size_t i = 0; i <= DOCKERFILE_HEREDOCS_MAX; i++)
		n += (size_t)snprintf(text + n, LINE, "<<A ");
	assert_int_equal(dockerfile_parse(text, n, "Dockerfile", &f, &e), -EFBIG);
	assert_non_null(strstr(e.text, "more than 256 heredocs\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heredocs_have_a_name_and_a_content),
		cmocka_unit_test(other_words_are_none),
		cmocka_unit_test(a_line_may_have_several),
		cmocka_unit_test(sources_of_copy_and_add_may_be_heredocs),
		cmocka_unit_test(tabs_are_taken_away_line_by_line),
		cmocka_unit_test(a_heredoc_alone_is_the_script),
		cmocka_unit_test(a_heredoc_alone_with_an_interpreter_is_a_program),
		cmocka_unit_test(other_heredocs_are_left_to_the_shell),
		cmocka_unit_test(triggers_may_have_heredocs),
		cmocka_unit_test(bad_heredocs_are_refused),
		cmocka_unit_test(there_are_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
