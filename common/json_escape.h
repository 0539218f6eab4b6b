/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as the inside of a JSON string, written into memory of the caller's: for records that are written by the hundred megabytes
 * (docs/adr/0010). Documents are json_write.h's. */
#ifndef SAMPAN_COMMON_JSON_ESCAPE_H
#define SAMPAN_COMMON_JSON_ESCAPE_H

#include <stddef.h>

#define JSON_ESCAPE_GROWTH 6 /* bytes that one byte becomes at most: \u001f */

/* Writes `data` to `out`, without quotes around it: control characters, '"' and '\' are escaped, each byte that is no part of a UTF-8
 * character becomes U+FFFD. Stops before what does not fit into `room` bytes and never inside of a character. Returns the number
 * of bytes written; *ret_taken is how many of `data` they stand for. RFC 8259, section 7. */
size_t json_escape(const char *data, size_t len, char *out, size_t room, size_t *ret_taken);

#endif
