/* SPDX-License-Identifier: Apache-2.0 */
/* The pattern is a list of items, and matching keeps the set of the items that may come next (Thompson's way): no backtracking. */
#include "build/expand_pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/rune.h"
#include "common/cleanup.h"

/* Items that are no characters. */
#define ANY_CHAR (UINT32_MAX - 1)
#define ANY_TEXT UINT32_MAX

/* The match may begin at a place with these items done. */
struct thread {
	unsigned item;
	size_t start;
};

struct threads {
	struct thread *list; /* the leftmost start first */
	size_t len;
};

struct matcher {
	uint32_t items[EXPAND_PATTERN_MAX];
	unsigned items_len;
	uint32_t *runes; /* of the text */
	size_t *offsets; /* of runes[i] in it; offsets[runes_len] is its length */
	size_t runes_len;
	struct threads now, then;
	size_t *seen; /* by item: the step, plus one, that it was added in */
};

struct match {
	bool found;
	size_t start, end; /* runes */
};

static void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	free(m->runes);
	free(m->offsets);
	free(m->now.list);
	free(m->then.list);
	free(m->seen);
	free(m);
}

static void matcher_free_fn(struct matcher **m)
{
	matcher_free(*m);
}

#define cleanup_matcher __attribute__((cleanup(matcher_free_fn)))

/* --- compiling -------------------------------------------------------------------------------------- */

/* Behind a '\'. In front of '}' and '/' it was there for the ${} that the pattern was in. */
static int escaped(const char *pattern, const char **at, const char *end, uint32_t *ret, struct err *e)
{
	const char *first = *at;

	if (first < end && strchr("*?\\/}", *first)) {
		*ret = (uint32_t)*first;
		(*at)++;
		return 0;
	}
	if (first < end)
		(void)rune_next(at, end); /* for the message */
	return err_set(e, -EINVAL, "invalid pattern (%.100s) in substitution: invalid escape '\\%.*s'",
		       pattern, (int)(*at - first), first);
}

static int compile(struct matcher *m, const char *pattern, struct err *e)
{
	const char *at = pattern, *end = pattern + strlen(pattern);

	while (at < end) {
		uint32_t rune = rune_next(&at, end);

		if (rune == '\\') {
			int r = escaped(pattern, &at, end, &rune, e);

			if (r < 0)
				return r;
		} else if (rune == '*') {
			rune = ANY_TEXT;
		} else if (rune == '?') {
			rune = ANY_CHAR;
		}
		if (m->items_len == EXPAND_PATTERN_MAX)
			return err_set(e, -EFBIG, "a pattern is longer than %d characters",
				       EXPAND_PATTERN_MAX);
		m->items[m->items_len++] = rune;
	}
	return 0;
}

static void read_text(struct matcher *m, const char *text, size_t len)
{
	const char *at = text, *end = text + len;

	while (at < end) {
		m->offsets[m->runes_len] = (size_t)(at - text);
		m->runes[m->runes_len++] = rune_next(&at, end);
	}
	m->offsets[m->runes_len] = len;
}

static int matcher_make(const char *pattern, const char *text, struct matcher **ret, struct err *e)
{
	cleanup_matcher struct matcher *m = calloc(1, sizeof(*m));
	size_t len = strlen(text);
	int r;

	if (!m)
		return err_code(e, -ENOMEM, "cannot match a pattern");
	r = compile(m, pattern, e);
	if (r < 0)
		return r;
	m->runes = calloc(len + 1, sizeof(*m->runes));
	m->offsets = calloc(len + 1, sizeof(*m->offsets));
	m->now.list = calloc(m->items_len + 1, sizeof(*m->now.list));
	m->then.list = calloc(m->items_len + 1, sizeof(*m->then.list));
	m->seen = calloc(m->items_len + 1, sizeof(*m->seen));
	if (!m->runes || !m->offsets || !m->now.list || !m->then.list || !m->seen)
		return err_code(e, -ENOMEM, "cannot match a pattern");
	read_text(m, text, len);
	*ret = ptr_take(m);
	return 0;
}

/* Items and runes from the end to the start: a suffix becomes a prefix. */
static void turn_around(struct matcher *m)
{
	for (unsigned i = 0; i < m->items_len / 2; i++) {
		uint32_t item = m->items[i];

		m->items[i] = m->items[m->items_len - 1 - i];
		m->items[m->items_len - 1 - i] = item;
	}
	for (size_t i = 0; i < m->runes_len / 2; i++) {
		uint32_t rune = m->runes[i];

		m->runes[i] = m->runes[m->runes_len - 1 - i];
		m->runes[m->runes_len - 1 - i] = rune;
	}
}

/* --- matching --------------------------------------------------------------------------------------- */

/* Adds a thread, and those that it is too where '*' is nothing. `step` is unique for a list. */
static void add_thread(struct matcher *m, struct threads *to, unsigned item, size_t start, size_t step)
{
	for (;; item++) {
		if (m->seen[item] == step + 1)
			return; /* from a start that is as far left, or farther */
		m->seen[item] = step + 1;
		to->list[to->len++] = (struct thread){ .item = item, .start = start };
		if (item == m->items_len || m->items[item] != ANY_TEXT)
			return;
	}
}

/* Over rune `at`, whose list is m->now. */
static void advance(struct matcher *m, size_t at, size_t step)
{
	struct threads done = m->now;
	uint32_t rune = m->runes[at];

	m->then.len = 0;
	for (size_t i = 0; i < m->now.len; i++) {
		struct thread t = m->now.list[i];
		uint32_t item;

		if (t.item == m->items_len)
			continue;
		item = m->items[t.item];
		if (item == ANY_TEXT && rune != '\n')
			add_thread(m, &m->then, t.item, t.start, step);
		else if (item == rune || (item == ANY_CHAR && rune != '\n'))
			add_thread(m, &m->then, t.item + 1, t.start, step);
	}
	m->now = m->then;
	m->then = done;
}

/* Takes a match that ends at `at` if it begins as far left as the one that was found, and forgets those that begin later. */
static void take_match(struct matcher *m, size_t at, struct match *best)
{
	for (size_t i = 0; i < m->now.len; i++) {
		struct thread t = m->now.list[i];

		if (best->found && t.start > best->start) {
			m->now.len = i;
			return;
		}
		if (t.item == m->items_len)
			*best = (struct match){ .found = true, .start = t.start, .end = at };
	}
}

/* The leftmost match from rune `from` on; `anchored`: it begins there. */
static struct match search(struct matcher *m, size_t from, bool anchored, bool longest)
{
	struct match best = { 0 };

	m->now.len = 0;
	memset(m->seen, 0, (m->items_len + 1) * sizeof(*m->seen));
	for (size_t at = from;; at++) {
		if (!best.found && (!anchored || at == from))
			add_thread(m, &m->now, 0, at, at);
		take_match(m, at, &best);
		if (at == m->runes_len || (best.found && !longest) ||
		    (m->now.len == 0 && (best.found || anchored)))
			return best;
		advance(m, at, at + 1);
	}
}

/* --- for callers ------------------------------------------------------------------------------------ */

static int add(struct buf *out, const char *text, size_t len, struct err *e)
{
	int r = buf_add(out, text, len);

	if (r == -EFBIG)
		return err_set(e, r, "a substitution becomes longer than %zu bytes", out->max);
	return r < 0 ? err_code(e, r, "cannot substitute") : 0;
}

int expand_pattern_trim(const char *pattern, const char *text, enum expand_side side, bool longest,
			struct buf *out, struct err *e)
{
	cleanup_matcher struct matcher *m = NULL;
	int r = matcher_make(pattern, text, &m, e);
	struct match found;
	size_t cut, len;

	if (!m)
		return r;
	if (side == EXPAND_SUFFIX)
		turn_around(m);
	found = search(m, 0, true, longest);
	cut = found.found ? found.end : 0;
	len = m->offsets[m->runes_len];
	if (side == EXPAND_SUFFIX)
		return add(out, text, m->offsets[m->runes_len - cut], e);
	return add(out, text + m->offsets[cut], len - m->offsets[cut], e);
}

int expand_pattern_replace(const char *pattern, const char *text, const char *replacement, bool all,
			   struct buf *out, struct err *e)
{
	cleanup_matcher struct matcher *m = NULL;
	size_t done = 0; /* runes that are in `out` */
	int r = matcher_make(pattern, text, &m, e);

	if (!m)
		return r;
	for (size_t from = 0; r == 0 && from <= m->runes_len;) {
		struct match found = search(m, from, false, true);

		if (!found.found)
			break;
		r = add(out, text + m->offsets[done], m->offsets[found.start] - m->offsets[done], e);
		/* Nothing, right behind a match, is none. */
		if (r == 0 && (found.end > done || found.start == 0))
			r = add(out, replacement, strlen(replacement), e);
		done = found.end;
		from = found.end > from ? found.end : from + 1;
		if (!all)
			break;
	}
	return r == 0 ? add(out, text + m->offsets[done], m->offsets[m->runes_len] - m->offsets[done], e) : r;
}
