/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that fetch: whoever talks to a registry, or reads an archive, is nobody, may gain no privileges, and dies with its parent. They
 * are forked from a parent that has never used libcurl, serve one request at a time, and answer over a socket. */
#ifndef SAMPAN_PULL_WORKER_H
#define SAMPAN_PULL_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "pull/source.h"

#define WORKER_UID         65534 /* nobody */
#define WORKER_PROGRESS_MS 50    /* between two progress events */
#define WORKER_DATA_MAX    32768 /* bytes of a document in one event */

struct worker {
	pid_t pid; /* 0: empty */
	int pidfd;
	int sock; /* readable when there is an event */
	bool busy;
};

enum worker_event_kind {
	WORKER_PROGRESS, /* bytes: so many are there */
	WORKER_DATA,     /* the next bytes of a document */
	WORKER_DONE,     /* bytes: all of them; answer */
	WORKER_FAILED,   /* error */
};

struct worker_event {
	uint32_t kind;
	uint32_t data_len;
	uint64_t bytes;
	struct source_answer answer;
	struct err error;
};

/* Starts a worker on a source, which is borrowed. What is to be known of the source must be known by now. */
int worker_start(struct source *source, struct worker *ret, struct err *e) MUST_CHECK;

/* Kills and reaps; takes an empty one. */
void worker_stop(struct worker *w);

/* Reads one document, up to body->max, verifies its digest where one is given (NULL: none is known; SOURCE_SIGNATURE and SOURCE_REFERRERS:
 * it is not theirs), and its size where that is not 0.
 * Errors of source_ops.read; -EBADMSG; -EINTR: cancel_fd (-1: none) became readable. */
int worker_document(struct worker *w, struct source *source, enum source_item item,
		    const struct digest *digest, uint64_t size_bytes, int cancel_fd, struct buf *body,
		    struct source_answer *ret, struct err *e) MUST_CHECK;

/* Sends the content of `data_fd` (borrowed; a regular file), as `item` says, and waits until it has arrived. Errors of source_ops.read. */
int worker_put(struct worker *w, enum source_item item, const struct digest *digest, int data_fd,
	       struct err *e) MUST_CHECK;

/* Asks for a blob to be written to `out_fd` (borrowed; an empty file, or a pipe if is_stream). Events follow, the last one WORKER_DONE (size and
 * digest are right) or WORKER_FAILED. What is in a pipe may be anything until then; -ESTALE: it is of no use, as another try would
 * begin anew. When nobody reads from it any more, the rest is still looked at. */
int worker_fetch(struct worker *w, const struct source *source, const struct digest *digest,
		 uint64_t size_bytes, int out_fd, bool is_stream, struct err *e) MUST_CHECK;

/* Receives one event, waiting for it. `data` gets WORKER_DATA's bytes and may be NULL where none are expected. -EPROTO: the worker has
 * died or talks nonsense. */
int worker_receive(struct worker *w, struct worker_event *ret, char data[WORKER_DATA_MAX],
		   struct err *e) MUST_CHECK;

/* Waits until there is an event. -EINTR: cancel_fd (-1: none) became readable. */
int worker_wait(const struct worker *w, int cancel_fd, struct err *e) MUST_CHECK;

#endif
