/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer that declares its maximum where it is made.
 *
 * Invariants: data is NULL (len 0) or NUL-terminated at data[len]; len <= max; the NUL is not
 * counted. A failed append leaves the contents as they were.
 */
#ifndef SAMPAN_COMMON_BUF_H
#define SAMPAN_COMMON_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "common/err.h"

struct buf {
	char *data;
	size_t len;
	size_t cap; /* bytes allocated */
	size_t max; /* len never exceeds it */
};

#define BUF_INIT(max_bytes) ((struct buf){ .max = (max_bytes) })

void buf_done_fn(struct buf *b);
#define cleanup_buf __attribute__((cleanup(buf_done_fn)))

/* Frees the contents; the buffer is empty and usable after it. */
void buf_done(struct buf *b);

/* Drops the contents and keeps the memory. */
void buf_clear(struct buf *b);

/* Makes room for `extra` more bytes. -EFBIG over max, -ENOMEM. */
int buf_reserve(struct buf *b, size_t extra) MUST_CHECK;

/* Append; -EFBIG over max, -ENOMEM. */
int buf_add(struct buf *b, const void *data, size_t len) MUST_CHECK;
int buf_add_str(struct buf *b, const char *text) MUST_CHECK;
int buf_add_char(struct buf *b, char c) MUST_CHECK;
int buf_printf(struct buf *b, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) MUST_CHECK;

/* The contents as a string that the caller owns ("" when empty); the buffer is empty after it.
 * NULL when memory is out. */
char *buf_take(struct buf *b) MUST_CHECK;

#endif
