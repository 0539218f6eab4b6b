/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPAN_CLI_EXEC_DETACH_H
#define SAMPAN_CLI_EXEC_DETACH_H

#include "cli/cli.h"
#include "cli/exec_events.h"
#include "runtime/exec.h"

/* Starts a command in a container with nobody to read it or to type. A process of some 50 KiB stays until it ends, to tell of that (exec_die): the kernel
 * tells an exit code to a parent only. Errors of runtime_exec. */
int exec_detach(const struct runtime_exec_args *args, const struct exec_events *events,
		const struct cli_globals *g, struct err *e) MUST_CHECK;

#endif
