/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_line.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "common/cleanup.h"

#define DEPTH_MAX   4
#define ARENA_FIXED 16384 /* yajl's own blocks */
#define ARENA_PER_BYTE \
	8 /* yajl's buffers grow by doubling: one for a value with escapes, one for what was cut off */

/* One level's key. */
struct key {
	size_t len;
	char text[JSON_LINE_KEY_MAX];
};

/* A parser of yajl's lasts for one line, so its memory is one block that begins anew with each. yajl does not look at what its allocator
 * returns: where the block ends we jump out of it. */
struct json_line {
	size_t max_bytes;
	size_t arena_size, arena_used;
	void *last; /* block: it alone can grow where it is */
	jmp_buf no_room;
	void (*visit)(const struct json_line_member *m, void *arg);
	void *arg;
	unsigned int depth;
	bool objects[DEPTH_MAX]; /* which of the open ones are no arrays */
	struct key keys[2];      /* of the top and of the object there */
	max_align_t arena[];
};

static void *arena_alloc(void *ctx, size_t size)
{
	struct json_line *l = ctx;
	size_t bytes = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);

	if (bytes < size || bytes > l->arena_size - l->arena_used)
		longjmp(l->no_room, 1);
	l->last = (char *)l->arena + l->arena_used;
	l->arena_used += bytes;
	return l->last;
}

/* The old size is not known; the block's end is behind all that it can be. */
static void *arena_realloc(void *ctx, void *data, size_t size)
{
	struct json_line *l = ctx;
	size_t before, old;
	void *grown;

	if (!data)
		return arena_alloc(ctx, size);
	before = (size_t)((char *)data - (char *)l->arena);
	if (data == l->last) {
		l->arena_used = before;
		return arena_alloc(ctx, size);
	}
	old = l->arena_used - before;
	grown = arena_alloc(ctx, size);
	return memcpy(grown, data, old < size ? old : size);
}

static void arena_free(void *ctx, void *data)
{
	(void)ctx;
	(void)data; /* it ends with the line */
}

static int begin(struct json_line *l, bool object)
{
	if (l->depth == DEPTH_MAX || (l->depth == 0 && !object))
		return 0;
	l->objects[l->depth++] = object;
	return 1;
}

static int on_map(void *ctx)
{
	return begin(ctx, true);
}

static int on_array(void *ctx)
{
	return begin(ctx, false);
}

static int on_end(void *ctx)
{
	struct json_line *l = ctx;

	l->depth--;
	return 1;
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
	struct json_line *l = ctx;
	struct key *key;

	if (l->depth > ARRAY_LEN(l->keys))
		return 1; /* nobody asks for what is that deep */
	key = &l->keys[l->depth - 1];
	if (len > sizeof(key->text))
		return 0;
	memcpy(key->text, text, len);
	key->len = len;
	return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	struct json_line *l = ctx;
	const struct key *key, *under;
	struct json_line_member m;

	if (l->depth == 0)
		return 0;
	if (l->depth > ARRAY_LEN(l->keys) || !l->objects[l->depth - 1] || !l->objects[0])
		return 1;
	key = &l->keys[l->depth - 1];
	under = l->depth > 1 ? &l->keys[0] : NULL;
	m = (struct json_line_member){ .under = under ? under->text : NULL,
				       .under_len = under ? under->len : 0,
				       .key = key->text,
				       .key_len = key->len,
				       .value = (const char *)text,
				       .value_len = len };
	l->visit(&m, l->arg);
	return 1;
}

static int on_other(void *ctx)
{
	return ((struct json_line *)ctx)->depth > 0;
}

static int on_boolean(void *ctx, int value)
{
	(void)value;
	return on_other(ctx);
}

static int on_number(void *ctx, const char *text, size_t len)
{
	(void)text;
	(void)len;
	return on_other(ctx);
}

struct json_line *json_line_new(size_t max_bytes)
{
	size_t arena = ARENA_FIXED + max_bytes * ARENA_PER_BYTE;
	struct json_line *l = malloc(sizeof(*l) + arena);

	if (!l)
		return NULL;
	l->max_bytes = max_bytes;
	l->arena_size = arena;
	return l;
}

void json_line_free(struct json_line *l)
{
	free(l);
}

static int parse(struct json_line *l, const char *text, size_t len)
{
	static const yajl_callbacks CALLBACKS = {
		.yajl_null = on_other,
		.yajl_boolean = on_boolean,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_map,
		.yajl_map_key = on_key,
		.yajl_end_map = on_end,
		.yajl_start_array = on_array,
		.yajl_end_array = on_end,
	};
	yajl_alloc_funcs arena = { arena_alloc, arena_realloc, arena_free, l };
	yajl_handle yajl = yajl_alloc(&CALLBACKS, &arena, l);

	if (yajl_parse(yajl, (const unsigned char *)text, len) != yajl_status_ok ||
	    yajl_complete_parse(yajl) != yajl_status_ok)
		return -EINVAL;
	return 0;
}

int json_line_parse(struct json_line *l, const char *text, size_t len,
		    void (*visit)(const struct json_line_member *m, void *arg), void *arg)
{
	if (len > l->max_bytes)
		return -EFBIG;
	l->arena_used = 0;
	l->last = NULL;
	l->depth = 0;
	l->visit = visit;
	l->arg = arg;
	if (setjmp(l->no_room) != 0)
		return -EFBIG;
	return parse(l, text, len);
}
