/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of sampan-image share. Its users type `sampan pull`; `sampan` passes everything on. */
#ifndef SAMPAN_CLI_IMAGE_MAIN_H
#define SAMPAN_CLI_IMAGE_MAIN_H

#include "cli/cli.h"

struct image_globals {
	const char *root, *state_dir;
	int error_fd; /* where an error goes as "CODE TEXT", and the name of what was pulled as "0 NAME", for the program that called
		       * us; -1: to stderr, for people */
};

/* The commands. argv[0] is the command's name. Each returns the exit code of the program. */
int image_build(int argc, char **argv, const struct image_globals *g);
int image_binfmt(int argc, char **argv, const struct image_globals *g);
int image_copy(int argc, char **argv, const struct image_globals *g);
int image_commit(int argc, char **argv, const struct image_globals *g);
int image_cp(int argc, char **argv, const struct image_globals *g);
int image_export(int argc, char **argv, const struct image_globals *g);
int image_import(int argc, char **argv, const struct image_globals *g);
int image_fsck(int argc, char **argv, const struct image_globals *g);
int image_init(int argc, char **argv, const struct image_globals *g);
int image_load(int argc, char **argv, const struct image_globals *g);
int image_manifest(int argc, char **argv, const struct image_globals *g);
int image_pull(int argc, char **argv, const struct image_globals *g);
int image_push(int argc, char **argv, const struct image_globals *g);
int image_search(int argc, char **argv, const struct image_globals *g);
int image_save(int argc, char **argv, const struct image_globals *g);
int image_lock(int argc, char **argv, const struct image_globals *g);
int image_log_pack(int argc, char **argv, const struct image_globals *g);
int image_log_unpack(int argc, char **argv, const struct image_globals *g);
int image_login(int argc, char **argv, const struct image_globals *g);
int image_logout(int argc, char **argv, const struct image_globals *g);
int image_sign(int argc, char **argv, const struct image_globals *g);
int image_yaml(int argc, char **argv, const struct image_globals *g);
int image_verify(int argc, char **argv, const struct image_globals *g);

/* Tells the program that called us, if there is one, what it has now. */
void image_pulled(const struct image_globals *g, const char *name);

/* Says what went wrong, to whom it concerns. Returns CLI_EXIT_FAILED. */
int image_fail(const struct image_globals *g, const struct err *e);

/* The same for a command line that cannot be followed. Returns CLI_EXIT_SAMPAN. */
int image_refuse(const struct image_globals *g, const struct err *e);

#endif
