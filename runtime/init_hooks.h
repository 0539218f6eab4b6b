/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks that init has a part in. runtime-spec runtime.md#lifecycle. */
#ifndef SAMPAN_RUNTIME_INIT_HOOKS_H
#define SAMPAN_RUNTIME_INIT_HOOKS_H

#include "runtime/init.h"

/* Lets the creator run prestart and createRuntime, then runs createContainer here. */
int init_hooks_before_pivot(const struct init_context *c, struct err *e) MUST_CHECK;

/* Runs startContainer. */
int init_hooks_before_exec(const struct init_context *c, struct err *e) MUST_CHECK;

/* The state that hooks get on stdin, as text; owned. */
int hook_state_text(const struct runtime_args *args, const char *rootfs, pid_t pid,
		    enum runtime_status status, char **ret, struct err *e) MUST_CHECK;

#endif
