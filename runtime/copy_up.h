/* SPDX-License-Identifier: Apache-2.0 */
/* "tmpcopyup": a tmpfs that begins with what it hides. */
#ifndef SAMPAN_RUNTIME_COPY_UP_H
#define SAMPAN_RUNTIME_COPY_UP_H

#include "common/err.h"

#define COPY_UP_MAX_DEPTH   64
#define COPY_UP_MAX_ENTRIES 65536

/* Copies what is in from_fd to to_fd, and the directory's own mode and owner: files, directories, symlinks, nodes; contents, modes, owners,
 * times. Follows no symlink. Hard links become files of their own. -EFBIG over the limits. */
int copy_up(int from_fd, int to_fd, struct err *e) MUST_CHECK;

#endif
