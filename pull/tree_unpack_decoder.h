/* SPDX-License-Identifier: Apache-2.0 */
/* The process that inflates an archive for pull/tree_unpack.h: it has a descriptor to read from, two pipes, and no rights. */
#ifndef SAMPAN_PULL_TREE_UNPACK_DECODER_H
#define SAMPAN_PULL_TREE_UNPACK_DECODER_H

#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "pull/tree_unpack.h"

struct tree_decoder {
	pid_t pid;
	int data_fd;   /* the tar comes out; its end comes after the report */
	int report_fd; /* one struct err comes out; does not block */
};

/* Starts the process on in_fd (borrowed, read from where it stands; above 2), of at most max_bytes of tar. *ret is the caller's to wait for or to kill, and
 * its descriptors to close. */
int tree_decoder_start(int in_fd, enum tree_compression compression, uint64_t max_bytes,
		       struct tree_decoder *ret, struct err *e) MUST_CHECK;

#endif
