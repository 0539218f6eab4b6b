/* SPDX-License-Identifier: Apache-2.0 */
/* A tar -> files in a directory that is there already, as `cp` wants it: a name is a name (no whiteouts), and what is there gives way. */
#ifndef SAMPAN_PULL_FILE_EXTRACT_H
#define SAMPAN_PULL_FILE_EXTRACT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

#define FILE_EXTRACT_DIRS_MAX 1000000 /* that get their times at the end */

struct file_extract {
	int root_fd;      /* what no path and no link leads out of */
	const char *base; /* the directory, below the root; "": the root */
	bool keep_owner;  /* else all belongs to: */
	uid_t uid;
	gid_t gid;
};

/* Reads the tar from in_fd (plain or gzip) to its end. *ret_bytes: what was read. On failure a
 * part of it may be there. -EINVAL malformed, a ".." in a path; "cannot overwrite directory with non-directory" and the reverse; errors of the file
 * system. */
int file_extract(int in_fd, const struct file_extract *how, uint64_t *ret_bytes, struct err *e) MUST_CHECK;

#endif
