/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/take_over.h"

void cli_error(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("sampan: ", stderr); /* there is no place left to report that stderr fails */
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

/* Errors quote what registries and images say: none of it shall be obeyed by a terminal. ESC and its like are control bytes; 0x80 to
 * 0x9f are the same once more, which UTF-8 spells with 0xc2 before them. */
int cli_fail(const struct err *e)
{
	char text[sizeof(e->text)];
	struct err cannot;
	size_t i = 0;

	if (PROGRAM_IS_STATIC && e->code == -ELIBACC && take_over("sampan", &cannot) < 0)
		cli_error("%s", cannot.text);

	for (; i < sizeof(text) - 1 && e->text[i]; i++) {
		unsigned char c = (unsigned char)e->text[i],
			      before = i > 0 ? (unsigned char)e->text[i - 1] : 0;
		bool control = c < ' ' || c == 0x7f || (before == 0xc2 && c >= 0x80 && c <= 0x9f);

		text[i] = e->text[i];
		if (control)
			text[i] = '?';
		if (control && before == 0xc2)
			text[i - 1] = '?';
	}
	text[i] = '\0';
	cli_error("%s", text);
	return CLI_EXIT_FAILED;
}

int cli_refuse(const struct err *e)
{
	(void)cli_fail(e); /* its code is another one */
	return CLI_EXIT_SAMPAN;
}

/* The number of arguments, in docker's words. */
static int check_count(const struct command_def *c, int n, struct err *e)
{
	const char *s;

	if (n < c->min_args) {
		s = c->min_args == 1 ? "" : "s";
		return err_set(e, -EINVAL, "'%s' requires %s %d argument%s", c->name,
			       c->min_args == c->max_args ? "exactly" : "at least", c->min_args, s);
	}
	if (c->max_args == 0 && n > 0)
		return err_set(e, -EINVAL, "'%s' accepts no arguments", c->name);
	if (c->max_args >= 0 && n > c->max_args) {
		s = c->max_args == 1 ? "" : "s";
		return err_set(e, -EINVAL, "'%s' accepts at most %d argument%s", c->name, c->max_args, s);
	}
	return 0;
}

bool cli_options(const struct command_def *c, int argc, char **argv, void *dest, int *ret_argc, int *ret_exit)
{
	struct err e = { 0 };
	int n = 0;
	int r = options_parse(c, argc, argv, dest, &n, &e);

	if (r == OPTIONS_HELP) {
		options_help(c, stdout);
		*ret_exit = cli_end_output(0);
		return false;
	}
	if (r == 0)
		r = check_count(c, n, &e);
	if (r < 0) {
		cli_error("%s\nSee '%s --help'.", e.text, c->name);
		*ret_exit = CLI_EXIT_SAMPAN;
		return false;
	}
	*ret_argc = n;
	return true;
}

int cli_end_output(int code)
{
	struct err e = { 0 };

	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	(void)err_errno(&e, "cannot write to stdout");
	return cli_fail(&e);
}

int cli_set_format(const char *text, void *member, struct err *e)
{
	if (strcmp(text, "json") != 0)
		return err_set(e, -EINVAL, "expected 'json'");
	*(bool *)member = true;
	return 0;
}

int cli_print_json(struct json_out *o)
{
	struct err e = { 0 };
	const char *text;
	size_t len;

	if (json_out_finish(o, &text, &len, &e) < 0)
		return cli_fail(&e);
	(void)fwrite(text, 1, len, stdout);
	if (len == 0 || text[len - 1] != '\n') /* the indented form ends with one */
		(void)putchar('\n');
	return cli_end_output(0);
}

static int family_usage(const char *name, const char *summary, const struct cli_subcommand *commands)
{
	(void)printf("Usage:  sampan %s COMMAND\n\n%s\n\nCommands:\n", name, summary);
	for (size_t i = 0; commands[i].name; i++)
		if (commands[i].summary)
			(void)printf("  %-10s %s\n", commands[i].name, commands[i].summary);
	return cli_end_output(0);
}

int cli_run_subcommand(const char *name, const char *summary, const struct cli_subcommand *commands, int argc,
		       char **argv, const struct cli_globals *g)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return family_usage(name, summary, commands);
	for (size_t i = 0; commands[i].name; i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].run(argc - 1, argv + 1, g);
	cli_error("'%s' is not a sampan %s command\nSee 'sampan %s --help'.", argv[1], name, name);
	return CLI_EXIT_SAMPAN;
}
