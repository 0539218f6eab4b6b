/* SPDX-License-Identifier: Apache-2.0 */
/* What passes between a worker and its parent beside worker.h's events, and the worker's own side. Both are one program. */
#ifndef SAMPAN_PULL_WORKER_PROTOCOL_H
#define SAMPAN_PULL_WORKER_PROTOCOL_H

#include "pull/worker.h"

/* With it come, by SCM_RIGHTS and in this order: the local file if has_local, the output if has_out. */
struct worker_request {
	uint32_t item; /* enum source_item */
	bool has_digest, has_local, has_out;
	bool is_stream; /* the output is a pipe */
	struct digest digest;
	uint64_t size_bytes; /* of a blob for a file; the maximum of a document */
};

#define WORKER_REQUEST_FDS 2

/* Becomes nobody and serves until the socket closes. Never returns. `parent` is the process that forked it. */
void worker_main(void *source, int sock, pid_t parent) __attribute__((noreturn));

/* --- what other kinds of worker share with this one --- */

#define WORKER_KEEP_MAX 4

/* Forks a process that calls run(arg, sock, pid of the caller), which must not return. */
int worker_spawn(void (*run)(void *arg, int sock, pid_t parent), void *arg, struct worker *ret,
		 struct err *e) MUST_CHECK;

/* In the new process: becomes nobody without rights, with the standard streams, `sock` and the `len` (up to WORKER_KEEP_MAX; -1: none) of `keep`, and
 * without a network unless `is_remote`. */
int worker_confine(const int *keep, size_t len, int sock, bool is_remote, pid_t parent,
		   struct err *e) MUST_CHECK;

/* Sends any struct to a worker, with descriptors. */
int worker_send(struct worker *w, const void *request, size_t size, const int *fds, size_t fds_len,
		struct err *e) MUST_CHECK;

/* Receives it there. False at the end of the conversation. Descriptors that did not come stay -1. */
bool worker_take(int sock, void *ret, size_t size, int *ret_fds, size_t fds_len) MUST_CHECK;

/* Sends an event to the parent. 0 or -errno. */
int worker_tell(int sock, struct worker_event *event, const void *data, size_t len, int flags) MUST_CHECK;

/* Sends a whole document as WORKER_DATA; WORKER_DONE is still to follow. */
struct buf;
int worker_send_document(int sock, const struct buf *body, struct err *e) MUST_CHECK;

/* In the parent: appends a document up to its WORKER_DONE, up to body->max. -EINTR, -EFBIG, what the worker failed with. */
int worker_collect(struct worker *w, int cancel_fd, struct buf *body, struct source_answer *ret,
		   struct err *e) MUST_CHECK;

/* Sends WORKER_FAILED; ends the process if nobody is there to hear it. */
void worker_fail(int sock, const struct err *e);

/* A progress callback's decision: true if it is time for another event. *last is the caller's, zero at first. */
struct timespec;
bool worker_progress_due(struct timespec *last);

#endif
