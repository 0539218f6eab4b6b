/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: programs that run at fixed points of a container's life with its state on stdin. runtime-spec config.md#posix-platform-hooks. */
#ifndef SAMPAN_RUNTIME_HOOKS_H
#define SAMPAN_RUNTIME_HOOKS_H

#include "oci/runtime_spec.h"

/* Runs them in order and waits for each, up to its timeout, after which it is killed. `state` is the JSON for stdin. The first failure
 * ends the list: 'hook 2 "/usr/bin/x": exit status 1: <what it wrote to stderr>'. */
int hooks_run(const struct spec_hook_list *hooks, const char *kind, const char *state,
	      struct err *e) MUST_CHECK;

/* The same, but a failure ends nothing; the first one is returned in the end. */
int hooks_run_all(const struct spec_hook_list *hooks, const char *kind, const char *state,
		  struct err *e) MUST_CHECK;

#endif
