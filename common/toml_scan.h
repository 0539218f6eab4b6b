/* SPDX-License-Identifier: Apache-2.0 */
/* The words of TOML: what toml.c builds its tree from. */
#ifndef SAMPAN_COMMON_TOML_SCAN_H
#define SAMPAN_COMMON_TOML_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/toml.h"

#define TOML_TEXT_MAX (1u << 20) /* bytes of a string */

struct toml_scan {
	const char *text;
	size_t len, at;
	unsigned int line;
	size_t values; /* so far */
};

/* The next byte, and the one `ahead` behind it; 0 at the end (a document holds no NUL). */
char toml_peek(const struct toml_scan *s);
char toml_peek_at(const struct toml_scan *s, size_t ahead);
void toml_skip_blanks(struct toml_scan *s);

/* Blanks, comments and ends of lines. -EINVAL a control byte in a comment. */
int toml_skip_lines(struct toml_scan *s, struct err *e) MUST_CHECK;

/* What must follow a statement: blanks, a comment, and the end of the line or of the document. */
int toml_end_of_line(struct toml_scan *s, struct err *e) MUST_CHECK;

/* "line N: FMT". Returns `code`. */
int toml_error(const struct toml_scan *s, int code, struct err *e, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* A string of any of the four kinds, whose quote is next. `out` must be empty. */
int toml_scan_string(struct toml_scan *s, bool may_be_multiline, struct buf *out, struct err *e) MUST_CHECK;

/* One part of a key: bare or quoted. */
int toml_scan_key(struct toml_scan *s, struct buf *out, struct err *e) MUST_CHECK;

/* true, false, a number or a date. */
int toml_scan_word(struct toml_scan *s, struct toml_value *ret, struct err *e) MUST_CHECK;

#endif
