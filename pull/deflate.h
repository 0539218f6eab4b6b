/* SPDX-License-Identifier: Apache-2.0 */
/* A gzip stream with a given header, as zlib makes it: a sink in front of another one. RFC 1952. */
#ifndef SAMPAN_PULL_DEFLATE_H
#define SAMPAN_PULL_DEFLATE_H

#include <stddef.h>

#include "common/err.h"
#include "pull/sink.h"

struct deflater;

/* `header` (the whole of it, copied) comes first. `to` is borrowed. */
int deflater_new(const void *header, size_t len, int level, const struct sink *to, struct deflater **ret,
		 struct err *e) MUST_CHECK;
void deflater_free(struct deflater *d);
void deflater_free_fn(struct deflater **d);
#define cleanup_deflater __attribute__((cleanup(deflater_free_fn)))

struct sink deflater_sink(struct deflater *d);

/* After the last byte: the end of the stream goes to the sink behind. */
int deflater_finish(struct deflater *d, struct err *e) MUST_CHECK;

#endif
