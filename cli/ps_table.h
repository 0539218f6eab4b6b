/* SPDX-License-Identifier: Apache-2.0 */
/* The output of the host's ps(1), picked apart. Pure. */
#ifndef SAMPAN_CLI_PS_TABLE_H
#define SAMPAN_CLI_PS_TABLE_H

#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

/* Which word of the title line is "PID", from 0. -ENOENT: none. */
int ps_pid_column(const char *title, size_t *ret) MUST_CHECK;

/* The process in that column of a line. -EINVAL: the line has none. */
int ps_line_pid(const char *line, size_t column, pid_t *ret) MUST_CHECK;

#endif
