/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_stream.h"

#include <search.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#define SHOWN_KEY_MAX 64 /* bytes of a key in a message */

/* yajl does not look at what its allocator returns. Ours never returns NULL: it jumps out of yajl, and what yajl
 * held is freed from this list. */
struct block {
	struct block *prev, *next;
	max_align_t data[];
};

/* A key of an open object; the set of an object is a balanced tree (tsearch), so no choice of keys makes it
 * slow. */
struct key {
	size_t len;
	unsigned char bytes[];
};

struct json_guard {
	struct json_limits limits;
	yajl_handle yajl;
	struct block blocks;
	jmp_buf no_memory;
	void **keys; /* by depth: tsearch root of an object's keys; limits.max_depth of them */
	unsigned int depth;
	size_t bytes, values;
	struct err failure; /* set by a callback that stopped the parser */
};

static void *block_alloc(void *ctx, size_t size)
{
	struct json_guard *g = ctx;
	struct block *b = malloc(sizeof(*b) + size);

	if (!b)
		longjmp(g->no_memory, 1);
	b->prev = &g->blocks;
	b->next = g->blocks.next;
	b->next->prev = b;
	g->blocks.next = b;
	return b->data;
}

static struct block *block_of(void *data)
{
	return (struct block *)((char *)data - offsetof(struct block, data));
}

static void *block_realloc(void *ctx, void *data, size_t size)
{
	struct json_guard *g = ctx;
	struct block *b;

	if (!data)
		return block_alloc(ctx, size);
	b = realloc(block_of(data), sizeof(*b) + size);
	if (!b)
		longjmp(g->no_memory, 1);
	b->prev->next = b;
	b->next->prev = b;
	return b->data;
}

static void block_free(void *ctx, void *data)
{
	struct block *b;

	(void)ctx;
	if (!data)
		return;
	b = block_of(data);
	b->prev->next = b->next;
	b->next->prev = b->prev;
	free(b);
}

static int go_on(const struct json_guard *g)
{
	return g->failure.code == 0;
}

static int count_value(struct json_guard *g)
{
	if (++g->values > g->limits.max_values)
		(void)err_set(&g->failure, -EFBIG, "json holds more than %zu values", g->limits.max_values);
	return go_on(g);
}

static int on_null(void *ctx)
{
	return count_value(ctx);
}

static int on_boolean(void *ctx, int value)
{
	(void)value;
	return count_value(ctx);
}

static int on_number(void *ctx, const char *text, size_t len)
{
	(void)text;
	(void)len;
	return count_value(ctx);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	(void)text;
	(void)len;
	return count_value(ctx);
}

static int on_open(void *ctx)
{
	struct json_guard *g = ctx;

	if (!count_value(g))
		return 0;
	if (g->depth == g->limits.max_depth)
		(void)err_set(&g->failure, -EFBIG, "json is nested deeper than %u levels",
			      g->limits.max_depth);
	else
		g->keys[g->depth++] = NULL;
	return go_on(g);
}

static int on_close(void *ctx)
{
	struct json_guard *g = ctx;

	g->depth--;
	tdestroy(g->keys[g->depth], free);
	g->keys[g->depth] = NULL;
	return 1;
}

static int key_compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->bytes, y->bytes, x->len);
}

static void fail_duplicate(struct json_guard *g, const struct key *key)
{
	size_t len = key->len < SHOWN_KEY_MAX ? key->len : SHOWN_KEY_MAX;
	char shown[SHOWN_KEY_MAX + 1] = "";

	for (size_t i = 0; i < len; i++)
		shown[i] = (char)(key->bytes[i] < ' ' || key->bytes[i] == 0x7f ? '?' : key->bytes[i]);
	(void)err_set(&g->failure, -EINVAL, "json has the key '%s' twice in one object", shown);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
	struct json_guard *g = ctx;
	struct key *key;
	void *node;

	if (!count_value(g))
		return 0;
	key = malloc(sizeof(*key) + len);
	if (!key)
		goto no_memory;
	key->len = len;
	if (len > 0)
		memcpy(key->bytes, text, len);
	node = tsearch(key, &g->keys[g->depth - 1], key_compare);
	if (!node)
		goto no_memory;
	if (*(struct key **)node != key) {
		fail_duplicate(g, key);
		free(key);
	}
	return go_on(g);

no_memory:
	free(key);
	(void)err_code(&g->failure, -ENOMEM, "cannot check json");
	return 0;
}

static const yajl_callbacks CALLBACKS = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_open,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close,
	.yajl_start_array = on_open,
	.yajl_end_array = on_close,
};

static int open_parser(struct json_guard *g)
{
	yajl_alloc_funcs funcs = { block_alloc, block_realloc, block_free, g };

	if (setjmp(g->no_memory))
		return -ENOMEM;
	g->yajl = yajl_alloc(&CALLBACKS, &funcs, g);
	/* Off by default, but these are what the guard is for. */
	(void)yajl_config(g->yajl, yajl_dont_validate_strings, 0);
	(void)yajl_config(g->yajl, yajl_allow_comments, 0);
	(void)yajl_config(g->yajl, yajl_allow_trailing_garbage, 0);
	(void)yajl_config(g->yajl, yajl_allow_multiple_values, 0);
	(void)yajl_config(g->yajl, yajl_allow_partial_values, 0);
	return 0;
}

struct json_guard *json_guard_new(const struct json_limits *limits)
{
	struct json_guard *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->limits = *limits;
	g->blocks.prev = g->blocks.next = &g->blocks;
	g->keys = calloc((size_t)limits->max_depth + 1, sizeof(*g->keys));
	if (!g->keys || open_parser(g) < 0) {
		json_guard_free(g);
		return NULL;
	}
	return g;
}

void json_guard_free(struct json_guard *g)
{
	if (!g)
		return;
	while (g->blocks.next != &g->blocks) /* the parser and all that it holds */
		block_free(g, g->blocks.next->data);
	for (unsigned int i = 0; g->keys && i < g->depth; i++)
		tdestroy(g->keys[i], free);
	free(g->keys);
	free(g);
}

void json_guard_free_fn(struct json_guard **g)
{
	json_guard_free(*g);
}

/* Runs yajl on the next bytes, or, where `data` is NULL, on the end of them. The text of an error stays yajl's. */
static int run_parser(struct json_guard *g, const void *data, size_t len, const char **ret_text)
{
	yajl_status status;

	*ret_text = NULL;
	if (setjmp(g->no_memory))
		return -ENOMEM;
	status = data ? yajl_parse(g->yajl, data, len) : yajl_complete_parse(g->yajl);
	if (status == yajl_status_ok)
		return 0;
	if (status == yajl_status_error)
		*ret_text = (const char *)yajl_get_error(g->yajl, 0, NULL, 0);
	return -EINVAL;
}

static int parse(struct json_guard *g, const void *data, size_t len, struct err *e)
{
	const char *text;
	int r = run_parser(g, data, len, &text);

	if (r == 0)
		return 0;
	if (r == -ENOMEM)
		return err_code(e, r, "cannot check json");
	if (g->failure.code) {
		*e = g->failure;
		return e->code;
	}
	return err_set(e, -EINVAL, "json is malformed behind byte %zu: %.*s", g->bytes,
		       text ? (int)strcspn(text, "\n") : 0, text ? text : "");
}

int json_guard_feed(struct json_guard *g, const void *data, size_t len, struct err *e)
{
	int r;

	if (len > g->limits.max_bytes - g->bytes)
		return err_set(e, -EFBIG, "json is larger than %zu bytes", g->limits.max_bytes);
	if (len == 0)
		return 0;
	r = parse(g, data, len, e);
	g->bytes += len;
	return r;
}

int json_guard_finish(struct json_guard *g, struct err *e)
{
	return parse(g, NULL, 0, e);
}

int json_guard_check(const char *text, size_t len, const struct json_limits *limits, struct err *e)
{
	cleanup_json_guard struct json_guard *g = json_guard_new(limits);
	int r;

	if (!g)
		return err_code(e, -ENOMEM, "cannot check json");
	r = json_guard_feed(g, text, len, e);
	return r < 0 ? r : json_guard_finish(g, e);
}
