/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as Unicode defines it: no surrogates, nothing over U+10FFFF, no longer form than needed. Unicode 15, table 3-7. */
#ifndef SAMPAN_COMMON_UTF8_H
#define SAMPAN_COMMON_UTF8_H

#include <stddef.h>

#define UTF8_MAX         4              /* bytes of one character */
#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, for a byte that belongs to no character */

/* The length of the character that text[0] begins, 1 to UTF8_MAX; 0 if none does: not UTF-8, or cut off at `len`. Needs len >= 1. */
size_t utf8_char_len(const char *text, size_t len);

/* How many bytes at the end of `text` begin a character that is cut off there: 0 to 3. More bytes could make it whole. */
size_t utf8_cut_len(const char *text, size_t len);

#endif
