/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/go_functions.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define TEXT_MAX  ((size_t)64 << 20)
#define WIDTH_MAX 4096

struct go_function {
	const char *name;
	size_t min, max; /* arguments */
	int (*call)(const struct go_call *c, struct go_value *ret, struct err *e);
};

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "template");
}

static int take(const struct go_call *c, struct buf *text, struct go_value *ret, struct err *e)
{
	return go_text(c->arena, buf_take(text), ret, e);
}

static int want_text(const struct go_value *v, struct err *e)
{
	return v->kind == GO_TEXT ? 0
				  : err_set(e, -EINVAL, "template: wrong type for value; expected string");
}

static int want_int(const struct go_value *v, struct err *e)
{
	return v->kind == GO_INT ? 0 : err_set(e, -EINVAL, "template: wrong type for value; expected int");
}

/* --- of text/template --- */

static int call_len(const struct go_call *c, struct go_value *ret, struct err *e)
{
	int64_t n = go_len(&c->args[0]);

	if (n < 0)
		return err_set(e, -EINVAL, "template: error calling len: it has no length");
	*ret = go_int(n);
	return 0;
}

static int call_index(const struct go_call *c, struct go_value *ret, struct err *e)
{
	struct go_value at = c->args[0];
	int r = 0;

	for (size_t i = 1; r == 0 && i < c->len; i++) {
		const struct go_value *key = &c->args[i];
		struct go_value next = { .kind = GO_NOTHING };

		if (key->kind == GO_INT)
			r = go_element(c->arena, &at, key->number, &next, e);
		else if (key->kind == GO_TEXT)
			r = go_member(c->arena, &at, key->text, &next, e);
		else
			r = err_set(e, -EINVAL,
				    "template: error calling index: neither a number nor a string");
		at = next;
	}
	if (r == 0 && at.kind == GO_NOTHING) /* Go's zero value of a map of strings */
		at = (struct go_value){ .kind = GO_TEXT, .text = "" };
	*ret = at;
	return r;
}

static int call_slice(const struct go_call *c, struct go_value *ret, struct err *e)
{
	int64_t len = go_len(&c->args[0]), from = 0, to = len;
	int r = want_text(&c->args[0], e);

	for (size_t i = 1; r == 0 && i < c->len; i++)
		r = want_int(&c->args[i], e);
	if (r < 0)
		return r;
	from = c->len > 1 ? c->args[1].number : from;
	to = c->len > 2 ? c->args[2].number : to;
	if (from < 0 || to > len || from > to)
		return err_set(e, -EINVAL, "template: error calling slice: index out of range");
	return go_text(c->arena, strndup(c->args[0].text + from, (size_t)(to - from)), ret, e);
}

static int call_not(const struct go_call *c, struct go_value *ret, struct err *e)
{
	(void)e;
	*ret = go_bool(!go_is_true(&c->args[0]));
	return 0;
}

/* The first that decides, or the last one. */
static int decide(const struct go_call *c, bool on, struct go_value *ret)
{
	for (size_t i = 0; i < c->len; i++) {
		*ret = c->args[i];
		if (go_is_true(ret) == on)
			break;
	}
	return 0;
}

static int call_and(const struct go_call *c, struct go_value *ret, struct err *e)
{
	(void)e;
	return decide(c, false, ret);
}

static int call_or(const struct go_call *c, struct go_value *ret, struct err *e)
{
	(void)e;
	return decide(c, true, ret);
}

static int call_eq(const struct go_call *c, struct go_value *ret, struct err *e)
{
	int order = 1, r = 0;

	for (size_t i = 1; r == 0 && order != 0 && i < c->len; i++)
		r = go_compare(&c->args[0], &c->args[i], &order, e);
	*ret = go_bool(order == 0);
	return r;
}

static int call_ne(const struct go_call *c, struct go_value *ret, struct err *e)
{
	int order = 0, r = go_compare(&c->args[0], &c->args[1], &order, e);

	*ret = go_bool(order != 0);
	return r;
}

static int call_lt(const struct go_call *c, struct go_value *ret, struct err *e)
{
	int order = 0, r = go_compare(&c->args[0], &c->args[1], &order, e);

	*ret = go_bool(order < 0);
	return r;
}

static int call_le(const struct go_call *c, struct go_value *ret, struct err *e)
{
	int order = 0, r = go_compare(&c->args[0], &c->args[1], &order, e);

	*ret = go_bool(order <= 0);
	return r;
}

static int call_gt(const struct go_call *c, struct go_value *ret, struct err *e)
{
	int order = 0, r = go_compare(&c->args[0], &c->args[1], &order, e);

	*ret = go_bool(order > 0);
	return r;
}

static int call_ge(const struct go_call *c, struct go_value *ret, struct err *e)
{
	int order = 0, r = go_compare(&c->args[0], &c->args[1], &order, e);

	*ret = go_bool(order >= 0);
	return r;
}

/* Go's Sprint has blanks between operands that are no strings, Sprintln between all. */
static int print_all(const struct go_call *c, bool line, struct go_value *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->len; i++) {
		bool texts = i > 0 && (c->args[i].kind == GO_TEXT || c->args[i - 1].kind == GO_TEXT);

		if (i > 0 && (line || !texts))
			r = buf_add_char(&text, ' ');
		if (r == 0)
			r = go_print(&c->args[i], &text);
	}
	if (r == 0 && line)
		r = buf_add_char(&text, '\n');
	return r < 0 ? no_memory(e) : take(c, &text, ret, e);
}

static int call_print(const struct go_call *c, struct go_value *ret, struct err *e)
{
	return print_all(c, false, ret, e);
}

static int call_println(const struct go_call *c, struct go_value *ret, struct err *e)
{
	return print_all(c, true, ret, e);
}

/* --- printf --- */

struct verb {
	bool left, zero;
	int width, precision; /* -1: not said */
	char letter;
};

static int read_number(const char **p, int none)
{
	int n = none;

	for (; isdigit((unsigned char)**p); ++*p)
		n = n < 0 ? **p - '0' : n < WIDTH_MAX ? n * 10 + (**p - '0') : n;
	return n;
}

static struct verb read_verb(const char **p)
{
	struct verb v = { .precision = -1 };

	for (; **p && strchr("-0 +#", **p); ++*p) {
		v.left = v.left || **p == '-';
		v.zero = v.zero || **p == '0';
	}
	v.width = read_number(p, 0);
	if (**p == '.') {
		++*p;
		v.precision = read_number(p, 0);
	}
	v.letter = **p;
	*p += v.letter != '\0';
	return v;
}

static int verb_text(const struct verb *v, const struct go_value *arg, struct buf *text, struct err *e)
{
	int r;

	if (v->letter == 'q' && arg->kind == GO_TEXT)
		return go_json(arg, text, e);
	if (v->letter == 'x' && arg->kind == GO_INT)
		r = buf_printf(text, "%llx", (unsigned long long)arg->number);
	else if (strchr("svdqt", v->letter))
		r = go_print(arg, text);
	else
		return err_set(e, -EINVAL, "template: printf: '%%%c' is not supported", v->letter);
	return r < 0 ? no_memory(e) : 0;
}

static int add_verb(const struct verb *v, const struct go_value *arg, struct buf *out, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
	int r = verb_text(v, arg, &text, e), len;

	if (r < 0)
		return r;
	len = v->letter == 's' && v->precision >= 0 && (size_t)v->precision < text.len ? v->precision
										       : (int)text.len;
	if (v->zero && !v->left && arg->kind == GO_INT)
		r = buf_printf(out, "%0*lld", v->width, (long long)arg->number);
	else
		r = buf_printf(out, "%*.*s", v->left ? -v->width : v->width, len, text.data ? text.data : "");
	return r < 0 ? no_memory(e) : 0;
}

static int call_printf(const struct go_call *c, struct go_value *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
	const char *p = c->args[0].text;
	int r = want_text(&c->args[0], e);
	size_t next = 1;

	while (r == 0 && *p) {
		struct verb v;

		if (*p != '%' || *++p == '%') {
			r = buf_add_char(&text, *p++) < 0 ? no_memory(e) : 0;
			continue;
		}
		v = read_verb(&p);
		if (next == c->len || !v.letter)
			return err_set(e, -EINVAL, "template: printf: there are more verbs than values");
		r = add_verb(&v, &c->args[next++], &text, e);
	}
	return r < 0 ? r : take(c, &text, ret, e);
}

/* --- docker's --- */

static int call_json(const struct go_call *c, struct go_value *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
	int r = go_json(&c->args[0], &text, e);

	return r < 0 ? r : take(c, &text, ret, e);
}

static int change_case(const struct go_call *c, int (*change)(int letter), bool first_only,
		       struct go_value *ret, struct err *e)
{
	int r = want_text(&c->args[0], e);
	bool begins = true;
	char *text;

	if (r < 0)
		return r;
	text = strdup(c->args[0].text);
	for (char *p = text; p && *p; p++) {
		if ((unsigned char)*p < 0x80 && (begins || !first_only))
			*p = (char)change((unsigned char)*p);
		begins = isspace((unsigned char)*p) != 0;
	}
	return go_text(c->arena, text, ret, e);
}

static int call_lower(const struct go_call *c, struct go_value *ret, struct err *e)
{
	return change_case(c, tolower, false, ret, e);
}

static int call_upper(const struct go_call *c, struct go_value *ret, struct err *e)
{
	return change_case(c, toupper, false, ret, e);
}

static int call_title(const struct go_call *c, struct go_value *ret, struct err *e)
{
	return change_case(c, toupper, true, ret, e);
}

static int call_join(const struct go_call *c, struct go_value *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
	int64_t len = go_len(&c->args[0]);
	int r = want_text(&c->args[1], e);

	if (r == 0 && c->args[0].kind != GO_LIST && c->args[0].kind != GO_WORDS && c->args[0].kind != GO_NULL)
		r = err_set(e, -EINVAL, "template: error calling join: expected a list");
	for (int64_t i = 0; r == 0 && i < len; i++) {
		struct go_value part;

		r = go_element(c->arena, &c->args[0], i, &part, e);
		if (r == 0 &&
		    ((i > 0 && buf_add_str(&text, c->args[1].text) < 0) || go_print(&part, &text) < 0))
			r = no_memory(e);
	}
	return r < 0 ? r : take(c, &text, ret, e);
}

static int call_split(const struct go_call *c, struct go_value *ret, struct err *e)
{
	cleanup_buf struct buf words = BUF_INIT(TEXT_MAX);
	const char *p = c->args[0].text, *by = c->args[1].text;
	int r = want_text(&c->args[0], e);
	int64_t n = 1;

	if (r == 0)
		r = want_text(&c->args[1], e);
	if (r == 0 && !*by)
		r = err_set(e, -EINVAL, "template: error calling split: the separator is empty");
	while (r == 0 && *p) {
		bool ends = strncmp(p, by, strlen(by)) == 0;

		r = buf_add(&words, ends ? "" : p, 1) < 0 ? no_memory(e) : 0;
		n += ends;
		p += ends ? strlen(by) : 1;
	}
	if (r == 0)
		r = take(c, &words, ret, e);
	ret->kind = GO_WORDS;
	ret->number = n;
	return r;
}

static int call_truncate(const struct go_call *c, struct go_value *ret, struct err *e)
{
	int r = want_text(&c->args[0], e);

	if (r == 0)
		r = want_int(&c->args[1], e);
	if (r < 0)
		return r;
	return go_text(c->arena,
		       strndup(c->args[0].text, c->args[1].number < 0 ? 0 : (size_t)c->args[1].number), ret,
		       e);
}

/* `pad TEXT BEFORE BEHIND`, in blanks. */
static int call_pad(const struct go_call *c, struct go_value *ret, struct err *e)
{
	char *text = NULL;
	int r = want_text(&c->args[0], e);

	for (size_t i = 1; r == 0 && i < 3; i++) {
		r = want_int(&c->args[i], e);
		if (r == 0 && (c->args[i].number < 0 || c->args[i].number > WIDTH_MAX))
			r = err_set(e, -EINVAL, "template: error calling pad: more than %d blanks",
				    WIDTH_MAX);
	}
	if (r == 0 && *c->args[0].text == '\0')
		return go_text(c->arena, strdup(""), ret, e);
	if (r == 0 && asprintf(&text, "%*s%s%*s", (int)c->args[1].number, "", c->args[0].text,
			       (int)c->args[2].number, "") < 0)
		text = NULL;
	return r < 0 ? r : go_text(c->arena, text, ret, e);
}

/* --- all of them --- */

static const struct go_function FUNCTIONS[] = {
	{ "and", 1, GO_ARGS_MAX, call_and },
	{ "eq", 2, GO_ARGS_MAX, call_eq },
	{ "ge", 2, 2, call_ge },
	{ "gt", 2, 2, call_gt },
	{ "index", 1, GO_ARGS_MAX, call_index },
	{ "join", 2, 2, call_join },
	{ "json", 1, 1, call_json },
	{ "le", 2, 2, call_le },
	{ "len", 1, 1, call_len },
	{ "lower", 1, 1, call_lower },
	{ "lt", 2, 2, call_lt },
	{ "ne", 2, 2, call_ne },
	{ "not", 1, 1, call_not },
	{ "or", 1, GO_ARGS_MAX, call_or },
	{ "pad", 3, 3, call_pad },
	{ "print", 0, GO_ARGS_MAX, call_print },
	{ "printf", 1, GO_ARGS_MAX, call_printf },
	{ "println", 0, GO_ARGS_MAX, call_println },
	{ "slice", 1, 3, call_slice },
	{ "split", 2, 2, call_split },
	{ "title", 1, 1, call_title },
	{ "truncate", 2, 2, call_truncate },
	{ "upper", 1, 1, call_upper },
};

const struct go_function *go_function_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(FUNCTIONS); i++)
		if (strlen(FUNCTIONS[i].name) == len && strncmp(FUNCTIONS[i].name, name, len) == 0)
			return &FUNCTIONS[i];
	return NULL;
}

int go_function_call(const struct go_function *f, const struct go_call *c, struct go_value *ret,
		     struct err *e)
{
	if (c->len < f->min || c->len > f->max)
		return err_set(e, -EINVAL, "template: wrong number of args for %s: want %s%zu got %zu",
			       f->name,
			       f->min == f->max  ? ""
			       : c->len < f->min ? "at least "
						 : "at most ",
			       c->len < f->min ? f->min : f->max, c->len);
	return f->call(c, ret, e);
}
