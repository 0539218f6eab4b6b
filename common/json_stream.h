/* SPDX-License-Identifier: Apache-2.0 */
/* A guard in front of json_parse: bounds size, depth, members and duplicate keys of untrusted JSON while it arrives,
 * so that a hostile document costs no more than its limits. */
#ifndef SAMPAN_COMMON_JSON_STREAM_H
#define SAMPAN_COMMON_JSON_STREAM_H

#include <stddef.h>

#include "common/err.h"

struct json_limits {
	size_t max_bytes;
	unsigned int max_depth;
	size_t max_values; /* strings, numbers, keys... in all */
};

struct json_guard;

/* NULL when memory is out. `limits` is copied. */
struct json_guard *json_guard_new(const struct json_limits *limits);
void json_guard_free(struct json_guard *g);
void json_guard_free_fn(struct json_guard **g);
#define cleanup_json_guard __attribute__((cleanup(json_guard_free_fn)))

/* The next bytes of the document. -EFBIG over a limit (the message says which), -EINVAL malformed or a duplicate
 * key, -ENOMEM. After a failure only json_guard_free may follow. */
int json_guard_feed(struct json_guard *g, const void *data, size_t len, struct err *e) MUST_CHECK;

/* No more bytes come. -EINVAL if the document is not complete. */
int json_guard_finish(struct json_guard *g, struct err *e) MUST_CHECK;

/* All in one, for text in hand. */
int json_guard_check(const char *text, size_t len, const struct json_limits *limits,
		     struct err *e) MUST_CHECK;

#endif
