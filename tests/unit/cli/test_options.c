/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "common/cleanup.h"

struct values {
	bool interactive, tty;
	const char *name;
	struct strvec env;
	struct opt_u64 memory, shares;
	struct opt_i64 pids;
	int colour;
};

static int set_colour(const char *text, void *member, struct err *e)
{
	if (strcmp(text, "red") != 0)
		return err_set(e, -EINVAL, "no such colour");
	*(int *)member = 7;
	return 0;
}

#define V(m) offsetof(struct values, m)
static const struct option_def OPTIONS[] = {
	{ "interactive", 'i', OPTION_BOOL, V(interactive), NULL, "Keep stdin open" },
	{ "tty", 't', OPTION_BOOL, V(tty), NULL, "Make a terminal" },
	{ "name", 0, OPTION_STRING, V(name), "string", "The name" },
	{ "env", 'e', OPTION_LIST, V(env), "list", "Environment" },
	{ "memory", 'm', OPTION_SIZE, V(memory), "bytes", "Memory" },
	{ "shares", 0, OPTION_U64, V(shares), "int", "Shares" },
	{ "pids", 0, OPTION_I64, V(pids), "int", "Processes" },
	{ "colour", 'c', OPTION_CALL, V(colour), "colour", NULL, set_colour },
	{ 0 },
};
static const struct command_def RUN = {
	.name = "sampan run", .usage = "IMAGE", .summary = "Run", .options = OPTIONS, .options_first = true
};
static const struct command_def LIST = {
	.name = "sampan ps", .usage = "X", .summary = "List", .options = OPTIONS
};

#define ARGS_MAX 32
struct run {
	char *argv[ARGS_MAX + 1];
	struct values v;
	int n, result;
	struct err e;
};

/* Parses the words of `line`. */
static void parse(const struct command_def *c, const char *line, struct run *out)
{
	static char text[512];
	char *save = NULL, *word;
	int argc = 0;

	*out = (struct run){ 0 };
	snprintf(text, sizeof(text), "%s", line);
	for (word = strtok_r(text, " ", &save); word && argc < ARGS_MAX; word = strtok_r(NULL, " ", &save))
		out->argv[argc++] = word;
	out->result = options_parse(c, argc, out->argv, &out->v, &out->n, &out->e);
}

static void letters_may_be_bundled(void **state)
{
	struct run t;

	(void)state;
	parse(&RUN, "run -it image sh -c x", &t);
	assert_int_equal(t.result, 0);
	assert_true(t.v.interactive && t.v.tty);
	assert_int_equal(t.n, 4);
	assert_string_equal(t.argv[1], "image");
	assert_string_equal(t.argv[3], "-c");
	assert_int_equal(t.v.colour, 0);
}

static void values_may_be_attached_or_stand_alone(void **state)
{
	struct run t;

	(void)state;
	parse(&RUN, "run --name=a -eA=1 -e B=2 -e=C=3 --env D=4 -itm 64m --shares 512 --pids -1 -cred image",
	      &t);
	assert_int_equal(t.result, 0);
	assert_string_equal(t.v.name, "a");
	assert_int_equal(t.v.env.len, 4);
	assert_string_equal(t.v.env.items[0], "A=1");
	assert_string_equal(t.v.env.items[2], "C=3");
	assert_string_equal(t.v.env.items[3], "D=4");
	assert_int_equal(t.v.memory.value, 64 << 20);
	assert_int_equal(t.v.shares.value, 512);
	assert_true(t.v.pids.set);
	assert_int_equal(t.v.pids.value, -1);
	assert_int_equal(t.v.colour, 7);
	assert_int_equal(t.n, 1);
	strvec_done(&t.v.env);
}

static void a_flag_may_be_switched_off(void **state)
{
	struct run t;

	(void)state;
	parse(&RUN, "run --tty --tty=false -i=true x", &t);
	assert_int_equal(t.result, 0);
	assert_false(t.v.tty);
	assert_true(t.v.interactive);
}

static void flags_behind_the_first_argument_belong_to_the_command_of_run(void **state)
{
	struct run t;

	(void)state;
	parse(&RUN, "run image --name x", &t);
	assert_int_equal(t.result, 0);
	assert_null(t.v.name);
	assert_int_equal(t.n, 3);
	parse(&LIST, "ps image --name x y", &t);
	assert_int_equal(t.result, 0);
	assert_string_equal(t.v.name, "x");
	assert_int_equal(t.n, 2);
	assert_string_equal(t.argv[2], "y");
	assert_null(t.argv[3]);
}

static void two_dashes_end_the_options(void **state)
{
	struct run t;

	(void)state;
	parse(&LIST, "ps -- --name x", &t);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.n, 2);
	assert_string_equal(t.argv[1], "--name");
	parse(&LIST, "ps - x", &t);
	assert_int_equal(t.n, 2);
	assert_string_equal(t.argv[1], "-");
}

static void in_go_one_dash_does_for_long_names_and_two_for_letters(void **state)
{
	static const struct command_def GO = { .name = "go", .options = OPTIONS, .go_dashes = true };
	struct run t;

	(void)state;
	parse(&GO, "go -name=a -env A=1 --e B=2 -tty --i=false -pids -3 -cred image", &t);
	assert_int_equal(t.result, 0);
	assert_string_equal(t.v.name, "a");
	assert_int_equal(t.v.env.len, 2);
	assert_string_equal(t.v.env.items[1], "B=2");
	assert_true(t.v.tty);
	assert_false(t.v.interactive);
	assert_int_equal(t.v.pids.value, -3);
	assert_int_equal(t.v.colour, 7);
	assert_int_equal(t.n, 1);
	strvec_done(&t.v.env);
	parse(&GO, "go -help", &t);
	assert_int_equal(t.result, OPTIONS_HELP);
	parse(&GO, "go --x", &t);
	assert_int_equal(t.result, -EINVAL);
	assert_string_equal(t.e.text, "unknown flag: --x");
	parse(&LIST, "list --i", &t);
	assert_int_equal(t.result, -EINVAL);
	assert_string_equal(t.e.text, "unknown flag: --i");
}

static void help_is_asked_for_in_two_ways(void **state)
{
	struct run t;

	(void)state;
	parse(&RUN, "run --help", &t);
	assert_int_equal(t.result, OPTIONS_HELP);
	parse(&RUN, "run -ih x", &t);
	assert_int_equal(t.result, OPTIONS_HELP);
	parse(&RUN, "run x --help", &t);
	assert_int_equal(t.result, 0);
}

static void errors_have_the_words_of_pflag(void **state)
{
	static const struct {
		const char *line, *text;
	} CASES[] = {
		{ "run --foo x", "unknown flag: --foo" },
		{ "run --foo=1 x", "unknown flag: --foo" },
		{ "run --nam x", "unknown flag: --nam" },
		{ "run -iz x", "unknown shorthand flag: 'z' in -iz" },
		{ "run --name", "flag needs an argument: --name" },
		{ "run -ie", "flag needs an argument: 'e' in -ie" },
		{ "run -m lots x",
		  "invalid argument \"lots\" for \"-m, --memory\" flag: invalid size: 'lots'" },
		{ "run --shares -1 x",
		  "invalid argument \"-1\" for \"--shares\" flag: expected a non-negative number" },
		{ "run --tty=maybe x",
		  "invalid argument \"maybe\" for \"-t, --tty\" flag: expected true or false" },
		{ "run -c blue x", "invalid argument \"blue\" for \"-c, --colour\" flag: no such colour" },
	};
	struct run t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		parse(&RUN, CASES[i].line, &t);
		assert_true(t.result < 0);
		assert_string_equal(t.e.text, CASES[i].text);
	}
}

static void help_lists_what_has_a_text(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	options_help(&RUN, f);
	fclose(f);
	assert_non_null(strstr(text, "Usage:  sampan run IMAGE\n\nRun\n\nOptions:\n"));
	assert_non_null(strstr(text, "  -e, --env list       Environment\n"));
	assert_non_null(strstr(text, "      --name string    The name\n"));
	assert_null(strstr(text, "colour"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_may_be_bundled),
		cmocka_unit_test(values_may_be_attached_or_stand_alone),
		cmocka_unit_test(a_flag_may_be_switched_off),
		cmocka_unit_test(flags_behind_the_first_argument_belong_to_the_command_of_run),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(in_go_one_dash_does_for_long_names_and_two_for_letters),
		cmocka_unit_test(help_is_asked_for_in_two_ways),
		cmocka_unit_test(errors_have_the_words_of_pflag),
		cmocka_unit_test(help_lists_what_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
