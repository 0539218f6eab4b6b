/* SPDX-License-Identifier: Apache-2.0 */
/* A blob on its way into a file, or into a pipe to who makes something of it: counted, hashed, and refused where it is not what its descriptor
 * says. */
#ifndef SAMPAN_PULL_BLOB_SINK_H
#define SAMPAN_PULL_BLOB_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "pull/hash.h"
#include "pull/sink.h"

struct blob_sink {
	int fd;         /* borrowed; written from its start */
	bool is_stream; /* it is a pipe: what has gone out does not come back */
	struct digest expected;
	uint64_t size_bytes; /* expected; more is refused as it comes */
	uint64_t done_bytes;
	struct hash hash;
	bool is_right; /* blob_sink_finish has seen it */
	bool must_start_over; /* a stream can do no more: another try would have begun anew, or the line is doubtful (struct sink) */
	bool nobody_reads; /* at the pipe's other end: it is hashed for the verdict alone */
	void (*progress)(void *arg, uint64_t done_bytes); /* NULL: none */
	void *progress_arg;
};

/* The sink of a blob_sink whose fd, expected, size_bytes and progress are set and whose rest is zero. */
struct sink blob_sink_start(struct blob_sink *b);

/* After the last byte. -EBADMSG: size or digest are others. The sink's own `finish` is the same; once it is right it stays so. */
int blob_sink_finish(struct blob_sink *b, struct err *e) MUST_CHECK;

void blob_sink_done(struct blob_sink *b);
#define cleanup_blob_sink __attribute__((cleanup(blob_sink_done)))

#endif
