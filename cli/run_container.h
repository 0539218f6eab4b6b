/* SPDX-License-Identifier: Apache-2.0 */
/* One `sampan run`, from its flags to the exit code. */
#ifndef SAMPAN_CLI_RUN_CONTAINER_H
#define SAMPAN_CLI_RUN_CONTAINER_H

#include "cli/cli.h"
#include "cli/run_flags.h"

/* Runs `args` (behind the image's name; may be empty) in a new container of `image`: with -d its ID is printed once it runs. Returns the exit code of the
 * program: the command's own, 125, 126 or 127; errors have been printed. */
int run_container(const struct run_flags *f, const char *image, char **args, size_t args_len,
		  const struct cli_globals *g);

#endif
