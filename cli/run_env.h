/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of a container's process. */
#ifndef SAMPAN_CLI_RUN_ENV_H
#define SAMPAN_CLI_RUN_ENV_H

#include <stdbool.h>

#include "common/err.h"
#include "common/strvec.h"

#define RUN_ENV_FILE_MAX (1u << 20) /* bytes */

struct run_env_sources {
	const char *hostname;
	const char *home; /* from the passwd file */
	bool tty;
	const struct strvec *image; /* NAME=VALUE */
	const struct strvec *files; /* paths of --env-file */
	const struct strvec *flags; /* of -e: NAME=VALUE, or NAME for the value of our own environment */
	const struct strvec *own;   /* our environment, NAME=VALUE */
};

/* Docker's order: PATH, HOSTNAME and TERM have defaults, over them the image's, then files, then flags; HOME last and only
 * where nobody set it. A NAME without a value that we do not have either is removed. -EINVAL malformed line or flag, errors of open(2). */
int run_env_build(const struct run_env_sources *from, struct strvec *ret, struct err *e) MUST_CHECK;

/* --label-file: "key=value", or "key" alone, a line; sets them in `labels`. -EINVAL, and as opening a file. */
int run_env_read_labels(const char *path, struct strvec *labels, struct err *e) MUST_CHECK;
/* What files and flags say, in this order, over an environment that is there: of a further process in a container. Its errors. */
int run_env_change(const struct strvec *files, const struct strvec *flags, const struct strvec *own,
		   struct strvec *env, struct err *e) MUST_CHECK;

#endif
