/* SPDX-License-Identifier: Apache-2.0 */
/* Structs to JSON text. Only json_write.c, json_stream.c and json_line.c include yajl. Errors stick: callers write the whole
 * document and look once, at json_out_finish. */
#ifndef SAMPAN_COMMON_JSON_WRITE_H
#define SAMPAN_COMMON_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json_read.h" /* opt_* */
#include "common/strvec.h"

struct json_out;

/* Compact, or indented by four blanks as docker and runc print. NULL when memory is out (every call below
 * accepts NULL, and json_out_finish then fails with -ENOMEM). Documents up to max_bytes. */
struct json_out *json_out_new(bool pretty, size_t max_bytes);
void json_out_free(struct json_out *o);
void json_out_free_fn(struct json_out **o);
#define cleanup_json_out __attribute__((cleanup(json_out_free_fn)))

/* Each takes the key first: NULL inside an array and at the top. Strings that are not UTF-8 get U+FFFD
 * where they are not; a NULL string is written as null. */
void json_out_object(struct json_out *o, const char *key);
void json_out_array(struct json_out *o, const char *key);
void json_out_end(struct json_out *o); /* of the innermost object or array */
void json_out_string(struct json_out *o, const char *key, const char *value);
void json_out_u64(struct json_out *o, const char *key, uint64_t value);
void json_out_i64(struct json_out *o, const char *key, int64_t value);
void json_out_bool(struct json_out *o, const char *key, bool value);
void json_out_null(struct json_out *o, const char *key);
void json_out_raw(struct json_out *o, const char *key, const char *json); /* valid JSON text, as it is */
void json_out_strvec(struct json_out *o, const char *key, const struct strvec *v); /* array */
void json_out_map(struct json_out *o, const char *key, const struct strvec *v);    /* "k=v" -> object */
/* Written only if set, or not NULL, or not empty. */
void json_out_opt_string(struct json_out *o, const char *key, const char *value);
void json_out_opt_u64(struct json_out *o, const char *key, struct opt_u64 value);
void json_out_opt_i64(struct json_out *o, const char *key, struct opt_i64 value);
void json_out_opt_bool(struct json_out *o, const char *key, struct opt_bool value);
void json_out_opt_strvec(struct json_out *o, const char *key, const struct strvec *v);
void json_out_opt_map(struct json_out *o, const char *key, const struct strvec *v);
void json_out_opt_keys(struct json_out *o, const char *key,
		       const struct strvec *v); /* a set in Go: {"item":{}} */

/* The text, borrowed until json_out_free. -ENOMEM, -EFBIG, -EINVAL (not well nested). */
int json_out_finish(struct json_out *o, const char **ret_text, size_t *ret_len, struct err *e) MUST_CHECK;

#endif
