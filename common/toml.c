/* SPDX-License-Identifier: Apache-2.0 */
#include "common/toml.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/toml_scan.h"

static int read_value(struct toml_scan *s, unsigned int depth, struct toml_value *ret, struct err *e);

/* Trees are at most TOML_DEPTH_MAX deep, so this recursion ends. */
void toml_done(struct toml_value *v)
{
	for (size_t i = 0; i < v->len; i++)
		toml_done(&v->items[i]);
	free(v->items);
	free(v->text);
	free(v->key);
	*v = (struct toml_value){ 0 };
}

/* --- building ---------------------------------------------------------------------------------------- */

static struct toml_value *find(const struct toml_value *table, const char *key)
{
	for (size_t i = 0; table->kind == TOML_TABLE && i < table->len; i++)
		if (strcmp(table->items[i].key, key) == 0)
			return &table->items[i];
	return NULL;
}

static bool grow(struct toml_value *v)
{
	size_t cap = v->cap ? 2 * v->cap : 4;
	struct toml_value *items;

	if (v->items && v->len < v->cap)
		return true;
	items = reallocarray(v->items, cap, sizeof(*items));
	if (!items)
		return false;
	v->items = items;
	v->cap = cap;
	return true;
}

/* A new, empty member (key NULL: of an array), valid until the next one is added to the same value; NULL on failure. */
static struct toml_value *append(struct toml_scan *s, struct toml_value *v, const char *key,
				 enum toml_kind kind, struct err *e)
{
	struct toml_value item = { .kind = kind, .line = s->line };

	if (!grow(v)) {
		(void)err_code(e, -ENOMEM, "cannot keep a value");
		return NULL;
	}
	if (++s->values > TOML_VALUES_MAX) {
		(void)toml_error(s, -EFBIG, e, "more than %d values", TOML_VALUES_MAX);
		return NULL;
	}
	if (key && !(item.key = strdup(key))) {
		(void)err_code(e, -ENOMEM, "cannot keep a key");
		return NULL;
	}
	v->items[v->len] = item;
	return &v->items[v->len++];
}

/* --- keys -------------------------------------------------------------------------------------------- */

static int read_key(struct toml_scan *s, struct strvec *ret, struct err *e)
{
	int r;

	for (;;) {
		cleanup_buf struct buf part = BUF_INIT(TOML_TEXT_MAX);

		toml_skip_blanks(s);
		r = toml_scan_key(s, &part, e);
		if (r < 0)
			return r;
		if (strvec_take(ret, buf_take(&part)) < 0)
			return err_code(e, -ENOMEM, "cannot keep a key");
		if (ret->len > TOML_DEPTH_MAX)
			return toml_error(s, -EFBIG, e, "nested deeper than %d", TOML_DEPTH_MAX);
		toml_skip_blanks(s);
		if (toml_peek(s) != '.')
			return 0;
		s->at++;
	}
}

/* The table that all parts of a key but the last lead to, made where it is absent; NULL on failure. `of_header`: of "[a.b]", which may go
 * through tables and, to their last element, arrays of tables; dotted keys may not go into tables that have had a header. */
static struct toml_value *walk(struct toml_scan *s, struct toml_value *from, const struct strvec *key,
			       bool of_header, struct err *e)
{
	struct toml_value *at = from, *next;

	for (size_t i = 0; i + 1 < key->len; i++) {
		next = find(at, key->items[i]);
		if (!next)
			next = append(s, at, key->items[i], TOML_TABLE, e);
		else if (of_header && next->kind == TOML_ARRAY && !next->is_closed && next->len > 0)
			next = &next->items[next->len - 1];
		if (!next)
			return NULL;
		if (next->kind != TOML_TABLE || next->is_closed || (!of_header && next->is_defined)) {
			(void)toml_error(s, -EINVAL, e, "key '%.64s' is no table that can be added to",
					 key->items[i]);
			return NULL;
		}
		at = next;
	}
	return at;
}

static int read_pair(struct toml_scan *s, struct toml_value *table, unsigned int depth, struct err *e)
{
	cleanup_strvec struct strvec key = { 0 };
	struct toml_value *parent, *v;
	const char *last;
	int r = read_key(s, &key, e);

	if (r < 0)
		return r;
	parent = walk(s, table, &key, false, e);
	if (!parent)
		return e->code;
	last = key.items[key.len - 1];
	if (find(parent, last))
		return toml_error(s, -EINVAL, e, "key '%.64s' stands here twice", last);
	if (toml_peek(s) != '=')
		return toml_error(s, -EINVAL, e, "expected '=' behind a key");
	s->at++;
	v = append(s, parent, last, TOML_OTHER, e);
	return v ? read_value(s, depth + (unsigned int)key.len, v, e) : e->code;
}

/* --- values ------------------------------------------------------------------------------------------ */

static int read_array(struct toml_scan *s, unsigned int depth, struct toml_value *ret, struct err *e)
{
	struct toml_value *item;
	int r;

	ret->kind = TOML_ARRAY;
	s->at++; /* '[' */
	for (;;) {
		r = toml_skip_lines(s, e);
		if (r < 0 || toml_peek(s) == ']')
			break;
		item = append(s, ret, NULL, TOML_OTHER, e);
		r = item ? read_value(s, depth + 1, item, e) : e->code;
		if (r == 0)
			r = toml_skip_lines(s, e);
		if (r < 0 || toml_peek(s) == ']')
			break;
		if (toml_peek(s) != ',')
			return toml_error(s, -EINVAL, e, "expected ',' or ']' in an array");
		s->at++;
	}
	s->at += r == 0;
	ret->is_closed = true;
	return r;
}

static int read_inline_table(struct toml_scan *s, unsigned int depth, struct toml_value *ret, struct err *e)
{
	int r = 0;

	ret->kind = TOML_TABLE;
	s->at++; /* '{' */
	toml_skip_blanks(s);
	while (toml_peek(s) != '}' || ret->len > 0) {
		r = read_pair(s, ret, depth, e);
		toml_skip_blanks(s);
		if (r < 0 || toml_peek(s) == '}')
			break;
		if (toml_peek(s) != ',')
			return toml_error(s, -EINVAL, e, "expected ',' or '}' in an inline table");
		s->at++;
	}
	s->at += r == 0;
	ret->is_closed = true;
	return r;
}

static int read_value(struct toml_scan *s, unsigned int depth, struct toml_value *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(TOML_TEXT_MAX);
	int r;

	if (depth > TOML_DEPTH_MAX)
		return toml_error(s, -EFBIG, e, "nested deeper than %d", TOML_DEPTH_MAX);
	toml_skip_blanks(s);
	switch (toml_peek(s)) {
	case '[':
		return read_array(s, depth, ret, e);
	case '{':
		return read_inline_table(s, depth, ret, e);
	case '"':
	case '\'':
		ret->kind = TOML_STRING;
		r = toml_scan_string(s, true, &text, e);
		if (r < 0)
			return r;
		ret->text = buf_take(&text);
		return ret->text ? 0 : err_code(e, -ENOMEM, "cannot keep a string");
	default:
		return toml_scan_word(s, ret, e);
	}
}

/* --- headers ----------------------------------------------------------------------------------------- */

static struct toml_value *define_table(struct toml_scan *s, struct toml_value *parent, const char *key,
				       struct err *e)
{
	struct toml_value *table = find(parent, key);

	if (!table)
		table = append(s, parent, key, TOML_TABLE, e);
	if (!table)
		return NULL;
	if (table->kind != TOML_TABLE || table->is_closed || table->is_defined) {
		(void)toml_error(s, -EINVAL, e, "table '%.64s' stands here twice", key);
		return NULL;
	}
	table->is_defined = true;
	return table;
}

static struct toml_value *define_element(struct toml_scan *s, struct toml_value *parent, const char *key,
					 struct err *e)
{
	struct toml_value *array = find(parent, key), *element;

	if (!array)
		array = append(s, parent, key, TOML_ARRAY, e);
	if (!array)
		return NULL;
	if (array->kind != TOML_ARRAY || array->is_closed) {
		(void)toml_error(s, -EINVAL, e, "key '%.64s' is no array of tables", key);
		return NULL;
	}
	element = append(s, array, NULL, TOML_TABLE, e);
	if (element)
		element->is_defined = true;
	return element;
}

/* "[a.b]" or "[[a.b]]"; the pairs that follow belong to *ret. */
static int read_header(struct toml_scan *s, struct toml_value *top, struct toml_value **ret, struct err *e)
{
	cleanup_strvec struct strvec key = { 0 };
	bool is_array = toml_peek_at(s, 1) == '[';
	struct toml_value *parent, *found;
	int r;

	s->at += is_array ? 2 : 1;
	r = read_key(s, &key, e);
	if (r < 0)
		return r;
	if (toml_peek(s) != ']' || (is_array && toml_peek_at(s, 1) != ']'))
		return toml_error(s, -EINVAL, e, "expected '%s' behind a table's name",
				  is_array ? "]]" : "]");
	s->at += is_array ? 2 : 1;
	parent = walk(s, top, &key, true, e);
	if (!parent)
		return e->code;
	found = is_array ? define_element(s, parent, key.items[key.len - 1], e)
			 : define_table(s, parent, key.items[key.len - 1], e);
	if (!found)
		return e->code;
	*ret = found;
	return 0;
}

int toml_parse(const char *text, size_t len, struct toml_value *ret, struct err *e)
{
	struct toml_scan s = { .text = text, .len = len, .line = 1 };
	cleanup_toml struct toml_value top = { .kind = TOML_TABLE, .line = 1 };
	struct toml_value *table = &top;
	int r = 0;

	if (len > 0 && memchr(text, '\0', len))
		return err_set(e, -EINVAL, "it holds a NUL byte");
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		s.at = 3; /* a byte order mark */
	while (r == 0) {
		r = toml_skip_lines(&s, e);
		if (r < 0 || s.at == s.len)
			break;
		r = toml_peek(&s) == '[' ? read_header(&s, &top, &table, e) : read_pair(&s, table, 1, e);
		if (r == 0)
			r = toml_end_of_line(&s, e);
	}
	if (r < 0)
		return r;
	*ret = top;
	top = (struct toml_value){ 0 };
	return 0;
}

/* --- reading ----------------------------------------------------------------------------------------- */

const struct toml_value *toml_get(const struct toml_value *table, const char *key)
{
	return table && table->kind == TOML_TABLE ? find(table, key) : NULL;
}

static int expected(const struct toml_value *v, const char *key, const char *what, struct err *e)
{
	return err_set(e, -EINVAL, "line %u: '%s': expected %s", v->line, key, what);
}

int toml_get_string(const struct toml_value *table, const char *key, char **ret, struct err *e)
{
	const struct toml_value *v = toml_get(table, key);
	char *copy;

	if (!v)
		return 0;
	if (v->kind != TOML_STRING)
		return expected(v, key, "a string", e);
	copy = strdup(v->text);
	if (!copy)
		return err_code(e, -ENOMEM, "cannot keep a string");
	free(*ret);
	*ret = copy;
	return 0;
}

int toml_get_bool(const struct toml_value *table, const char *key, bool *ret, struct err *e)
{
	const struct toml_value *v = toml_get(table, key);

	if (!v)
		return 0;
	if (v->kind != TOML_BOOLEAN)
		return expected(v, key, "true or false", e);
	*ret = v->boolean;
	return 0;
}

int toml_get_strings(const struct toml_value *table, const char *key, struct strvec *ret, struct err *e)
{
	const struct toml_value *v = toml_get(table, key);

	if (!v)
		return 0;
	if (v->kind != TOML_ARRAY)
		return expected(v, key, "an array of strings", e);
	strvec_done(ret);
	for (size_t i = 0; i < v->len; i++) {
		if (v->items[i].kind != TOML_STRING)
			return expected(&v->items[i], key, "an array of strings", e);
		if (strvec_add(ret, v->items[i].text) < 0)
			return err_code(e, -ENOMEM, "cannot keep a string");
	}
	return 0;
}
