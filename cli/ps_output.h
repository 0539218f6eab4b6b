/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's ps(1) says of the processes of a container. */
#ifndef SAMPAN_CLI_PS_OUTPUT_H
#define SAMPAN_CLI_PS_OUTPUT_H

#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/strvec.h"

void ps_sort_pids(pid_t *pids, size_t len);

/* Runs ps with `options`, which end with a NULL (none: -ef). *ret: the title line, and the lines whose processes are among the sorted
 * `pids`. -EINVAL, with what it says: ps has failed, or prints no PIDs. */
int ps_output(char *const *options, const pid_t *pids, size_t len, struct strvec *ret,
	      struct err *e) MUST_CHECK;

#endif
