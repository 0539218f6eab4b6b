/* SPDX-License-Identifier: Apache-2.0 */
/* The standard streams that a container gets from its creator, seen as what they are. */
#ifndef SAMPAN_RUNTIME_STDIO_H
#define SAMPAN_RUNTIME_STDIO_H

#include "common/err.h"
#include "common/strvec.h"

/* Appends what 0, 1 and 2 of this process are ("pipe:[123]", "/dev/null"): a restored container gets its caller's streams in the place of pipes
 * of these names. "" for one that is closed. *ret_null_streams is as stdio_null_streams has it; may be NULL. -ENOMEM. */
int stdio_names(struct strvec *ret, unsigned int *ret_null_streams, struct err *e) MUST_CHECK;

/* Which of 0, 1 and 2 are the null device: a bit for each, the lowest being that of 0. */
unsigned int stdio_null_streams(void);

/* /dev/null below root_fd, or our own with AT_FDCWD, made sure of. Owned; -1: there is none. */
int stdio_open_null(int root_fd);

/* Streams that are the host's /dev/null become the container's own, which is borrowed; nothing is done with -1. A file of a mount that the
 * container does not have could not be checkpointed. */
void stdio_adopt_null(unsigned int null_streams, int null_fd);

#endif
