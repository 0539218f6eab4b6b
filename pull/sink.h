/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bytes of a document or a blob go while they arrive. */
#ifndef SAMPAN_PULL_SINK_H
#define SAMPAN_PULL_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

struct sink {
	/* Before the first byte of each try: forgets what an earlier try brought. */
	int (*begin)(void *arg, struct err *e);
	/* Before bytes, of a new try or of the rest, that somebody on the way may have put in place of others: the line is neither TLS with a
	 * certificate that was verified, nor within this machine. A failure ends the transfer. NULL: they are taken. */
	int (*doubt)(void *arg, struct err *e);
	/* Bytes in order. A failure ends the transfer and is not retried. */
	int (*write)(void *arg, const void *data, size_t len, struct err *e);
	/* How many bytes of a try that broke off are there, to be continued with write alone. NULL: the sink cannot continue. */
	uint64_t (*held)(const void *arg);
	/* After the last byte: whether it is what it should be. NULL: somebody else will see. */
	int (*finish)(void *arg, struct err *e);
	void *arg;
};

/* A sink into a buffer, up to its maximum (-EFBIG). `b` is borrowed. */
struct sink sink_to_buf(struct buf *b);

#endif
