/* SPDX-License-Identifier: Apache-2.0 */
/* Small text files of cgroupfs and proc: read with three system calls, and picked apart. */
#ifndef SAMPAN_CGROUPS_FILES_H
#define SAMPAN_CGROUPS_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

/* Reads a file whose contents the kernel makes in one piece into `out`, with a NUL behind; what is longer than size - 1 bytes
 * is cut off. dir_fd may be AT_FDCWD. Returns the length, or -errno. */
ssize_t cgroup_file_read(int dir_fd, const char *name, char *out, size_t size) MUST_CHECK;

/* A file of one number; "max" is UINT64_MAX. 0, -errno, -EINVAL for anything else. */
int cgroup_file_u64(int dir_fd, const char *name, uint64_t *ret) MUST_CHECK;

/* The number at the start of `text`, ended by a blank, a newline or the end; "max" is UINT64_MAX. *ret_end (may be NULL) points
 * behind it. -EINVAL. Pure. */
int cgroup_text_u64(const char *text, uint64_t *ret, const char **ret_end) MUST_CHECK;

/* The value of `key` in lines of "key value". -ENOENT no such line, -EINVAL. Pure. */
int cgroup_text_key(const char *text, const char *key, uint64_t *ret) MUST_CHECK;

/* The bits (enum cgroup_controller) of a blank-separated list of controllers; unknown names are left out. Pure. */
unsigned int cgroup_text_controllers(const char *text);

#endif
