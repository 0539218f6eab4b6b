/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/help_text.h"
#include "cli/options.h"
#include "common/cleanup.h"

#define TEXT_MAX 4096

struct values {
	bool all;
	const char *filter;
};

static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, offsetof(struct values, all), NULL, "All of them" },
	{ "filter", 'f', OPTION_STRING, offsetof(struct values, filter), "key=value", "Only those" },
	{ "hidden", 0, OPTION_BOOL, offsetof(struct values, all), NULL, NULL },
	{ "a-name-that-is-longer-than-the-column-of-texts", 0, OPTION_STRING, offsetof(struct values, filter),
	  "string", "Long" },
	{ 0 },
};

/* What options_help prints of that usage line, in `text`, read back. */
static void read_back(const char *usage, char text[TEXT_MAX], struct help_text *ret)
{
	const struct command_def c = {
		.name = "sampan network ls", .usage = usage, .summary = "List", .options = OPTIONS
	};
	FILE *out = fmemopen(text, TEXT_MAX, "w");

	assert_non_null(out);
	options_help(&c, out);
	assert_int_equal(fclose(out), 0);
	help_text_read(text, ret);
}

static void assert_argument(const struct help_text *h, size_t n, const char *expected)
{
	size_t len = 0;
	const char *found = help_text_argument(h, n, &len);

	if (!expected) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(found, expected, len);
}

static void test_help_is_read_back_as_it_was_printed(void **state)
{
	char text[TEXT_MAX];
	struct help_text h;

	(void)state;
	read_back("[OPTIONS] NETWORK", text, &h);
	assert_string_equal(h.usage, "sampan network ls [OPTIONS] NETWORK");
	assert_int_equal(h.commands_len, 0);
	assert_int_equal(h.options_len, 3);
	assert_string_equal(h.options[0].name, "all");
	assert_int_equal(h.options[0].letter, 'a');
	assert_null(h.options[0].value);
	assert_string_equal(h.options[0].summary, "All of them");
	assert_string_equal(h.options[1].name, "filter");
	assert_string_equal(h.options[1].value, "key=value");
	assert_string_equal(h.options[1].summary, "Only those");
	assert_string_equal(h.options[2].name, OPTIONS[3].name);
	assert_int_equal(h.options[2].letter, 0);
	assert_string_equal(h.options[2].value, "string");
	assert_string_equal(h.options[2].summary, "Long");
}

static void test_commands_are_read(void **state)
{
	char text[] = "Usage:  sampan x COMMAND\n\nManage\n\nCommands:\n  ls         List them\n"
		      "  disconnect Part them\n\nRun 'sampan x COMMAND --help'.\n";
	struct help_text h;

	(void)state;
	help_text_read(text, &h);
	assert_int_equal(h.commands_len, 2);
	assert_string_equal(help_text_command(&h, "ls")->summary, "List them");
	assert_string_equal(help_text_command(&h, "disconnect")->summary, "Part them");
	assert_null(help_text_command(&h, "disc"));
	assert_int_equal(h.options_len, 0);
}

static void test_options_are_found_by_the_words_that_are_typed(void **state)
{
	char text[TEXT_MAX];
	struct help_text h;

	(void)state;
	read_back("", text, &h);
	assert_string_equal(help_text_option(&h, "--filter=x")->name, "filter");
	assert_string_equal(help_text_option(&h, "-f")->name, "filter");
	assert_string_equal(help_text_option(&h, "-af")->name, "filter");
	assert_string_equal(help_text_option(&h, "-fa")->name, "filter");
	assert_string_equal(help_text_option(&h, "-aa")->name, "all");
	assert_null(help_text_option(&h, "--fil"));
	assert_null(help_text_option(&h, "-ax"));
	assert_null(help_text_option(&h, "-"));
	assert_null(help_text_option(&h, "word"));
}

static void test_arguments_come_from_the_usage_line(void **state)
{
	static const struct {
		const char *usage, *first, *second, *third;
	} CASES[] = {
		{ "[OPTIONS] NETWORK CONTAINER", "NETWORK", "CONTAINER", NULL },
		{ "IMAGE NAME[:TAG] [NAME[:TAG]...]", "IMAGE", "NAME[:TAG]", "[NAME[:TAG]...]" },
		{ "CONTAINER [CONTAINER...]", "CONTAINER", "[CONTAINER...]", "[CONTAINER...]" },
		{ "bash|zsh|fish", "bash|zsh|fish", NULL, NULL },
		{ "--key FILE REF", "REF", NULL, NULL },
		{ "--key", NULL, NULL, NULL },
		{ "[OPTIONS] REF | oci:DIR", "REF", NULL, NULL },
		{ "", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		char text[TEXT_MAX];
		struct help_text h;

		read_back(CASES[i].usage, text, &h);
		assert_argument(&h, 0, CASES[i].first);
		assert_argument(&h, 1, CASES[i].second);
		assert_argument(&h, 2, CASES[i].third);
	}
}

static void test_another_programs_options_are_told_by_the_usage_line(void **state)
{
	char text[TEXT_MAX];
	struct help_text h;

	(void)state;
	read_back("[OPTIONS] IMAGE [COMMAND] [ARG...]", text, &h);
	assert_true(help_text_options_first(&h));
	read_back("[OPTIONS] CONTAINER COMMAND [ARG...]", text, &h);
	assert_true(help_text_options_first(&h));
	read_back("COMMAND", text, &h);
	assert_false(help_text_options_first(&h));
}

static void test_a_text_that_is_no_help_has_nothing(void **state)
{
	char empty[] = "", odd[] = "Options:\n  \n  -\n  -x\n  --\nCommands:\n \n";
	struct help_text h;

	(void)state;
	help_text_read(empty, &h);
	assert_string_equal(h.usage, "");
	assert_int_equal(h.options_len + h.commands_len, 0);
	help_text_read(odd, &h);
	assert_int_equal(h.commands_len, 0);
	assert_null(help_text_command(&h, "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help_is_read_back_as_it_was_printed),
		cmocka_unit_test(test_commands_are_read),
		cmocka_unit_test(test_options_are_found_by_the_words_that_are_typed),
		cmocka_unit_test(test_arguments_come_from_the_usage_line),
		cmocka_unit_test(test_another_programs_options_are_told_by_the_usage_line),
		cmocka_unit_test(test_a_text_that_is_no_help_has_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
