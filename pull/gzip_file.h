/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files to gzip and back. */
#ifndef SAMPAN_PULL_GZIP_FILE_H
#define SAMPAN_PULL_GZIP_FILE_H

#include <stddef.h>

#include "common/err.h"

/* Compresses from_fd, from where it stands to its end, into to_fd, as gzip(1) does by default. `header` is the whole of the member's header (RFC 1952,
 * 2.3). Both descriptors are borrowed; on failure to_fd may have been written to. read(2)'s and write(2)'s errors, -ENOMEM. */
int gzip_file_pack(int from_fd, int to_fd, const void *header, size_t len, struct err *e) MUST_CHECK;

/* The way back: what from_fd holds goes to to_fd. -EINVAL it is malformed or cut short, once what precedes that is written. */
int gzip_file_unpack(int from_fd, int to_fd, struct err *e) MUST_CHECK;

#endif
