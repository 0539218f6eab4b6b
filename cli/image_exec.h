/* SPDX-License-Identifier: Apache-2.0 */
/* How `sampan` runs sampan-image, the program that is linked with what a container's start must not pay for. */
#ifndef SAMPAN_CLI_IMAGE_EXEC_H
#define SAMPAN_CLI_IMAGE_EXEC_H

#include <stdbool.h>

#include "cli/cli.h"
#include "common/buf.h"
#include "common/err.h"

/* Replaces this program by `sampan-image COMMAND ARGS` with the same global options; argv[0] is the command. Returns only on failure.
 * The program is looked for in $SAMPAN_LIBEXEC, then beside this one in the build tree (libexec/sampan/), then where it gets installed.
 * -ENOENT with the cure. */
int image_exec(const struct cli_globals *g, int argc, char **argv, struct err *e) MUST_CHECK;

/* Runs `sampan-image pull` and waits for it; what it prints, progress too unless `quiet`, goes to stderr. `platform` may be NULL. Its
 * error becomes *e, text and code. -EINTR: it was interrupted, and has cleaned up. *ret_name, owned: the canonical name that the image has now, which
 * registries.conf may have made of a short one. */
int image_pull_run(const struct cli_globals *g, const char *ref, const char *platform, bool quiet,
		   char **ret_name, struct err *e) MUST_CHECK;

/* Reads a file in YAML as JSON, through `sampan-image yaml`: appended to `ret`, up to its maximum. Errors have the line. */
int image_yaml_read(const char *path, struct buf *ret, struct err *e) MUST_CHECK;

#endif
