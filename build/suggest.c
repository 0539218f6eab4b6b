/* SPDX-License-Identifier: Apache-2.0 */
#include "build/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool same(char a, char b, bool fold_case)
{
	return fold_case ? tolower((unsigned char)a) == tolower((unsigned char)b) : a == b;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Characters that are inserted, deleted, changed, or swapped with their neighbour; row by row, as both words are short. */
static size_t distance(const char *a, const char *b, bool fold_case)
{
	size_t rows[3][SUGGEST_WORD_MAX + 1], len = strlen(b), i = 0;

	for (size_t j = 0; j <= len; j++)
		rows[0][j] = j;
	for (; a[i]; i++) {
		const size_t *above = rows[i % 3], *two_above = rows[(i + 2) % 3];
		size_t *row = rows[(i + 1) % 3];

		row[0] = i + 1;
		for (size_t j = 0; j < len; j++) {
			row[j + 1] = smaller(smaller(above[j + 1], row[j]) + 1,
					     above[j] + !same(a[i], b[j], fold_case));
			if (i > 0 && j > 0 && same(a[i], b[j - 1], fold_case) &&
			    same(a[i - 1], b[j], fold_case))
				row[j + 1] = smaller(row[j + 1], two_above[j - 1] + 1);
		}
	}
	return rows[i % 3][len];
}

static bool is_upper(const char *word)
{
	for (; *word; word++)
		if (islower((unsigned char)*word))
			return false;
	return true;
}

/* In the case of what was written: "workdir" for "workdirr", and for "Workdirr" too. */
static void write_option(struct suggestion *s, const char *option, const char *word, bool fold_case)
{
	char cased[SUGGEST_WORD_MAX + 1] = "";
	bool upper = is_upper(word);

	for (size_t i = 0; option[i]; i++) {
		unsigned char c = (unsigned char)option[i];

		cased[i] = (char)(!fold_case ? c : upper ? toupper(c) : tolower(c));
	}
	(void)snprintf(s->text, sizeof(s->text), " (did you mean %s?)", cased); /* fits by its size */
}

const char *suggest_nearest(const char *word, const char *const *options, size_t len, bool fold_case)
{
	size_t best = SUGGEST_DISTANCE_MAX + 1;
	const char *nearest = NULL;

	if (strlen(word) > SUGGEST_WORD_MAX)
		return NULL;
	for (size_t i = 0; i < len && best > 0; i++) {
		size_t d =
			strlen(options[i]) <= SUGGEST_WORD_MAX ? distance(word, options[i], fold_case) : best;

		if (d < best) {
			best = d;
			nearest = options[i];
		}
	}
	return best > 0 ? nearest : NULL;
}

struct suggestion suggest(const char *word, const char *const *options, size_t len, bool fold_case)
{
	const char *nearest = suggest_nearest(word, options, len, fold_case);
	struct suggestion s = { "" };

	if (nearest)
		write_option(&s, nearest, word, fold_case);
	return s;
}
