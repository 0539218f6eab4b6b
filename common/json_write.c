/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_write.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/utf8.h"

#define JSON_OUT_MAX_DEPTH 64

/* yajl does not look at what malloc returns. It needs two small blocks for a generator and, with a print callback, no more:
 * they come from here, so that there is nothing to fail. */
#define YAJL_ARENA_BYTES   2048

struct json_out {
	yajl_gen gen;
	max_align_t arena[YAJL_ARENA_BYTES / sizeof(max_align_t)];
	size_t arena_used;
	struct buf text;
	int error;                      /* the first one; 0 */
	unsigned int depth;             /* open objects and arrays */
	bool array[JSON_OUT_MAX_DEPTH]; /* which of them are arrays */
};

static void collect(void *ctx, const char *text, size_t len)
{
	struct json_out *o = ctx;
	int r = buf_add(&o->text, text, len);

	if (r < 0 && !o->error)
		o->error = r;
}

static void *arena_alloc(void *ctx, size_t size)
{
	struct json_out *o = ctx;
	size_t units = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t);
	void *block = o->arena + o->arena_used;

	if (units > ARRAY_LEN(o->arena) - o->arena_used)
		return NULL; /* cannot be: the sizes are constants of yajl's */
	o->arena_used += units;
	return block;
}

static void *arena_realloc(void *ctx, void *data, size_t size)
{
	return data ? NULL : arena_alloc(ctx, size);
}

static void arena_free(void *ctx, void *data)
{
	(void)ctx;
	(void)data; /* it ends with the arena */
}

struct json_out *json_out_new(bool pretty, size_t max_bytes)
{
	struct json_out *o = calloc(1, sizeof(*o));
	yajl_alloc_funcs arena = { arena_alloc, arena_realloc, arena_free, o };

	if (!o)
		return NULL;
	o->text = BUF_INIT(max_bytes);
	o->gen = yajl_gen_alloc(&arena);
	if (!o->gen) {
		free(o);
		return NULL;
	}
	yajl_gen_config(o->gen, yajl_gen_print_callback, collect, o);
	if (pretty) {
		yajl_gen_config(o->gen, yajl_gen_beautify, 1);
		yajl_gen_config(o->gen, yajl_gen_indent_string, "    ");
	}
	return o;
}

void json_out_free(struct json_out *o)
{
	if (!o)
		return;
	yajl_gen_free(o->gen);
	buf_done(&o->text);
	free(o);
}

void json_out_free_fn(struct json_out **o)
{
	json_out_free(*o);
}

static void check(struct json_out *o, yajl_gen_status status)
{
	if (status != yajl_gen_status_ok && !o->error)
		o->error = -EINVAL;
}

/* A copy with U+FFFD for each byte that is not UTF-8; NULL where the text is fine as it is. */
static char *repair_utf8(struct json_out *o, const char *text)
{
	struct buf fixed = BUF_INIT(o->text.max);
	const char *p = text, *end = text + strlen(text);
	size_t len;
	int r = 0;

	while (p < end && (len = utf8_char_len(p, (size_t)(end - p))))
		p += len;
	if (p == end)
		return NULL;
	for (p = text; p < end && r == 0; p += len ? len : 1) {
		len = utf8_char_len(p, (size_t)(end - p));
		r = len ? buf_add(&fixed, p, len) : buf_add_str(&fixed, UTF8_REPLACEMENT);
	}
	if (r < 0 && !o->error)
		o->error = r;
	return buf_take(&fixed);
}

static void put_string(struct json_out *o, const char *text)
{
	cleanup_free char *fixed = repair_utf8(o, text);
	const char *s = fixed ? fixed : text;

	check(o, yajl_gen_string(o->gen, (const unsigned char *)s, strlen(s)));
}

/* Every value begins with this. False: nothing may be written any more. */
static bool begin(struct json_out *o, const char *key)
{
	if (!o || o->error)
		return false;
	if (o->depth > 0 && o->array[o->depth - 1] != (key == NULL))
		o->error = -EINVAL;
	else if (key)
		put_string(o, key);
	return o->error == 0;
}

static void open_container(struct json_out *o, const char *key, bool array)
{
	if (!begin(o, key))
		return;
	if (o->depth == JSON_OUT_MAX_DEPTH) {
		o->error = -EFBIG;
		return;
	}
	check(o, array ? yajl_gen_array_open(o->gen) : yajl_gen_map_open(o->gen));
	o->array[o->depth++] = array;
}

void json_out_object(struct json_out *o, const char *key)
{
	open_container(o, key, false);
}

void json_out_array(struct json_out *o, const char *key)
{
	open_container(o, key, true);
}

void json_out_end(struct json_out *o)
{
	if (!o || o->error)
		return;
	if (o->depth == 0) {
		o->error = -EINVAL;
		return;
	}
	o->depth--;
	check(o, o->array[o->depth] ? yajl_gen_array_close(o->gen) : yajl_gen_map_close(o->gen));
}

void json_out_string(struct json_out *o, const char *key, const char *value)
{
	if (!begin(o, key))
		return;
	if (value)
		put_string(o, value);
	else
		check(o, yajl_gen_null(o->gen));
}

void json_out_raw(struct json_out *o, const char *key, const char *json)
{
	if (begin(o, key))
		check(o, yajl_gen_number(o->gen, json, strlen(json))); /* written as it is */
}

void json_out_u64(struct json_out *o, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	json_out_raw(o, key, text);
}

void json_out_i64(struct json_out *o, const char *key, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	json_out_raw(o, key, text);
}

void json_out_bool(struct json_out *o, const char *key, bool value)
{
	if (begin(o, key))
		check(o, yajl_gen_bool(o->gen, value));
}

void json_out_null(struct json_out *o, const char *key)
{
	if (begin(o, key))
		check(o, yajl_gen_null(o->gen));
}

void json_out_strvec(struct json_out *o, const char *key, const struct strvec *v)
{
	json_out_array(o, key);
	for (size_t i = 0; i < v->len; i++)
		json_out_string(o, NULL, v->items[i]);
	json_out_end(o);
}

void json_out_map(struct json_out *o, const char *key, const struct strvec *v)
{
	json_out_object(o, key);
	for (size_t i = 0; i < v->len; i++) {
		const char *equals = strchr(v->items[i], '=');
		cleanup_free char *name =
			strndup(v->items[i], equals ? (size_t)(equals - v->items[i]) : strlen(v->items[i]));

		if (name)
			json_out_string(o, name, equals ? equals + 1 : "");
		else if (o && !o->error)
			o->error = -ENOMEM;
	}
	json_out_end(o);
}

void json_out_opt_string(struct json_out *o, const char *key, const char *value)
{
	if (value)
		json_out_string(o, key, value);
}

void json_out_opt_u64(struct json_out *o, const char *key, struct opt_u64 value)
{
	if (value.set)
		json_out_u64(o, key, value.value);
}

void json_out_opt_i64(struct json_out *o, const char *key, struct opt_i64 value)
{
	if (value.set)
		json_out_i64(o, key, value.value);
}

void json_out_opt_bool(struct json_out *o, const char *key, struct opt_bool value)
{
	if (value.set)
		json_out_bool(o, key, value.value);
}

void json_out_opt_strvec(struct json_out *o, const char *key, const struct strvec *v)
{
	if (v->len)
		json_out_strvec(o, key, v);
}

void json_out_opt_map(struct json_out *o, const char *key, const struct strvec *v)
{
	if (v->len)
		json_out_map(o, key, v);
}

void json_out_opt_keys(struct json_out *o, const char *key, const struct strvec *v)
{
	if (v->len == 0)
		return;
	json_out_object(o, key);
	for (size_t i = 0; i < v->len; i++) {
		json_out_object(o, v->items[i]);
		json_out_end(o);
	}
	json_out_end(o);
}

int json_out_finish(struct json_out *o, const char **ret_text, size_t *ret_len, struct err *e)
{
	int r = !o ? -ENOMEM : o->error ? o->error : o->depth != 0 || o->text.len == 0 ? -EINVAL : 0;

	if (r < 0)
		return err_code(e, r, "cannot write JSON");
	*ret_text = o->text.data;
	*ret_len = o->text.len;
	return 0;
}
