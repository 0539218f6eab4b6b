/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"
#include "common/utf8.h"

void dockerfile_words_done(struct dockerfile_words *w)
{
	for (size_t i = 0; i < w->len; i++)
		free(w->items[i].text);
	free(w->items);
	*w = (struct dockerfile_words){ 0 };
}

void dockerfile_pairs_done(struct dockerfile_pairs *p)
{
	for (size_t i = 0; i < p->len; i++) {
		free(p->items[i].key);
		free(p->items[i].value);
	}
	free(p->items);
	*p = (struct dockerfile_pairs){ 0 };
}

/* Room for one more behind `len`: arrays grow when their length is a power of two. */
static void *grow(void *items, size_t len, size_t size)
{
	return len & (len - 1) ? items : reallocarray(items, len ? 2 * len : 1, size);
}

int dockerfile_words_add(struct dockerfile_words *w, const char *text, size_t len, size_t at)
{
	struct dockerfile_word *items;
	char *copy;

	if (w->len >= DOCKERFILE_WORDS_MAX)
		return -EFBIG;
	items = grow(w->items, w->len, sizeof(*items));
	if (!items)
		return -ENOMEM;
	w->items = items;
	copy = strndup(text, len);
	if (!copy)
		return -ENOMEM;
	w->items[w->len++] = (struct dockerfile_word){ copy, at };
	return 0;
}

int dockerfile_words_error(const struct dockerfile_in *in, int code, struct err *e)
{
	if (code == -EFBIG)
		return dockerfile_error(in->f, in->i->at, -EFBIG, e, "more than %d words",
					DOCKERFILE_WORDS_MAX);
	return err_code(e, code, "cannot read '%s'", in->f->name);
}

static int add_slice(struct dockerfile_in *in, struct dockerfile_words *w, struct slice s, struct err *e)
{
	int r = dockerfile_words_add(w, s.p, s.len, dockerfile_line_at(in->line, s.p));

	return r < 0 ? dockerfile_words_error(in, r, e) : 0;
}

static size_t separators(struct slice s)
{
	size_t n = 0;

	while (n < s.len && is_separator(s.p[n]))
		n++;
	return n;
}

static size_t up_to_separator(struct slice s)
{
	size_t n = 0;

	while (n < s.len && !is_separator(s.p[n]))
		n++;
	return n;
}

int dockerfile_words_split(struct dockerfile_in *in, struct dockerfile_words *w, struct err *e)
{
	struct slice s = in->rest;
	int r = 0;

	while (r == 0 && s.len > 0) {
		size_t n = up_to_separator(s);

		r = add_slice(in, w, (struct slice){ s.p, n }, e);
		s = slice_skip(s, n);
		s = slice_skip(s, separators(s));
	}
	return r;
}

/* One character at s[n], or an escaped one: its length. Quotes are opened and closed. */
static size_t shell_char(struct slice s, size_t n, char escape, char *quote)
{
	char c = s.p[n];
	size_t escaped;

	if (c == escape && *quote != '\'' && n + 1 < s.len) {
		escaped = utf8_char_len(s.p + n + 1, s.len - n - 1);
		return 1 + (escaped ? escaped : 1);
	}
	if (c == *quote)
		*quote = '\0';
	else if (!*quote && (c == '"' || c == '\''))
		*quote = c;
	return 1;
}

/* The length of the word at the beginning; *ret_kept leaves out an escape character that has nothing to escape. */
static size_t shell_word(struct slice s, char escape, size_t *ret_kept)
{
	char quote = '\0';
	size_t n = 0, last = 0;

	while (n < s.len && (quote || space_len(s.p + n, s.len - n) == 0)) {
		last = n;
		n += shell_char(s, n, escape, &quote);
	}
	*ret_kept = n > 0 && n == s.len && last == n - 1 && s.p[last] == escape && quote != '\'' ? last : n;
	return n;
}

int dockerfile_words_shell(struct dockerfile_in *in, struct dockerfile_words *w, struct err *e)
{
	struct slice s = trim_left(in->rest);
	int r = 0;

	while (r == 0 && s.len > 0) {
		size_t kept, n = shell_word(s, in->f->directives.escape, &kept);

		if (kept > 0)
			r = add_slice(in, w, (struct slice){ s.p, kept }, e);
		s = trim_left(slice_skip(s, n));
	}
	return r;
}

/* --- KEY=VALUE ------------------------------------------------------------------------------------ */

/* `value` NULL: none. `whole` stays the caller's. */
static int add_pair(struct dockerfile_in *in, struct slice key, const struct slice *value, size_t at,
		    bool legacy, struct err *e)
{
	struct dockerfile_pairs *p = &in->i->pairs;
	struct dockerfile_pair pair = { .at = at, .legacy = legacy };
	struct dockerfile_pair *items = grow(p->items, p->len, sizeof(*items));

	if (items) {
		p->items = items;
		pair.key = strndup(key.p, key.len);
		pair.value = value ? strndup(value->p, value->len) : NULL;
	}
	if (!pair.key || (value && !pair.value)) {
		free(pair.key);
		free(pair.value);
		return err_code(e, -ENOMEM, "cannot read '%s'", in->f->name);
	}
	p->items[p->len++] = pair;
	return 0;
}

/* "KEY=VALUE" of a word. */
static int add_word_pair(struct dockerfile_in *in, const struct dockerfile_word *w, struct err *e)
{
	const char *equals = strchr(w->text, '=');
	struct slice key = { w->text, equals ? (size_t)(equals - w->text) : strlen(w->text) };
	struct slice value = { equals ? equals + 1 : NULL, equals ? strlen(equals + 1) : 0 };

	if (key.len == 0)
		return dockerfile_error(in->f, w->at, -EINVAL, e, "%s names can not be blank",
					dockerfile_op_name(in->i->op));
	return add_pair(in, key, equals ? &value : NULL, w->at, false, e);
}

/* "KEY VALUE": all that follows is the value. */
static int read_legacy(struct dockerfile_in *in, struct err *e)
{
	struct slice key = { in->rest.p, up_to_separator(in->rest) };
	struct slice value = slice_skip(in->rest, key.len);

	value = slice_skip(value, separators(value));
	if (value.p == key.p + key.len)
		return dockerfile_in_error(in, key.p, e, "%s must have two arguments",
					   dockerfile_op_name(in->i->op));
	return add_pair(in, key, &value, dockerfile_line_at(in->line, key.p), true, e);
}

static int need_words(struct dockerfile_in *in, const struct dockerfile_words *w, struct err *e)
{
	if (w->len > 0)
		return 0;
	return dockerfile_error(in->f, in->i->at, -EINVAL, e, "%s requires at least one argument",
				dockerfile_op_name(in->i->op));
}

static int pairs_of_words(struct dockerfile_in *in, const struct dockerfile_words *w, struct err *e)
{
	int r = need_words(in, w, e);

	if (r == 0 && !strchr(w->items[0].text, '='))
		return read_legacy(in, e);
	for (size_t i = 0; r == 0 && i < w->len; i++) {
		if (!strchr(w->items[i].text, '='))
			return dockerfile_error(
				in->f, w->items[i].at, -EINVAL, e,
				"Syntax error - can't find = in \"%s\". Must be of the form: name=value",
				w->items[i].text);
		r = add_word_pair(in, &w->items[i], e);
	}
	return r;
}

int dockerfile_read_pairs(struct dockerfile_in *in, struct err *e)
{
	struct dockerfile_words w = { 0 };
	int r = dockerfile_words_shell(in, &w, e);

	if (r == 0)
		r = pairs_of_words(in, &w, e);
	dockerfile_words_done(&w);
	return r;
}

int dockerfile_read_args(struct dockerfile_in *in, struct err *e)
{
	struct dockerfile_words w = { 0 };
	int r = dockerfile_words_shell(in, &w, e);

	if (r == 0)
		r = need_words(in, &w, e);
	for (size_t i = 0; r == 0 && i < w.len; i++)
		r = add_word_pair(in, &w.items[i], e);
	dockerfile_words_done(&w);
	return r;
}
