/* SPDX-License-Identifier: Apache-2.0 */
/* Long work that is stopped at once, whatever it waits for: in a process of its own, which is killed. Inside build/ and cli/ of builds. */
#ifndef SAMPAN_BUILD_STOPPABLE_H
#define SAMPAN_BUILD_STOPPABLE_H

#include <stddef.h>

#include "common/err.h"

/* Calls work(arg, e) in a copy of this process that ends with us, and waits for it. What it leaves in memory is lost, but for `result`: `len` plain bytes, which are copied back when it
 * has succeeded (NULL: none); what it makes in file systems stays, and is the caller's to remove. No other descriptor or lock is given up by it: all are shared.
 * work's error; -EINTR cancel_fd (-1: none) became readable; -EPROTO the process died. Whatever is returned, it has ended. */
int stoppable_run(int (*work)(void *arg, struct err *e), void *arg, void *result, size_t len, int cancel_fd,
		  struct err *e) MUST_CHECK;

/* fsync(2): it may be a long way to the disk. What cannot be synced is no error. -EINTR, and errors of fsync. */
int stoppable_sync(int fd, int cancel_fd, struct err *e) MUST_CHECK;

#endif
