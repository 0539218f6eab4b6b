/* SPDX-License-Identifier: Apache-2.0 */
/* Files of procfs that are written with privileges: the right ones, whatever is mounted where. */
#ifndef SAMPAN_RUNTIME_PROCFS_H
#define SAMPAN_RUNTIME_PROCFS_H

#include "common/err.h"

/* A procfs that nobody else can mount on: of our PID namespace, attached nowhere. Where we may not make one, "/proc", made sure that it
 * is the root of a procfs. *ret_fd is owned. */
int procfs_open(int *ret_fd, struct err *e) MUST_CHECK;

/* Opens `path` below it with `flags` (O_CLOEXEC is added). Through no mount point and no magic link, and the result is on procfs:
 * -EXDEV, -ELOOP. Messages name "/proc/PATH". openat2(2) */
int procfs_open_file(int proc_fd, const char *path, int flags, int *ret_fd, struct err *e) MUST_CHECK;

/* One write(2) of `text` to such a file. */
int procfs_write(int proc_fd, const char *path, const char *text, struct err *e) MUST_CHECK;

#endif
