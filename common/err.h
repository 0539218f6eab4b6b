/* SPDX-License-Identifier: Apache-2.0 */
/* An error as a plain value: a code for programs and a chain of context for people. */
#ifndef SAMPAN_COMMON_ERR_H
#define SAMPAN_COMMON_ERR_H

#include <errno.h>

#define MUST_CHECK            __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, arg) __attribute__((format(printf, fmt, arg)))

/* Drops the result of a MUST_CHECK function: gcc does not take (void) for an answer. The line says why. */
#define IGNORE_RESULT(call)                         \
	do {                                        \
		__typeof__(call) ignored_ = (call); \
		(void)ignored_;                     \
	} while (0)

/* What the codes mean here, beside their errno(3) meaning:
 *
 *   -EBADMSG     content does not match its digest, size or checksum
 *   -EFBIG       over one of our limits
 *   -EOPNOTSUPP  asked for something that we, or this kernel, do not support
 *   -EPROTO      a peer (registry, child process) broke its protocol
 *   -EINVAL      input that is malformed
 *   -EEXIST      the name is taken
 *   -EBUSY       in use, or in the wrong state for this
 *   -EACCES      the peer or the kernel refused us
 *   -ENODATA     the thing exists, but not for this platform
 */
struct err {
	int code;       /* 0, or a negative errno */
	char text[512]; /* "outer: inner"; truncated at its end when too long */
};

/* Sets code and text. Returns `code`, which must be negative. Keeps errno. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Sets code to -errno and text to "FMT: strerror". Returns -errno. Keeps errno. */
int err_errno(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* As err_errno for a code in hand (negative errno) instead of errno. Returns `code`. */
int err_code(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "FMT: " before the text that is there. Returns e->code. Keeps errno. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
