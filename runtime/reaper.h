/* SPDX-License-Identifier: Apache-2.0 */
/* --init: process 1 that reaps orphans and forwards signals, so that programs that cannot be process 1 need not be. */
#ifndef SAMPAN_RUNTIME_REAPER_H
#define SAMPAN_RUNTIME_REAPER_H

#include "common/err.h"

/* Forks. The child returns 0 and goes on to execve, in a process group of its own that has the terminal; descriptors from `first_fd` on
 * stay open in it only. The parent never returns: it forwards signals to the child, reaps, and ends as the child ended (128 + signal). */
int reaper_fork(unsigned int first_fd, struct err *e) MUST_CHECK;

#endif
