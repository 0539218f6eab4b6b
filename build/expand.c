/* SPDX-License-Identifier: Apache-2.0 */
#include "build/expand.h"

#include <stdlib.h>
#include <string.h>

#include "build/expand_pattern.h"
#include "build/rune.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/utf8.h"

#define EXPAND_NAMES_MAX 4096        /* different variables in a word */
#define EXPAND_WORK_MAX  (64u << 20) /* bytes of values that patterns are matched with, for one word */

struct lexer {
	const struct expand_options *o;
	const struct strvec *env;
	struct expand_names *names; /* NULL: nobody asks */
	const char *at, *end;
	bool raw_escapes; /* of the word at hand: patterns keep theirs */
	unsigned depth;
	size_t work;
	struct err *e;
};

/* Where a word goes: its text and, if `words` is not NULL, the words of it. */
struct output {
	struct buf text;
	struct strvec *words;
	struct buf word; /* the last one, which may go on */
};

/* ${name op ...} */
struct substitution {
	const char *name;
	size_t name_len;
	const char *op_text; /* "-", ":-", "//" */
	size_t op_len;
	char op; /* '\0': the text ends there */
	bool colon;
};

void expand_names_done(struct expand_names *n)
{
	strvec_done(&n->set);
	strvec_done(&n->unset);
}

/* --- output ----------------------------------------------------------------------------------------- */

/* Says what a buffer's or a vector's error means here. */
static int explain(const struct lexer *l, int r)
{
	if (r == -EFBIG)
		return err_set(l->e, r, "it becomes longer than %u bytes or %d words", EXPAND_MAX,
			       EXPAND_WORDS_MAX);
	return r < 0 ? err_code(l->e, r, "out of memory") : 0;
}

static int add(const struct lexer *l, struct buf *out, const char *text, size_t len)
{
	return explain(l, buf_add(out, text, len));
}

static int end_word(const struct lexer *l, struct output *out)
{
	int r;

	if (!out->words || out->word.len == 0)
		return 0;
	r = strvec_add(out->words, out->word.data);
	buf_clear(&out->word);
	return explain(l, r);
}

/* Text that is not split: it was quoted or escaped. */
static int put(const struct lexer *l, struct output *out, const char *text, size_t len)
{
	int r = add(l, &out->text, text, len);

	if (r == 0 && out->words)
		r = add(l, &out->word, text, len);
	return r;
}

/* Text that white space splits. */
static int put_split(const struct lexer *l, struct output *out, const char *text, size_t len)
{
	const char *end;
	int r;

	if (len == 0)
		return 0;
	r = add(l, &out->text, text, len);
	end = text + len;
	while (out->words && r == 0 && text < end) {
		const char *first = text;

		if (rune_is_space(rune_next(&text, end)))
			r = end_word(l, out);
		else
			r = add(l, &out->word, first, (size_t)(text - first));
	}
	return r;
}

/* --- variables -------------------------------------------------------------------------------------- */

static int remember(const struct lexer *l, struct strvec *names, const char *name, size_t len)
{
	cleanup_free char *copy = strndup(name, len);

	if (!copy)
		return explain(l, -ENOMEM);
	if (strvec_has(names, copy))
		return 0;
	if (names->len >= EXPAND_NAMES_MAX)
		return err_set(l->e, -EFBIG, "it uses more than %d variables", EXPAND_NAMES_MAX);
	return explain(l, strvec_take(names, ptr_take(copy)));
}

/* *ret is borrowed, NULL where the variable is not set. */
static int look_up(const struct lexer *l, const char *name, size_t len, const char **ret)
{
	*ret = NULL;
	for (size_t i = l->env ? l->env->len : 0; i > 0 && !*ret; i--) {
		const char *item = l->env->items[i - 1];

		if (strncmp(item, name, len) != 0)
			continue;
		if (item[len] == '=')
			*ret = item + len + 1;
		else if (item[len] == '\0')
			*ret = "";
	}
	if (!l->names)
		return 0;
	return remember(l, *ret ? &l->names->set : &l->names->unset, name, len);
}

/* The length of the name at l->at: digits, one special parameter, or letters. 0: there is none. */
static size_t name_len(const struct lexer *l)
{
	const char *at = l->at;

	if (at < l->end && *at >= '0' && *at <= '9')
		return strspn(at, "0123456789");
	if (at < l->end && strchr("@*#?-$!", *at))
		return 1;
	while (at < l->end) {
		const char *next = at;

		if (!rune_is_name(rune_next(&next, l->end)))
			break;
		at = next;
	}
	return (size_t)(at - l->at);
}

/* Puts back what is left as it was written: "${name", the operator, the word, "}". */
static int put_back(const struct lexer *l, const struct substitution *s, const struct buf *word,
		    struct buf *out)
{
	int r = add(l, out, "${", 2);

	if (r == 0)
		r = add(l, out, s->name, s->name_len);
	if (r == 0)
		r = add(l, out, s->op_text, s->op_len);
	if (r == 0 && word)
		r = add(l, out, word->data, word->len);
	return r == 0 ? add(l, out, "}", 1) : r;
}

static int unsupported(const struct lexer *l, const struct substitution *s)
{
	return err_set(l->e, -EINVAL, "unsupported modifier (%.*s%s) in substitution", (int)s->op_len,
		       s->op_text, s->op == '\0' ? UTF8_REPLACEMENT : "");
}

static int expand_until(struct lexer *l, char stop, bool raw_escapes, struct output *out);

/* A word in ${...}, up to `stop`. Where the text ends before it, `missing` is what is wrong. */
static int inner_word(struct lexer *l, char stop, bool raw_escapes, const char *missing, struct buf *ret)
{
	struct output out = { .text = BUF_INIT(EXPAND_MAX) };
	int r = expand_until(l, stop, raw_escapes, &out);

	if (r == -EINVAL && l->at == l->end)
		r = err_set(l->e, -EINVAL, "syntax error: missing %s", missing);
	if (r == 0)
		r = explain(l, buf_reserve(&out.text, 0)); /* so that there is a string */
	if (r < 0)
		buf_done(&out.text);
	else
		*ret = out.text;
	return r;
}

static int count_work(struct lexer *l, const char *value)
{
	l->work += strlen(value);
	if (l->work > EXPAND_WORK_MAX)
		return err_set(l->e, -EFBIG, "its patterns are matched with more than %u bytes",
			       EXPAND_WORK_MAX);
	return 0;
}

static int trim(struct lexer *l, const struct substitution *s, const char *value, const char *pattern,
		struct buf *out)
{
	bool longest = pattern[0] == s->op;
	int r = count_work(l, value);

	if (r < 0)
		return r;
	return expand_pattern_trim(pattern + longest, value, s->op == '#' ? EXPAND_PREFIX : EXPAND_SUFFIX,
				   longest, out, l->e);
}

/* - + ? # %, with a ':' in front or without: `value` is NULL where the variable is not set. */
static int modify(struct lexer *l, const struct substitution *s, const char *value, const struct buf *word,
		  struct buf *out)
{
	bool missing = !value || (s->colon && value[0] == '\0');
	const char *why = value ? "is not allowed to be empty" : "is not allowed to be unset";

	if (!value)
		value = "";
	switch (s->op) {
	case '-':
		return missing ? add(l, out, word->data, word->len) : add(l, out, value, strlen(value));
	case '+':
		return missing ? 0 : add(l, out, word->data, word->len);
	case '?':
		if (missing)
			return err_set(l->e, -EINVAL, "%.*s: %s", (int)s->name_len, s->name,
				       word->len ? word->data : why);
		return add(l, out, value, strlen(value));
	case '#':
	case '%':
		return trim(l, s, value, word->data, out);
	default:
		return unsupported(l, s);
	}
}

static int substitute_word(struct lexer *l, const struct substitution *s, struct buf *out)
{
	cleanup_buf struct buf word = { 0 };
	bool pattern = s->op == '#' || s->op == '%';
	const char *value = NULL;
	int r;

	if (s->colon && pattern)
		return unsupported(l, s);
	r = inner_word(l, '}', pattern, "'}'", &word);
	if (r == 0)
		r = look_up(l, s->name, s->name_len, &value);
	if (r < 0)
		return r;
	if (!value && l->o->skip_unset)
		return put_back(l, s, &word, out);
	return modify(l, s, value, &word, out);
}

static int substitute_replace(struct lexer *l, struct substitution *s, struct buf *out)
{
	cleanup_buf struct buf pattern = { 0 }, replacement = { 0 };
	bool all = l->at < l->end && *l->at == '/';
	const char *value = NULL;
	int r;

	l->at += all;
	s->op_len += all;
	r = inner_word(l, '/', true, "'/' in ${}", &pattern);
	if (r == 0)
		r = inner_word(l, '}', true, "'}'", &replacement);
	if (r == 0)
		r = look_up(l, s->name, s->name_len, &value);
	if (r < 0)
		return r;
	if (!value && l->o->skip_unset) {
		r = add(l, &pattern, "/", 1);
		if (r == 0)
			r = add(l, &pattern, replacement.data, replacement.len);
		return r == 0 ? put_back(l, s, &pattern, out) : r;
	}
	value = value ? value : "";
	r = count_work(l, value);
	if (r < 0)
		return r;
	return expand_pattern_replace(pattern.data, value, replacement.data, all, out, l->e);
}

static int put_variable(const struct lexer *l, const struct substitution *s, bool braces, struct buf *out)
{
	const char *value = NULL;
	int r = look_up(l, s->name, s->name_len, &value);

	if (r < 0)
		return r;
	if (value)
		return add(l, out, value, strlen(value));
	if (!l->o->skip_unset)
		return 0;
	if (braces)
		return put_back(l, s, NULL, out);
	r = add(l, out, "$", 1);
	return r == 0 ? add(l, out, s->name, s->name_len) : r;
}

/* Behind "${". */
static int braces(struct lexer *l, struct buf *out)
{
	struct substitution s = { 0 };

	if (l->at == l->end)
		return err_set(l->e, -EINVAL, "syntax error: missing '}'");
	if (strchr("{}:", *l->at))
		return err_set(l->e, -EINVAL, "syntax error: bad substitution");
	s.name = l->at;
	s.name_len = name_len(l);
	s.op_text = l->at += s.name_len;
	s.op = *l->at;
	if (s.op == '}') {
		l->at++;
		return put_variable(l, &s, true, out);
	}
	s.colon = s.op == ':';
	if (s.colon)
		s.op = *++l->at;
	if (l->at < l->end)
		(void)rune_next(&l->at, l->end); /* the operator, which may be anything */
	s.op_len = (size_t)(l->at - s.op_text);
	if (s.op == '/' && !s.colon)
		return substitute_replace(l, &s, out);
	if (s.colon || (s.op != '\0' && strchr("+-?#%", s.op)))
		return substitute_word(l, &s, out);
	return unsupported(l, &s);
}

/* At a '$'. */
static int dollar(struct lexer *l, struct buf *out)
{
	struct substitution s = { 0 };

	l->at++;
	if (*l->at == '{') {
		l->at++;
		return braces(l, out);
	}
	s.name = l->at;
	s.name_len = name_len(l);
	if (s.name_len == 0)
		return add(l, out, "$", 1);
	l->at += s.name_len;
	return put_variable(l, &s, false, out);
}

/* --- words ------------------------------------------------------------------------------------------ */

static int single_quotes(struct lexer *l, struct output *out)
{
	const char *first = l->at + 1;
	const char *last = strchr(first, '\'');

	if (!last) {
		l->at = l->end;
		return err_set(l->e, -EINVAL,
			       "unexpected end of statement while looking for matching single-quote");
	}
	l->at = last + 1;
	if (l->o->raw_quotes)
		return put(l, out, first - 1, (size_t)(l->at - first + 1));
	return put(l, out, first, (size_t)(last - first));
}

/* In double quotes, at an escape: it escapes a quote, a '$' and itself; in front of anything else it is plain. */
static int quoted_escape(struct lexer *l, struct buf *text)
{
	const char *plain = l->at++;
	int r = l->raw_escapes ? add(l, text, plain, 1) : 0;

	if (r < 0 || l->at == l->end)
		return r;
	if (*l->at == '"' || *l->at == '$' || *l->at == l->o->escape)
		plain = l->at++;
	return add(l, text, plain, 1);
}

static int double_quotes(struct lexer *l, struct output *out)
{
	cleanup_buf struct buf text = BUF_INIT(EXPAND_MAX);
	int r = l->o->raw_quotes ? add(l, &text, "\"", 1) : 0;

	l->at++;
	while (r == 0 && l->at < l->end && *l->at != '"') {
		if (*l->at == '$')
			r = dollar(l, &text);
		else if (*l->at == l->o->escape)
			r = quoted_escape(l, &text);
		else
			r = add(l, &text, l->at++, 1);
	}
	if (r < 0)
		return r;
	if (l->at == l->end)
		return err_set(l->e, -EINVAL,
			       "unexpected end of statement while looking for matching double-quote");
	l->at++;
	if (l->o->raw_quotes)
		r = add(l, &text, "\"", 1);
	return r == 0 ? put(l, out, text.data, text.len) : r;
}

/* An escape at the end of the word is dropped. */
static int escape(struct lexer *l, struct output *out)
{
	const char *first = l->at++;
	int r = l->raw_escapes ? put(l, out, first, 1) : 0;

	first = l->at;
	if (r < 0 || first == l->end)
		return r;
	(void)rune_next(&l->at, l->end); /* moves on; what the character is does not matter */
	return put(l, out, first, (size_t)(l->at - first));
}

static int plain(struct lexer *l, struct output *out)
{
	const char *first = l->at;

	(void)rune_next(&l->at, l->end);
	return put_split(l, out, first, (size_t)(l->at - first));
}

static int next(struct lexer *l, struct output *out)
{
	cleanup_buf struct buf value = BUF_INIT(EXPAND_MAX);
	int r;

	if (*l->at == '$') {
		r = dollar(l, &value);
		return r == 0 ? put_split(l, out, value.data, value.len) : r;
	}
	if (*l->at == '\'' && !l->o->skip_quotes)
		return single_quotes(l, out);
	if (*l->at == '"' && !l->o->skip_quotes)
		return double_quotes(l, out);
	return *l->at == l->o->escape ? escape(l, out) : plain(l, out);
}

/* Up to `stop`, which is taken too; '\0': to the end. */
static int expand_until(struct lexer *l, char stop, bool raw_escapes, struct output *out)
{
	bool outer_escapes = l->raw_escapes;
	int r = 0;

	if (l->depth >= EXPAND_DEPTH_MAX)
		return err_set(l->e, -EFBIG, "its variables are nested more than %d deep", EXPAND_DEPTH_MAX);
	l->depth++;
	l->raw_escapes = raw_escapes;
	while (r == 0 && l->at < l->end && *l->at != stop)
		r = next(l, out);
	l->raw_escapes = outer_escapes;
	l->depth--;
	if (r < 0 || stop == '\0')
		return r;
	if (l->at == l->end)
		return err_set(l->e, -EINVAL, "unexpected end of statement while looking for matching %c",
			       stop);
	l->at++;
	return 0;
}

/* Fills *out, which the caller empties. */
static int expand(const struct expand_options *o, const char *word, const struct strvec *env,
		  struct expand_names *names, struct output *out, struct err *e)
{
	size_t len = strlen(word);
	struct lexer l = { .o = o, .env = env, .names = names, .at = word, .end = word + len, .e = e };
	int r;

	if (len > EXPAND_MAX)
		r = err_set(e, -EFBIG, "it is longer than %u bytes", EXPAND_MAX);
	else
		r = expand_until(&l, '\0', o->raw_escapes, out);
	if (r == 0)
		r = end_word(&l, out);
	if (r < 0)
		return err_wrap(e, "failed to process '%.150s%s'", word, len > 150 ? "..." : "");
	return 0;
}

int expand_word(const struct expand_options *o, const char *word, const struct strvec *env,
		struct expand_names *names, char **ret, struct err *e)
{
	struct output out = { .text = BUF_INIT(EXPAND_MAX) };
	int r = expand(o, word, env, names, &out, e);
	char *text;

	if (r < 0) {
		buf_done(&out.text);
		return r;
	}
	text = buf_take(&out.text);
	if (!text)
		return err_code(e, -ENOMEM, "cannot process '%.150s'", word);
	*ret = text;
	return 0;
}

int expand_words(const struct expand_options *o, const char *word, const struct strvec *env,
		 struct expand_names *names, struct strvec *ret, struct err *e)
{
	cleanup_strvec struct strvec words = { .max = EXPAND_WORDS_MAX };
	struct output out = { .text = BUF_INIT(EXPAND_MAX), .word = BUF_INIT(EXPAND_MAX), .words = &words };
	int r = expand(o, word, env, names, &out, e);
	size_t len = ret->len;

	buf_done(&out.text);
	buf_done(&out.word);
	if (r < 0)
		return r;
	r = strvec_add_all(ret, &words);
	if (r == 0)
		return 0;
	while (ret->len > len)
		strvec_remove(ret, ret->len - 1);
	return err_code(e, r, "cannot keep the words of '%.150s'", word);
}
