/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines: an object per line, each read alone and without a tree of it. Strings may hold NUL bytes. */
#ifndef SAMPAN_COMMON_JSON_LINE_H
#define SAMPAN_COMMON_JSON_LINE_H

#include <stddef.h>

#include "common/err.h"

#define JSON_LINE_KEY_MAX 4096 /* bytes of one key */

struct json_line;

/* A member that is a string, at the top or in an object there. All is borrowed for the time of the call; nothing ends with a NUL. */
struct json_line_member {
	const char *under; /* the key of the object that it is in; NULL at the top */
	size_t under_len;
	const char *key;
	size_t key_len;
	const char *value;
	size_t value_len;
};

/* For lines of up to max_bytes. NULL when memory is out. */
struct json_line *json_line_new(size_t max_bytes) MUST_CHECK;
void json_line_free(struct json_line *l);

/* Calls `visit` for each string in the order of the line. -EINVAL the line is no JSON object, all of it; members may have been visited by
 * then. -EFBIG over max_bytes, or deeper than logs are. */
int json_line_parse(struct json_line *l, const char *text, size_t len,
		    void (*visit)(const struct json_line_member *m, void *arg), void *arg) MUST_CHECK;

#endif
