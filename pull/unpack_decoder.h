/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder process: blob in, tar out, hashed on its way. See pull/unpack_child.h. */
#ifndef SAMPAN_PULL_UNPACK_DECODER_H
#define SAMPAN_PULL_UNPACK_DECODER_H

#include <stdint.h>
#include <sys/types.h>

#include "common/digest.h"
#include "common/err.h"
#include "oci/descriptor.h"

#define UNPACK_BLOCK_BYTES ((size_t)256 << 10) /* what passes at a time */

struct unpack_decoder {
	int blob_fd;
	int data_fd;   /* a pipe: the tar goes in */
	int split_fd;  /* a file: what the tar has beside files (pull/split_file.h) */
	int report_fd; /* a pipe: one struct unpack_report goes in, before data_fd is closed */
	enum media_kind kind;
	char algorithm[sizeof("sha256")]; /* of the diff ID */
	uint64_t max_bytes;               /* of the tar */
	pid_t parent;
};

struct unpack_report {
	struct err err;        /* code 0: a success */
	struct digest diff_id; /* of the whole tar */
};

/* To be called in a process just forked, without threads. */
void unpack_decoder_run(const struct unpack_decoder *task) __attribute__((noreturn));

#endif
