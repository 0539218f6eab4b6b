/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of `sampan-oci` share: runc's global options, its errors and its exit codes. */
#ifndef SAMPAN_CLI_OCI_H
#define SAMPAN_CLI_OCI_H

#include <stdbool.h>

#include "cli/options.h"
#include "common/err.h"
#include "common/json_write.h"
#include "oci/runtime_spec.h"

#define OCI_DEFAULT_ROOT "/run/sampan-oci"

/* Options in front of the command. */
struct oci_globals {
	const char *root; /* absolute */
	const char *log;  /* file that errors are appended to; NULL: none */
	const char *criu; /* the program; NULL: "criu" */
	bool log_json;
	bool debug; /* oci_debug says something */
	bool systemd_cgroup;
	bool not_rootless; /* --rootless=false */
};

/* The commands. argv[0] is the command's name. Each returns the exit code of the program. */
int oci_checkpoint(int argc, char **argv, const struct oci_globals *g);
int oci_create(int argc, char **argv, const struct oci_globals *g);
int oci_delete(int argc, char **argv, const struct oci_globals *g);
int oci_exec(int argc, char **argv, const struct oci_globals *g);
int oci_events(int argc, char **argv, const struct oci_globals *g);
int oci_features(int argc, char **argv, const struct oci_globals *g);
int oci_kill(int argc, char **argv, const struct oci_globals *g);
int oci_list(int argc, char **argv, const struct oci_globals *g);
int oci_pause(int argc, char **argv, const struct oci_globals *g);
int oci_ps(int argc, char **argv, const struct oci_globals *g);
int oci_resume(int argc, char **argv, const struct oci_globals *g);
int oci_restore(int argc, char **argv, const struct oci_globals *g);
int oci_run(int argc, char **argv, const struct oci_globals *g);
int oci_spec(int argc, char **argv, const struct oci_globals *g);
int oci_start(int argc, char **argv, const struct oci_globals *g);
int oci_state(int argc, char **argv, const struct oci_globals *g);
int oci_update(int argc, char **argv, const struct oci_globals *g);

/* "sampan-oci: TEXT" on stderr, and a line in the log. Returns 1, as runc does for every failure of its own. */
int oci_fail(const struct oci_globals *g, const struct err *e);

/* Before something is read that can be read once (standard input): where what is to be done to the container needs a library, which a static program
 * cannot open, the program that can takes over now, and this does not return. Elsewhere oci_fail sees to it. */
void oci_settle_program(const struct oci_globals *g, const char *id);

/* "sampan-oci: warning: TEXT" on stderr, and a line in the log. */
void oci_warn(const struct oci_globals *g, const struct err *e);

/* Names the capabilities that a process cannot get because nobody knows them. config.md#linux-process. */
void oci_warn_capabilities(const struct oci_globals *g, const struct spec_process *process);

/* With --debug: a line in the log, or on stderr where there is none. */
void oci_debug(const struct oci_globals *g, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Prints a document to stdout, as it is. */
int oci_print_json(struct json_out *o, struct err *e) MUST_CHECK;

/* Parses a command's options (see options_parse; with Go's dashes, as runc's are) and checks the number of arguments. True: go on with argv[1] to
 * argv[*ret_argc]. False: --help or an error has been printed; the program ends with *ret_exit. */
bool oci_options(const struct oci_globals *g, const struct command_def *c, int argc, char **argv, void *dest,
		 int *ret_argc, int *ret_exit) MUST_CHECK;

#endif
