/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/build/dockerfile_test.h"

/* What is wrong with a file of one line, and in which column. */
static const struct {
	const char *line, *message;
	int column;
} BAD[] = {
	/* names */
	{ "WORKDIRR /app", "unknown instruction: WORKDIRR (did you mean WORKDIR?)", 1 },
	{ "foo bar", "unknown instruction: foo (did you mean from?)", 1 },
	{ "copi a b", "unknown instruction: copi (did you mean copy?)", 1 },
	{ "<!DOCTYPE html>", "unknown instruction: <!DOCTYPE", 1 },
	{ "ONBUILD RUNN a", "unknown instruction: RUNN (did you mean RUN?)", 9 },
	/* how many arguments */
	{ "MAINTAINER", "MAINTAINER requires exactly one argument", 1 },
	{ "WORKDIR", "WORKDIR requires exactly one argument", 1 },
	{ "USER ", "USER requires exactly one argument", 1 },
	{ "STOPSIGNAL", "STOPSIGNAL requires exactly one argument", 1 },
	{ "ENV", "ENV requires at least one argument", 1 },
	{ "LABEL", "LABEL requires at least one argument", 1 },
	{ "ARG", "ARG requires at least one argument", 1 },
	{ "ONBUILD", "ONBUILD requires at least one argument", 1 },
	{ "HEALTHCHECK", "HEALTHCHECK requires at least one argument", 1 },
	{ "EXPOSE", "EXPOSE requires at least one argument", 1 },
	{ "VOLUME", "VOLUME requires at least one argument", 1 },
	{ "VOLUME []", "VOLUME requires at least one argument", 1 },
	{ "SHELL", "SHELL requires at least one argument", 1 },
	{ "SHELL []", "SHELL requires at least one argument", 1 },
	{ "SHELL /bin/sh -c", "SHELL requires the arguments to be in JSON form", 1 },
	{ "COPY a",
	  "COPY requires at least two arguments, but only one was provided. Destination could not be "
	  "determined",
	  1 },
	{ "ADD",
	  "ADD requires at least two arguments, but only one was provided. Destination could not be "
	  "determined",
	  1 },
	{ "FROM", "FROM requires either one or three arguments", 1 },
	{ "FROM a b", "FROM requires either one or three arguments", 8 },
	{ "FROM a is b", "FROM requires either one or three arguments", 8 },
	{ "FROM a AS b c", "FROM requires either one or three arguments", 8 },
	/* contents */
	{ "FROM a AS 1b",
	  "invalid name for build stage: \"1b\", name can't start with a number or contain symbols", 11 },
	{ "FROM a AS B/c",
	  "invalid name for build stage: \"B/c\", name can't start with a number or contain symbols", 11 },
	{ "ENV a", "ENV must have two arguments", 5 },
	{ "LABEL a", "LABEL must have two arguments", 7 },
	{ "ENV a=b c", "Syntax error - can't find = in \"c\". Must be of the form: name=value", 9 },
	{ "ENV =b", "ENV names can not be blank", 5 },
	{ "LABEL a=b =c", "LABEL names can not be blank", 11 },
	{ "ARG =b", "ARG names can not be blank", 5 },
	{ "VOLUME [\"/a\", \" \"]", "VOLUME specified can not be an empty string", 15 },
	{ "CMD [\"a\", 1]", "when using JSON array syntax, arrays must be comprised of strings only", 11 },
	{ "RUN [{\"a\": [null]}]", "when using JSON array syntax, arrays must be comprised of strings only",
	  6 },
	{ "COPY [\"a\", null]", "when using JSON array syntax, arrays must be comprised of strings only",
	  12 },
	{ "ONBUILD ONBUILD RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", 9 },
	{ "ONBUILD FROM scratch", "FROM isn't allowed as an ONBUILD trigger", 9 },
	{ "ONBUILD maintainer a", "MAINTAINER isn't allowed as an ONBUILD trigger", 9 },
	/* flags */
	{ "MAINTAINER --boo joe@example.com", "unknown flag: --boo", 12 },
	{ "COPY --chwon=a b c", "unknown flag: --chwon (did you mean chown?)", 6 },
	{ "COPY --checksum=a b c", "unknown flag: --checksum", 6 },
	{ "ADD --parents b c", "unknown flag: --parents", 5 },
	{ "ADD --form=x b c", "unknown flag: --form", 5 },
	{ "COPY --link --form=x b c", "unknown flag: --form (did you mean from?)", 13 },
	{ "RUN --mont=type=tmpfs a", "unknown flag: --mont (did you mean mount?)", 5 },
	{ "FROM --plattform=a b", "unknown flag: --plattform (did you mean platform?)", 6 },
	{ "CMD --x a", "unknown flag: --x", 5 },
	{ "ENV --x a=b", "unknown flag: --x", 5 },
	{ "EXPOSE --x 1", "unknown flag: --x", 8 },
	{ "ONBUILD --x RUN a", "unknown flag: --x", 9 },
	{ "COPY --link --link a b", "duplicate flag specified: --link", 13 },
	{ "COPY --chown=a --chown=b c d", "duplicate flag specified: --chown", 16 },
	{ "COPY --chown a b", "missing a value on flag: --chown", 6 },
	{ "COPY --link= a b", "missing a value on flag: --link", 6 },
	{ "COPY --exclude a b", "missing a value on flag: --exclude", 6 },
	{ "COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe", 6 },
	/* HEALTHCHECK */
	{ "HEALTHCHECK NONE a", "HEALTHCHECK NONE takes no arguments", 18 },
	{ "HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD", 13 },
	{ "HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD", 13 },
	{ "HEALTHCHECK RUN a", "Unknown type \"RUN\" in HEALTHCHECK (try CMD)", 13 },
	{ "HEALTHCHECK --interval=50ns CMD a", "Interval \"interval\" cannot be less than 1ms", 13 },
	{ "HEALTHCHECK --start-period=-1s CMD a", "Interval \"start-period\" cannot be less than 1ms", 13 },
	{ "HEALTHCHECK --timeout=5 CMD a", "time: missing unit in duration \"5\"", 13 },
	{ "HEALTHCHECK --timeout=x CMD a", "time: invalid duration \"x\"", 13 },
	{ "HEALTHCHECK --retries=x CMD a", "strconv.ParseInt: parsing \"x\": invalid syntax", 13 },
	{ "HEALTHCHECK --retries=99999999999 CMD a",
	  "strconv.ParseInt: parsing \"99999999999\": value out of range", 13 },
	{ "HEALTHCHECK --retries=-1 CMD a", "--retries cannot be negative (-1)", 13 },
	{ "HEALTHCHECK --retry=1 CMD a", "unknown flag: --retry", 13 },
	/* RUN */
	{ "RUN --network=bridge a", "invalid network mode \"bridge\"", 5 },
	{ "RUN --security=none a", "security \"none\" is not valid", 5 },
	{ "RUN --mount=type=bind,\\\"a b",
	  "failed to parse csv mounts: parse error on line 1, column 13: extraneous "
	  "or missing \" in quoted-field",
	  5 },
	{ "RUN --mount= a", "failed to parse csv mounts: it is empty", 5 },
	{ "RUN --device=a,b c", "invalid field 'b' must be a key=value pair", 5 },
};

static void each_mistake_has_its_words_and_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		char text[256], message[512];

		(void)snprintf(text, sizeof(text), "ARG x\n%s\n", BAD[i].line);
		(void)snprintf(message, sizeof(message), "Dockerfile:2:%d: %s\n   2 | %s\n     | %*s^",
			       BAD[i].column, BAD[i].message, BAD[i].line, BAD[i].column - 1, "");
		assert_refused(text, message);
	}
}

static void the_line_of_the_mistake_is_shown_not_that_of_the_instruction(void **state)
{
	(void)state;
	assert_refused("FROM a\nENV b=c \\\n\td\n",
		       "Dockerfile:3:2: Syntax error - can't find = in \"d\". Must be of the form: "
		       "name=value\n"
		       "   3 | \td\n"
		       "     | \t^");
	assert_refused("FROM a\r\nRUM b\r\n", "Dockerfile:2:1: unknown instruction: RUM (did you mean RUN?)\n"
					      "   2 | RUM b\n"
					      "     | ^");
}

static void long_lines_are_cut_around_the_mistake(void **state)
{
	static const char PREFIX[] =
		"ENV a=0123456789012345678901234567890123456789012345678901234567890123456789 ";
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "%sb \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\n", PREFIX);
	assert_refused(
		text,
		"Dockerfile:1:78: Syntax error - can't find = in \"b\". Must be of the form: name=value\n"
		"   1 | 34567890123456789012345678901234567890123456789 b "
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\n"
		"     |                                                 ^");
}

static void a_large_message_is_cut(void **state)
{
	cleanup_free char *text = malloc(4096);
	struct dockerfile f = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_non_null(text);
	memset(text, 'X', 4095);
	text[4095] = '\0';
	assert_int_equal(dockerfile_parse(text, 4095, text, &f, &e), -EINVAL);
	assert_non_null(strstr(e.text, "XXX:1:1: unknown instruction: XXX"));
	assert_non_null(strstr(e.text, "XXX...\n   1 | XXX"));
	assert_string_equal(e.text + strlen(e.text) - 8, "\n     | ^" + 1);
}

static void errors_of_others_have_a_place_too(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("FROM a\nCOPY b c\n");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(dockerfile_error(&f, f.items[1].words.items[0].at, -ENOENT, &e, "'%s' is not there",
					  "b"),
			 -ENOENT);
	assert_string_equal(e.text, "Dockerfile:2:6: 'b' is not there\n   2 | COPY b c\n     |      ^");
	/* behind the end */
	assert_int_equal(dockerfile_error(&f, f.source_len + 5, -EINVAL, &e, "x"), -EINVAL);
	assert_string_equal(e.text, "Dockerfile:3:1: x\n   3 | \n     | ^");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_has_its_words_and_its_place),
		cmocka_unit_test(the_line_of_the_mistake_is_shown_not_that_of_the_instruction),
		cmocka_unit_test(long_lines_are_cut_around_the_mistake),
		cmocka_unit_test(a_large_message_is_cut),
		cmocka_unit_test(errors_of_others_have_a_place_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
