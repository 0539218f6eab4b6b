/* SPDX-License-Identifier: Apache-2.0 */
/* Files from one place to another, as a tar between two processes: who writes has the destination for its root, and no rights but those over files. */
#ifndef SAMPAN_PULL_FILE_COPY_H
#define SAMPAN_PULL_FILE_COPY_H

#include "pull/file_extract.h"

struct file_copy {
	int from_fd; /* the directory that the source is in, or with `as` "." itself; -1: in_fd is read */
	const char *name; /* of the source in it */
	const char *as;   /* what it is to be called; ".": what is in it goes right into the destination */
	int in_fd;        /* a tar */
	int out_fd;       /* where a tar is written to; -1: `to` is the destination */
	struct file_extract to;
	/* Descriptors of the user namespaces that the source or the destination is seen from: owners are what they are in there. 0: ours */
	int from_user_fd, to_user_fd;
};

/* *ret_bytes of the tar. All descriptors are borrowed. Errors of tree_tar_write and file_extract. */
int file_copy(const struct file_copy *c, uint64_t *ret_bytes, struct err *e) MUST_CHECK;

#endif
