/* SPDX-License-Identifier: Apache-2.0 */
/* The processes behind pull/unpack.h. The writer (libarchive, the file system) has the layer's directory as its root; it starts the
 * decoder (inflate, hash), which has nothing but the blob and two pipes. Side by side they take as long as the slower one; neither
 * gets at what only the other has. */
#ifndef SAMPAN_PULL_UNPACK_CHILD_H
#define SAMPAN_PULL_UNPACK_CHILD_H

#include <sys/types.h>

#include "common/digest.h"
#include "common/err.h"
#include "oci/descriptor.h"
#include "pull/unpack.h"

struct unpack_task {
	int blob_fd;
	int tree_fd;
	int implied_fd;
	int contents_fd;
	int split_fd;
	int result_fd; /* a pipe: one struct unpack_message goes in */
	enum media_kind kind;
	struct digest expected;
	struct unpack_limits limits; /* no defaults in it any more */
	pid_t parent;
};

/* Smaller than PIPE_BUF: it arrives whole or not at all. */
struct unpack_message {
	struct err err; /* code 0: a success */
	struct unpack_result result;
};

/* To be called in a process just forked, without threads. Takes the task's descriptors. */
void unpack_child_run(struct unpack_task *task) __attribute__((noreturn));

#endif
