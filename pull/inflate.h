/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's blob as the bytes of its tar: gzip by ISA-L, zstd, or plain. A pull-style reader on top of a descriptor. */
#ifndef SAMPAN_PULL_INFLATE_H
#define SAMPAN_PULL_INFLATE_H

#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"
#include "oci/descriptor.h"

struct decoder;

/* Starts to read from `fd`, which is borrowed and read from where it stands. `hint` is what the media type says; the first bytes decide, and
 * the hint only makes the message better. *ret is the caller's. -EOPNOTSUPP bzip2, xz and lz4, -ENOMEM, read(2). */
int decoder_new(int fd, enum media_kind hint, struct decoder **ret, struct err *e) MUST_CHECK;

/* Up to `len` decoded bytes, fewer only at the end; 0 at the end and from then on. gzip: several members (RFC 1952, 2.2) and zero padding
 * behind the last; zstd: several frames and skippable ones (RFC 8878, 3.1). -EINVAL malformed, truncated, or with something else behind
 * its end; -EFBIG a zstd window over 128 MiB; read(2). After a failure only decoder_free may follow. */
ssize_t decoder_read(struct decoder *d, void *buf, size_t len, struct err *e) MUST_CHECK;

/* Before the first decoder_read: what of the input is in hand, borrowed. */
size_t decoder_peek(const struct decoder *d, const void **ret_data);

void decoder_free(struct decoder *d);
void decoder_free_fn(struct decoder **d);
#define cleanup_decoder __attribute__((cleanup(decoder_free_fn)))

#endif
