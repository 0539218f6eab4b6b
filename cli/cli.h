/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of `sampan` share: the global options, the exit codes, and how errors are shown. */
#ifndef SAMPAN_CLI_CLI_H
#define SAMPAN_CLI_CLI_H

#include <stdbool.h>

#include "cli/options.h"
#include "common/err.h"
#include "common/json_write.h"

/* Docker's. */
enum cli_exit {
	CLI_EXIT_FAILED = 1,
	CLI_EXIT_SAMPAN = 125, /* sampan itself failed, or did not understand the command line */
	CLI_EXIT_NOT_EXECUTABLE = 126,
	CLI_EXIT_NOT_FOUND = 127,
};

/* Options in front of the command. */
struct cli_globals {
	const char *root;      /* of the store; absolute */
	const char *state_dir; /* absolute */
	bool debug;            /* say on stderr what takes how long */
};

/* The commands. argv[0] is the command's name. Each returns the exit code of the program. */
int cmd_delegated(int argc, char **argv, const struct cli_globals *g); /* those of sampan-image */
int cmd_attach(int argc, char **argv, const struct cli_globals *g);
int cmd_boot(int argc, char **argv, const struct cli_globals *g);
int cmd_builder(int argc, char **argv, const struct cli_globals *g);
int cmd_check(int argc, char **argv, const struct cli_globals *g);
int cmd_commit(int argc, char **argv, const struct cli_globals *g);
int cmd_container(int argc, char **argv, const struct cli_globals *g);
int cmd_cp(int argc, char **argv, const struct cli_globals *g);
int cmd_complete(int argc, char **argv, const struct cli_globals *g); /* __complete */
int cmd_completion(int argc, char **argv, const struct cli_globals *g);
int cmd_create(int argc, char **argv, const struct cli_globals *g);
int cmd_diff(int argc, char **argv, const struct cli_globals *g);
int cmd_events(int argc, char **argv, const struct cli_globals *g);
int cmd_exec(int argc, char **argv, const struct cli_globals *g);
int cmd_history(int argc, char **argv, const struct cli_globals *g);
int cmd_image(int argc, char **argv, const struct cli_globals *g);
int cmd_images(int argc, char **argv, const struct cli_globals *g);
int cmd_info(int argc, char **argv, const struct cli_globals *g);
int cmd_inspect(int argc, char **argv, const struct cli_globals *g);
int cmd_kill(int argc, char **argv, const struct cli_globals *g);
int cmd_logs(int argc, char **argv, const struct cli_globals *g);
int cmd_monitor_cleanup(int argc, char **argv, const struct cli_globals *g);
int cmd_monitor_event(int argc, char **argv, const struct cli_globals *g);
int cmd_monitor_pack(int argc, char **argv, const struct cli_globals *g);
int cmd_monitor_health(int argc, char **argv, const struct cli_globals *g);
int cmd_monitor_launch(int argc, char **argv, const struct cli_globals *g);
int cmd_network(int argc, char **argv, const struct cli_globals *g);
int cmd_port(int argc, char **argv, const struct cli_globals *g);
int cmd_pause(int argc, char **argv, const struct cli_globals *g);
int cmd_ps(int argc, char **argv, const struct cli_globals *g);
int cmd_rename(int argc, char **argv, const struct cli_globals *g);
int cmd_restart(int argc, char **argv, const struct cli_globals *g);
int cmd_rm(int argc, char **argv, const struct cli_globals *g);
int cmd_rmi(int argc, char **argv, const struct cli_globals *g);
int cmd_run(int argc, char **argv, const struct cli_globals *g);
int cmd_start(int argc, char **argv, const struct cli_globals *g);
int cmd_stats(int argc, char **argv, const struct cli_globals *g);
int cmd_stop(int argc, char **argv, const struct cli_globals *g);
int cmd_system(int argc, char **argv, const struct cli_globals *g);
int cmd_tag(int argc, char **argv, const struct cli_globals *g);
int cmd_top(int argc, char **argv, const struct cli_globals *g);
int cmd_tree(int argc, char **argv, const struct cli_globals *g); /* image tree */
int cmd_secret(int argc, char **argv, const struct cli_globals *g);
int cmd_unpause(int argc, char **argv, const struct cli_globals *g);
int cmd_update(int argc, char **argv, const struct cli_globals *g);
int cmd_version(int argc, char **argv, const struct cli_globals *g);
int cmd_volume(int argc, char **argv, const struct cli_globals *g);
int cmd_wait(int argc, char **argv, const struct cli_globals *g);

/* A command that is a family of commands, `sampan NAME COMMAND`. `commands` ends with a name of NULL; one without a summary is not shown. */
struct cli_subcommand {
	const char *name;
	int (*run)(int argc, char **argv, const struct cli_globals *g);
	const char *summary;
};
int cli_run_subcommand(const char *name, const char *summary, const struct cli_subcommand *commands, int argc,
		       char **argv, const struct cli_globals *g);

/* "sampan: TEXT" on stderr. */
void cli_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same for an error value. Returns CLI_EXIT_FAILED. */
int cli_fail(const struct err *e);

/* The same for a command line that cannot be followed. Returns CLI_EXIT_SAMPAN. */
int cli_refuse(const struct err *e);

/* Parses a command's options into `dest` (see options_parse) and checks the number of arguments. True: go on with
 * argv[1] to argv[*ret_argc]. False: --help or an error has been printed; the program ends with *ret_exit. */
bool cli_options(const struct command_def *c, int argc, char **argv, void *dest, int *ret_argc,
		 int *ret_exit) MUST_CHECK;

/* For an OPTION_CALL "--format": the member is a bool, true for "json". -EINVAL for anything else. */
int cli_set_format(const char *text, void *member, struct err *e);

/* Prints a finished document and a newline. Returns the exit code. */
int cli_print_json(struct json_out *o) MUST_CHECK;

/* Flushes stdout. A full disk or a closed pipe is an error that scripts must see: CLI_EXIT_FAILED, else `code`. */
int cli_end_output(int code) MUST_CHECK;

#endif
