/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern becomes a list of items. Matching keeps the set of items that may come next, one bit for each (Thompson's way), and
 * never goes back. Most patterns begin with plain text, which is compared first. */
#include "build/glob.h"

#include <stdlib.h>
#include <string.h>

#include "build/rune.h"
#include "common/cleanup.h"

enum item_kind {
	ITEM_RUNE,
	ITEM_ANY,        /* ?: not '/' */
	ITEM_STAR,       /* *: any of those */
	ITEM_CLASS,      /* [...] */
	ITEM_EVERYTHING, /* any text */
	ITEM_MAY_SKIP,   /* nothing: the next item is left out, or not */
	ITEM_DIRS,       /* any text that ends in '/' */
};

struct glob_item {
	enum item_kind kind;
	uint32_t rune;           /* ITEM_RUNE */
	bool negated;            /* ITEM_CLASS */
	const char *first, *end; /* ITEM_CLASS: what is between the brackets */
};

#define SET_WORDS (GLOB_MAX / 64 + 1) /* a bit for each item, and one for the end */

struct set {
	uint64_t words[SET_WORDS];
	size_t len; /* words that are in use */
};

struct parser {
	enum glob_kind kind;
	const char *at, *end;
	struct glob *g;
	struct err *e;
};

void glob_done(struct glob *g)
{
	free(g->items);
	free(g->text);
	*g = (struct glob){ 0 };
}

/* --- parsing ---------------------------------------------------------------------------------------- */

static int bad(const struct parser *p)
{
	return err_set(p->e, -EINVAL, "syntax error in pattern");
}

static void add(struct parser *p, struct glob_item item)
{
	p->g->items[p->g->len++] = item;
	p->g->tail_len = 0;
}

/* A character that stands for itself, from `first` to p->at. */
static void add_rune(struct parser *p, const char *first, uint32_t rune)
{
	struct glob *g = p->g;
	size_t len = (size_t)(p->at - first);

	if (g->len == 0) {
		memcpy(g->plain + g->plain_len, first, len);
		g->plain_len += len;
		return;
	}
	memcpy(g->tail + g->tail_len, first, len);
	g->tail_len += len;
	g->items[g->len++] = (struct glob_item){ .kind = ITEM_RUNE, .rune = rune };
}

/* A character between brackets, which may be escaped; *at moves behind it. */
static bool class_rune(const char **at, const char *end, uint32_t *ret)
{
	if (*at == end || **at == '-' || **at == ']')
		return false;
	if (**at == '\\' && ++*at == end)
		return false;
	*ret = rune_next(at, end);
	return true;
}

/* A character, or a range of them. */
static bool class_range(const char **at, const char *end, uint32_t *low, uint32_t *high)
{
	if (!class_rune(at, end, low))
		return false;
	*high = *low;
	if (*at == end || **at != '-')
		return true;
	(*at)++;
	return class_rune(at, end, high);
}

/* Behind '['. */
static int parse_class(struct parser *p)
{
	struct glob_item item = { .kind = ITEM_CLASS };
	uint32_t low, high;

	item.negated = p->at < p->end && *p->at == '^';
	p->at += item.negated;
	item.first = p->at;
	do {
		if (!class_range(&p->at, p->end, &low, &high) || p->at == p->end)
			return bad(p);
	} while (*p->at != ']');
	item.end = p->at++;
	add(p, item);
	return 0;
}

/* Behind "**", which is where the pattern begins or not. */
static void parse_stars(struct parser *p, bool at_start)
{
	bool slash = p->at < p->end && *p->at == '/';

	p->at += slash;
	/* At the start, and with nothing but plain text behind them, two stars are any text and need no '/'. */
	if (p->at == p->end || (at_start && !slash && !strpbrk(p->at, "*?[]\\"))) {
		add(p, (struct glob_item){ .kind = ITEM_EVERYTHING });
		return;
	}
	add(p, (struct glob_item){ .kind = ITEM_MAY_SKIP });
	add(p, (struct glob_item){ .kind = ITEM_DIRS });
}

static int parse_item(struct parser *p)
{
	const char *first = p->at;
	uint32_t rune = rune_next(&p->at, p->end);

	switch (rune) {
	case '*':
		if (p->kind == GLOB_IGNORE && p->at < p->end && *p->at == '*') {
			p->at++;
			parse_stars(p, first == p->g->text);
		} else {
			add(p, (struct glob_item){ .kind = ITEM_STAR });
		}
		return 0;
	case '?':
		add(p, (struct glob_item){ .kind = ITEM_ANY });
		return 0;
	case '[':
		return parse_class(p);
	case '\\':
		if (p->at == p->end)
			return bad(p);
		first = p->at;
		rune = rune_next(&p->at, p->end);
		break;
	default:
		break;
	}
	add_rune(p, first, rune);
	return 0;
}

int glob_parse(enum glob_kind kind, const char *pattern, struct glob *ret, struct err *e)
{
	cleanup_glob struct glob g = { 0 };
	struct parser p = { .kind = kind, .g = &g, .e = e };
	size_t len = strlen(pattern);
	int r = 0;

	if (len > GLOB_MAX)
		return err_set(e, -EFBIG, "the pattern is longer than %d bytes", GLOB_MAX);
	g.text = malloc(3 * (len + 1));
	g.items = calloc(len + 1, sizeof(*g.items));
	if (!g.text || !g.items)
		return err_code(e, -ENOMEM, "cannot keep a pattern");
	memcpy(g.text, pattern, len + 1);
	g.plain = g.text + len + 1;
	g.tail = g.plain + len + 1;
	p.at = g.text;
	p.end = g.text + len;
	while (r == 0 && p.at < p.end)
		r = parse_item(&p);
	if (r < 0)
		return r;
	*ret = g;
	g = (struct glob){ 0 };
	return 0;
}

/* --- matching --------------------------------------------------------------------------------------- */

static void set_clear(struct set *s, const struct glob *g)
{
	s->len = g->len / 64 + 1;
	memset(s->words, 0, s->len * sizeof(*s->words));
}

static void set_bit(struct set *s, size_t bit)
{
	s->words[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* Adds an item, and those behind it where it may be nothing. */
static void enter(const struct glob *g, struct set *s, size_t item)
{
	for (;; item++) {
		set_bit(s, item);
		if (item == g->len)
			return;
		if (g->items[item].kind == ITEM_MAY_SKIP)
			set_bit(s, ++item); /* the directories that are left out */
		else if (g->items[item].kind != ITEM_STAR && g->items[item].kind != ITEM_EVERYTHING)
			return;
	}
}

static bool class_has(const struct glob_item *item, uint32_t rune)
{
	const char *at = item->first;
	bool found = false;
	uint32_t low, high;

	while (!found && at < item->end && class_range(&at, item->end, &low, &high))
		found = rune >= low && rune <= high;
	return found != item->negated;
}

/* Whether an item takes `rune`; *stays: and may take more. */
static bool takes(const struct glob_item *item, uint32_t rune, bool *stays)
{
	*stays = false;
	switch (item->kind) {
	case ITEM_RUNE:
		return rune == item->rune;
	case ITEM_ANY:
		return rune != '/';
	case ITEM_CLASS:
		return class_has(item, rune);
	case ITEM_STAR:
		*stays = rune != '/';
		return false;
	case ITEM_EVERYTHING:
		*stays = true;
		return false;
	case ITEM_DIRS:
		*stays = true;
		return rune == '/';
	default:
		return false;
	}
}

static void step(const struct glob *g, const struct set *from, uint32_t rune, struct set *to)
{
	set_clear(to, g);
	for (size_t w = 0; w < from->len; w++) {
		for (uint64_t bits = from->words[w]; bits; bits &= bits - 1) {
			size_t item = w * 64 + (size_t)__builtin_ctzll(bits);
			bool stays;

			if (item == g->len)
				continue;
			if (takes(&g->items[item], rune, &stays))
				enter(g, to, item + 1);
			if (stays)
				enter(g, to, item);
		}
	}
}

static bool is_empty(const struct set *s)
{
	uint64_t any = 0;

	for (size_t w = 0; w < s->len; w++)
		any |= s->words[w];
	return any == 0;
}

/* The items that may come behind `path`, which is what is left of it behind the plain text. */
static void run(const struct glob *g, const char *path, struct set *s)
{
	const char *end = path + strlen(path);
	struct set next;

	set_clear(s, g);
	enter(g, s, 0);
	while (path < end && !is_empty(s)) {
		step(g, s, rune_next(&path, end), &next);
		s->len = next.len;
		memcpy(s->words, next.words, next.len * sizeof(*next.words));
	}
}

bool glob_matches(const struct glob *g, const char *path)
{
	size_t len = strlen(path);
	struct set s;

	if (len < g->plain_len + g->tail_len || memcmp(path, g->plain, g->plain_len) != 0)
		return false;
	if (g->len == 0)
		return len == g->plain_len;
	if (memcmp(path + len - g->tail_len, g->tail, g->tail_len) != 0)
		return false;
	run(g, path + g->plain_len, &s);
	return s.words[g->len / 64] >> g->len % 64 & 1;
}

bool glob_reaches_below(const struct glob *g, const char *path)
{
	size_t len = strlen(path);
	struct set s, below;

	if (len == 0)
		return true;
	if (g->plain_len > len)
		return memcmp(g->plain, path, len) == 0 && g->plain[len] == '/';
	if (g->len == 0 || memcmp(path, g->plain, g->plain_len) != 0)
		return false;
	run(g, path + g->plain_len, &s);
	step(g, &s, '/', &below);
	below.words[g->len / 64] &= ~(UINT64_C(1) << g->len % 64); /* the end: there is more to come */
	return !is_empty(&below);
}

bool glob_has_wildcards(const char *path)
{
	for (; *path; path++) {
		if (strchr("*?[", *path))
			return true;
		if (*path == '\\' && *++path == '\0')
			return false;
	}
	return false;
}
