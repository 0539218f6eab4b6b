/* SPDX-License-Identifier: Apache-2.0 */
/* --pid-file: the process ID for whoever started us. */
#ifndef SAMPAN_RUNTIME_PID_FILE_H
#define SAMPAN_RUNTIME_PID_FILE_H

#include <sys/types.h>

#include "common/err.h"

/* Opens the directory that `path` (NULL: none, and *ret_dir_fd stays -1) is in, while it can still be reached. */
int pid_file_open_dir(const char *path, int *ret_dir_fd, struct err *e) MUST_CHECK;

/* Writes the number, without a newline, as runc does; readers see all of it or no file. path NULL: nothing to do. */
int pid_file_write(const char *path, int dir_fd, pid_t pid, struct err *e) MUST_CHECK;

#endif
