/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/go_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"

#define JSON_MAX ((size_t)64 << 20)

void go_arena_done(struct go_arena *a)
{
	strvec_done(&a->texts);
}

struct go_value go_bool(bool flag)
{
	return (struct go_value){ .kind = GO_BOOL, .flag = flag };
}

struct go_value go_int(int64_t number)
{
	return (struct go_value){ .kind = GO_INT, .number = number };
}

int go_text(struct go_arena *a, char *text, struct go_value *ret, struct err *e)
{
	int r = strvec_take(&a->texts, text);

	if (r < 0)
		return err_code(e, r, "template");
	*ret = (struct go_value){ .kind = GO_TEXT, .text = a->texts.items[a->texts.len - 1] };
	return 0;
}

static int number_of_json(struct go_arena *a, const struct json_in *in, struct go_value *ret, struct err *e)
{
	struct err ignored;
	char *text = NULL;
	int r;

	*ret = go_int(0);
	if (json_read_i64(in, NULL, &ret->number, &ignored) == 0)
		return 0;
	r = json_read_raw(in, NULL, &text, e);
	return r < 0 ? r : go_text(a, text, ret, e);
}

static int text_of_json(struct go_arena *a, const struct json_in *in, struct go_value *ret, struct err *e)
{
	char *text = NULL;
	int r = json_read_string(in, NULL, &text, e);

	return r < 0 ? r : go_text(a, text, ret, e);
}

int go_of_json(struct go_arena *a, const struct json_in *in, struct go_value *ret, struct err *e)
{
	enum json_kind kind = json_kind_of(in);

	if (kind == JSON_KIND_NUMBER)
		return number_of_json(a, in, ret, e);
	if (kind == JSON_KIND_STRING)
		return text_of_json(a, in, ret, e);
	*ret = (struct go_value){ .kind = kind == JSON_KIND_OBJECT  ? GO_OBJECT
					  : kind == JSON_KIND_ARRAY ? GO_LIST
					  : kind == JSON_KIND_BOOL  ? GO_BOOL
								    : GO_NULL,
				  .json = in->value,
				  .name = in->key };
	return kind == JSON_KIND_BOOL ? json_read_bool(in, NULL, &ret->flag, e) : 0;
}

static struct json_in json_of(const struct go_value *v)
{
	return (struct json_in){ .value = v->json };
}

/* --- parts --- */

static int count_member(const struct json_in *member, void *arg, struct err *e)
{
	(void)member;
	(void)e;
	++*(int64_t *)arg;
	return 0;
}

int64_t go_len(const struct go_value *v)
{
	const struct json_in in = json_of(v);
	struct err ignored;
	int64_t n = 0;

	switch (v->kind) {
	case GO_TEXT:
		return (int64_t)strlen(v->text);
	case GO_LIST:
		return (int64_t)json_len(&in);
	case GO_OBJECT:
		return json_each(&in, count_member, &n, &ignored) < 0 ? 0 : n;
	case GO_WORDS:
		return v->number;
	case GO_NULL: /* a list or a map that is nil */
		return 0;
	default:
		return -1;
	}
}

bool go_is_true(const struct go_value *v)
{
	if (v->kind == GO_BOOL)
		return v->flag;
	return v->kind == GO_INT ? v->number != 0 : go_len(v) > 0;
}

static int look_alike(const struct json_in *member, void *arg, struct err *e)
{
	const char **key = arg;

	(void)e;
	if (strcasecmp(member->key, *key) == 0)
		*key = member->key;
	return 0;
}

int go_member(struct go_arena *a, const struct go_value *v, const char *key, struct go_value *ret,
	      struct err *e)
{
	const struct json_in in = json_of(v);
	struct json_in found;
	struct err ignored;

	*ret = (struct go_value){ .kind = GO_NOTHING };
	if (v->kind != GO_OBJECT)
		return v->kind == GO_NULL ? 0 : err_set(e, -EINVAL, "template: can't evaluate field %s", key);
	if (!json_has(&in, key))
		IGNORE_RESULT(json_each(&in, look_alike, &key, &ignored)); /* it cannot fail */
	found = json_get(&in, key);
	return json_has(&in, key) ? go_of_json(a, &found, ret, e) : 0;
}

int go_element(struct go_arena *a, const struct go_value *v, int64_t index, struct go_value *ret,
	       struct err *e)
{
	const struct json_in in = json_of(v);
	const char *word = v->text;
	struct json_in found;

	if (v->kind != GO_LIST && v->kind != GO_WORDS && v->kind != GO_NULL)
		return err_set(e, -EINVAL, "template: error calling index: can't index item of type string");
	if (index < 0 || index >= go_len(v))
		return err_set(e, -EINVAL, "template: error calling index: index out of range: %lld",
			       (long long)index);
	if (v->kind == GO_LIST) {
		found = json_at(&in, (size_t)index);
		return go_of_json(a, &found, ret, e);
	}
	while (index-- > 0)
		word += strlen(word) + 1;
	*ret = (struct go_value){ .kind = GO_TEXT, .text = word };
	return 0;
}

static int add_key(const struct json_in *member, void *arg, struct err *e)
{
	return strvec_add(arg, member->key) < 0 ? err_code(e, -ENOMEM, "template") : 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int go_keys(const struct go_value *v, struct strvec *ret, struct err *e)
{
	const struct json_in in = json_of(v);
	int r = json_each(&in, add_key, ret, e);

	if (r == 0 && ret->len > 1)
		qsort(ret->items, ret->len, sizeof(*ret->items), compare_keys);
	return r;
}

int go_compare(const struct go_value *a, const struct go_value *b, int *ret, struct err *e)
{
	if (a->kind == GO_INT && b->kind == GO_INT)
		*ret = (a->number > b->number) - (a->number < b->number);
	else if (a->kind == GO_TEXT && b->kind == GO_TEXT)
		*ret = strcmp(a->text, b->text);
	else if (a->kind == GO_BOOL && b->kind == GO_BOOL)
		*ret = (int)a->flag - (int)b->flag;
	else if (a->kind <= GO_NULL && b->kind <= GO_NULL)
		*ret = 0;
	else if (a->kind <= GO_NULL || b->kind <= GO_NULL)
		*ret = 1;
	else
		return err_set(e, -EINVAL, "template: incompatible types for comparison");
	return 0;
}

/* --- printing --- */

/* Control characters could drive a terminal; line ends and tabs are for people. */
static int print_text(const char *text, struct buf *out)
{
	int r = 0;

	for (; r == 0 && *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool obeyed = (c < ' ' && c != '\n' && c != '\t') || c == 0x7f;

		r = buf_add(out, obeyed ? "?" : text, 1);
	}
	return r;
}

static int print_part(struct go_arena *a, const struct go_value *v, const char *key, int64_t index,
		      struct buf *out)
{
	struct go_value part;
	struct err ignored;
	int r = key ? go_member(a, v, key, &part, &ignored) : go_element(a, v, index, &part, &ignored);

	if (r == 0 && (key || index > 0) && out->data[out->len - 1] != '[')
		r = buf_add_char(out, ' ');
	if (r == 0 && key)
		r = print_text(key, out);
	if (r == 0 && key)
		r = buf_add_char(out, ':');
	return r == 0 ? go_print(&part, out) : r; /* as deep as the document, which has a limit */
}

static int print_parts(const struct go_value *v, struct buf *out)
{
	cleanup_strvec struct strvec keys = { 0 };
	struct go_arena a = { { 0 } };
	struct err ignored;
	int r = v->kind == GO_OBJECT ? go_keys(v, &keys, &ignored) : 0;
	int64_t len = v->kind == GO_OBJECT ? (int64_t)keys.len : go_len(v);

	if (r == 0)
		r = buf_add_str(out, v->kind == GO_OBJECT ? "map[" : "[");
	for (int64_t i = 0; r == 0 && i < len; i++)
		r = print_part(&a, v, v->kind == GO_OBJECT ? keys.items[i] : NULL, i, out);
	go_arena_done(&a);
	return r == 0 ? buf_add_char(out, ']') : r;
}

int go_print(const struct go_value *v, struct buf *out)
{
	switch (v->kind) {
	case GO_NOTHING:
		return buf_add_str(out, "<no value>");
	case GO_NULL: /* most of docker's that may be nil are lists */
		return buf_add_str(out, "[]");
	case GO_BOOL:
		return buf_add_str(out, v->flag ? "true" : "false");
	case GO_INT:
		return buf_printf(out, "%lld", (long long)v->number);
	case GO_TEXT:
		return print_text(v->text, out);
	default:
		return print_parts(v, out);
	}
}

static void write_scalar(const struct go_value *v, struct json_out *o)
{
	if (v->kind == GO_TEXT)
		json_out_string(o, NULL, v->text);
	else if (v->kind == GO_INT)
		json_out_i64(o, NULL, v->number);
	else if (v->kind == GO_BOOL)
		json_out_bool(o, NULL, v->flag);
	else
		json_out_null(o, NULL);
}

static void write_words(const struct go_value *v, struct json_out *o)
{
	const char *word = v->text;

	json_out_array(o, NULL);
	for (int64_t i = 0; i < v->number; i++, word += strlen(word) + 1)
		json_out_string(o, NULL, word);
	json_out_end(o);
}

int go_json(const struct go_value *v, struct buf *out, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, JSON_MAX);
	const struct json_in in = json_of(v);
	cleanup_free char *raw = NULL;
	const char *text = NULL;
	size_t len = 0;
	int r = 0;

	if (v->kind == GO_OBJECT || v->kind == GO_LIST) {
		r = json_read_raw(&in, NULL, &raw, e);
		if (r == 0 && buf_add_str(out, raw) < 0)
			r = err_code(e, -EFBIG, "template");
		return r;
	}
	if (v->kind == GO_WORDS)
		write_words(v, o);
	else
		write_scalar(v, o);
	r = json_out_finish(o, &text, &len, e);
	return r == 0 && buf_add(out, text, len) < 0 ? err_code(e, -EFBIG, "template") : r;
}
