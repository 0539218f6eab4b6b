/* SPDX-License-Identifier: Apache-2.0 */
/* A table-driven parser of command lines in docker's syntax: -it, -eNAME=x, -e NAME=x, --flag, --flag=value, --flag value,
 * --flag=false, "--". Values go into a struct of the command's own, by offset.
 */
#ifndef SAMPAN_CLI_OPTIONS_H
#define SAMPAN_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/err.h"
#include "common/json_read.h" /* opt_* */
#include "common/strvec.h"

/* What the member is. */
enum option_kind {
	OPTION_BOOL,   /* bool; needs no value, takes one behind '=' */
	OPTION_STRING, /* const char *, borrowed from argv; the last one wins */
	OPTION_LIST,   /* struct strvec, owned; may be given many times */
	OPTION_SIZE,   /* struct opt_u64, bytes: parse_size_bytes */
	OPTION_U64,    /* struct opt_u64 */
	OPTION_I64,    /* struct opt_i64 */
	OPTION_CALL,   /* anything: def->set reads it */
};

struct option_def {
	const char *name; /* without "--"; NULL ends a table */
	char letter;      /* 0: none */
	enum option_kind kind;
	size_t offset;     /* of the member in the command's struct */
	const char *value; /* what --help calls the value: "bytes", "list" */
	const char *help;  /* one line; NULL: not shown */
	/* OPTION_CALL, and an OPTION_BOOL that takes other values than these, too. 0 or negative errno; the error text says what is wrong with `text` alone. */
	int (*set)(const char *text, void *member, struct err *e);
};

struct command_def {
	const char *name;    /* "sampan run" */
	const char *usage;   /* "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
	const char *summary; /* one line */
	const struct option_def *options;
	bool options_first; /* the first argument ends the options (run, exec, and the program itself) */
	bool go_dashes; /* one dash does for long names, and two for letters, as in Go's package flag: -bundle, --b */
	int min_args;
	int max_args; /* -1: any number */
};

#define OPTIONS_HELP 1

/* Reads argv[1] to argv[argc - 1]. The arguments that are no options end up in argv[1] to argv[*ret_argc], in their order, followed by a NULL
 * if anything was left out. `dest` is the command's struct, zeroed or with defaults in it. --help, and -h where the command has
 * no such letter, return OPTIONS_HELP.
 * -EINVAL in pflag's words ("unknown flag: --x", "flag needs an argument: --name"), -ENOMEM. Lists in `dest` belong to the caller, on
 * failure too. */
int options_parse(const struct command_def *c, int argc, char **argv, void *dest, int *ret_argc,
		  struct err *e) MUST_CHECK;

/* Usage, summary and options, as docker lays them out. */
void options_help(const struct command_def *c, FILE *out);

/* The options' part alone. */
void options_help_list(const struct option_def *options, FILE *out);

#endif
