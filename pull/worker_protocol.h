/* SPDX-License-Identifier: Apache-2.0 */
/* What passes between a worker and its parent beside worker.h's events, and the worker's own side. Both are one program. */
#ifndef SAMPAN_PULL_WORKER_PROTOCOL_H
#define SAMPAN_PULL_WORKER_PROTOCOL_H

#include "pull/worker.h"

/* With it come, by SCM_RIGHTS and in this order: the local file if has_local, the output if has_out. */
struct worker_request {
	uint32_t item; /* enum source_item */
	bool has_digest, has_local, has_out;
	struct digest digest;
	uint64_t size_bytes; /* of a blob for a file; the maximum of a document */
};

#define WORKER_REQUEST_FDS 2

/* Becomes nobody and serves until the socket closes. Never returns. `parent` is the process that forked it. */
void worker_main(struct source *source, int sock, pid_t parent) __attribute__((noreturn));

#endif
