/* SPDX-License-Identifier: Apache-2.0 */
/* A tar -> files in a directory that is there already, as `cp` or ADD want it: a name is a name (no whiteouts), and what is there gives way. */
#ifndef SAMPAN_PULL_FILE_EXTRACT_H
#define SAMPAN_PULL_FILE_EXTRACT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/err.h"

#define FILE_EXTRACT_DIRS_MAX 1000000 /* that get their times at the end */

struct file_extract {
	int root_fd;      /* what no path and no link leads out of */
	const char *base; /* the directory, below the root; "": the root */
	bool keep_owner;  /* else all belongs to: */
	uid_t uid;
	gid_t gid;
	/* As ADD has it: what is in the way of an entry is removed, but a directory of a directory; names of whiteouts are refused; the tar is plain. */
	bool adds;
	bool lenient;                /* device nodes and attributes that the kernel refuses us are left out */
	const struct timespec *time; /* NULL: times are those of the tar; else of all that is made */
	uint64_t max_bytes;          /* of file contents, with their holes; 0: any */
	uint64_t max_entries;        /* 0: any */
};

/* Reads the tar from in_fd (plain or gzip) to its end. *ret_bytes: what was read. On failure a
 * part of it may be there. -EINVAL malformed, a ".." in a path; "cannot overwrite directory with non-directory" and the reverse; -EFBIG over a limit;
 * errors of the file system. */
int file_extract(int in_fd, const struct file_extract *how, uint64_t *ret_bytes, struct err *e) MUST_CHECK;

#endif
