/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <string.h>

#include "common/parse.h"

#define HELP_WIDTH_MAX 34 /* longer flags do not push the texts of all the others to the right */

static const struct option_def *find_long(const struct option_def *options, const char *name, size_t len)
{
	for (; options && options->name; options++)
		if (strlen(options->name) == len && memcmp(options->name, name, len) == 0)
			return options;
	return NULL;
}

static const struct option_def *find_letter(const struct option_def *options, char letter)
{
	for (; options && options->name; options++)
		if (options->letter == letter)
			return options;
	return NULL;
}

static int set_size(const char *text, struct opt_u64 *member, struct err *e)
{
	uint64_t n = 0;
	int r = parse_size_bytes(text, &n);

	if (r < 0)
		return err_set(e, r, "%s: '%s'", r == -ERANGE ? "size is out of range" : "invalid size",
			       text);
	*member = (struct opt_u64){ .set = true, .value = n };
	return 0;
}

static int set_u64(const char *text, struct opt_u64 *member, struct err *e)
{
	uint64_t n = 0;
	int r = parse_u64(text, 0, UINT64_MAX, &n);

	if (r < 0)
		return err_set(e, r, "expected a non-negative number");
	*member = (struct opt_u64){ .set = true, .value = n };
	return 0;
}

static int set_i64(const char *text, struct opt_i64 *member, struct err *e)
{
	int64_t n = 0;
	int r = parse_i64(text, INT64_MIN, INT64_MAX, &n);

	if (r < 0)
		return err_set(e, r, "expected a number");
	*member = (struct opt_i64){ .set = true, .value = n };
	return 0;
}

static int set_member(const struct option_def *o, const char *text, void *member, struct err *e)
{
	switch (o->kind) {
	case OPTION_BOOL:
		if (o->set)
			break;
		if (parse_bool(text, member) < 0)
			return err_set(e, -EINVAL, "expected true or false");
		return 0;
	case OPTION_STRING:
		*(const char **)member = text;
		return 0;
	case OPTION_LIST:
		return strvec_add(member, text) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
	case OPTION_SIZE:
		return set_size(text, member, e);
	case OPTION_U64:
		return set_u64(text, member, e);
	case OPTION_I64:
		return set_i64(text, member, e);
	case OPTION_CALL:
		break;
	}
	return o->set(text, member, e);
}

static int set_option(const struct option_def *o, const char *text, void *dest, struct err *e)
{
	char *member = dest;
	int r = set_member(o, text, member + o->offset, e);

	if (r == 0 || r == -ENOMEM)
		return r;
	if (o->letter)
		return err_wrap(e, "invalid argument \"%s\" for \"-%c, --%s\" flag", text, o->letter,
				o->name);
	return err_wrap(e, "invalid argument \"%s\" for \"--%s\" flag", text, o->name);
}

/* Where the parser stands in the command line. */
struct cursor {
	const struct command_def *command;
	char **argv;
	int argc;
	int next; /* the argument to read next */
};

/* `arg` is what follows the dashes. */
static bool is_go_option(const struct command_def *c, const char *arg)
{
	size_t len = strcspn(arg, "=");

	if (!c->go_dashes || len == 0)
		return false;
	return find_long(c->options, arg, len) || (len == 1 && find_letter(c->options, arg[0])) ||
	       (len == strlen("help") && strncmp(arg, "help", len) == 0);
}

static int parse_long(struct cursor *c, const char *arg, void *dest, struct err *e)
{
	size_t len = strcspn(arg, "=");
	const struct option_def *o = find_long(c->command->options, arg, len);

	if (!o && c->command->go_dashes && len == 1)
		o = find_letter(c->command->options, arg[0]);
	if (!o && len == strlen("help") && strncmp(arg, "help", len) == 0)
		return OPTIONS_HELP;
	if (!o)
		return err_set(e, -EINVAL, "unknown flag: --%.*s", (int)len, arg);
	if (arg[len] == '=')
		return set_option(o, arg + len + 1, dest, e);
	if (o->kind == OPTION_BOOL)
		return set_option(o, "true", dest, e);
	if (c->next >= c->argc)
		return err_set(e, -EINVAL, "flag needs an argument: --%s", o->name);
	return set_option(o, c->argv[c->next++], dest, e);
}

/* A bundle of letters, the last of which may have its value attached, after '=' or in the next argument. */
static int parse_letters(struct cursor *c, const char *bundle, void *dest, struct err *e)
{
	const char *p = bundle;
	int r = 0;

	for (; r == 0 && *p; p++) {
		const struct option_def *o = find_letter(c->command->options, *p);

		if (!o && *p == 'h')
			return OPTIONS_HELP;
		if (!o)
			return err_set(e, -EINVAL, "unknown shorthand flag: '%c' in -%s", *p, bundle);
		if (p[1] == '=')
			return set_option(o, p + 2, dest, e);
		if (o->kind == OPTION_BOOL) {
			r = set_option(o, "true", dest, e);
			continue;
		}
		if (p[1])
			return set_option(o, p + 1, dest, e);
		if (c->next >= c->argc)
			return err_set(e, -EINVAL, "flag needs an argument: '%c' in -%s", *p, bundle);
		return set_option(o, c->argv[c->next++], dest, e);
	}
	return r;
}

/* `arg` begins with a dash, and is no "--". */
static int parse_option(struct cursor *c, const char *arg, void *dest, struct err *e)
{
	if (arg[1] == '-')
		return parse_long(c, arg + 2, dest, e);
	if (is_go_option(c->command, arg + 1))
		return parse_long(c, arg + 1, dest, e);
	return parse_letters(c, arg + 1, dest, e);
}

int options_parse(const struct command_def *command, int argc, char **argv, void *dest, int *ret_argc,
		  struct err *e)
{
	struct cursor c = { .command = command, .argv = argv, .argc = argc, .next = 1 };
	bool only_arguments = false;
	int kept = 0;
	int r;

	while (c.next < argc) {
		char *arg = argv[c.next++];

		if (only_arguments || arg[0] != '-' || !arg[1]) {
			only_arguments = only_arguments || command->options_first;
			argv[++kept] = arg;
			continue;
		}
		if (strcmp(arg, "--") == 0) {
			only_arguments = true;
			continue;
		}
		r = parse_option(&c, arg, dest, e);
		if (r != 0)
			return r;
	}
	if (kept + 1 < argc)
		argv[kept + 1] = NULL;
	*ret_argc = kept;
	return 0;
}

static int flag_width(const struct option_def *o)
{
	return (int)(strlen(o->name) + (o->value ? strlen(o->value) + 1 : 0));
}

/* The column of the texts: behind the widest flag that is not too wide. */
static int help_width(const struct option_def *options)
{
	int width = 0;

	for (const struct option_def *o = options; o && o->name; o++)
		if (o->help && flag_width(o) > width && flag_width(o) <= HELP_WIDTH_MAX)
			width = flag_width(o);
	return width;
}

static void help_line(const struct option_def *o, int width, FILE *out)
{
	int gap = width > flag_width(o) ? width - flag_width(o) : 0;

	if (o->letter)
		(void)fprintf(out, "  -%c, ", o->letter);
	else
		(void)fputs("      ", out);
	(void)fprintf(out, "--%s%s%s%*s   %s\n", o->name, o->value ? " " : "", o->value ? o->value : "", gap,
		      "", o->help);
}

void options_help_list(const struct option_def *options, FILE *out)
{
	int width = help_width(options);

	for (; options && options->name; options++)
		if (options->help)
			help_line(options, width, out);
}

void options_help(const struct command_def *c, FILE *out)
{
	(void)fprintf(out, "Usage:  %s %s\n\n%s\n", c->name, c->usage, c->summary);
	if (c->options && c->options->name) {
		(void)fputs("\nOptions:\n", out);
		options_help_list(c->options, out);
	}
}
