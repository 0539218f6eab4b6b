/* SPDX-License-Identifier: Apache-2.0 */
/* The process of a `sampan exec`: that of the container, changed by the flags. Pure. */
#ifndef SAMPAN_CLI_EXEC_PROCESS_H
#define SAMPAN_CLI_EXEC_PROCESS_H

#include <stdbool.h>

#include "cli/attach_keys.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/runtime_spec.h"

struct exec_flags {
	bool detach, interactive, tty, privileged;
	const char *user, *workdir, *detach_keys;
	struct attach_keys keys; /* of detach_keys, or the default ones */
	struct strvec env, env_files;
};
void exec_flags_done(struct exec_flags *f);
#define cleanup_exec_flags __attribute__((cleanup(exec_flags_done)))

struct exec_context {
	const struct strvec *own;   /* our environment */
	const char *passwd, *group; /* texts of the container's files as they are now; "" where it has none */
	unsigned int rows, columns; /* of our terminal; 0: there is none */
};

/* Changes `p`. `args`: the command, which ends with a NULL. With -u its groups are that user's, and so is HOME unless somebody has set it to something that is
 * not the home of the container's user. -EINVAL in docker's words; reads the files that --env-file names. */
int exec_process_adapt(const struct exec_flags *f, const struct exec_context *c, char *const *args,
		       struct spec_process *p, struct err *e) MUST_CHECK;

#endif
