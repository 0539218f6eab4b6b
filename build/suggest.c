/* SPDX-License-Identifier: Apache-2.0 */
#include "build/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int fold(char c, bool fold_case)
{
	return fold_case ? tolower((unsigned char)c) : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's, row by row; both are short. */
static size_t distance(const char *a, const char *b, bool fold_case)
{
	size_t row[SUGGEST_WORD_MAX + 1], len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < len; j++) {
			size_t above = row[j + 1];
			size_t changed = diagonal + (fold(a[i], fold_case) != fold(b[j], fold_case));

			row[j + 1] = min3(above + 1, row[j] + 1, changed);
			diagonal = above;
		}
	}
	return row[len];
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

struct suggestion suggest(const char *word, const char *const *options, size_t len, bool fold_case)
{
	struct suggestion s = { "" };
	size_t best = SUGGEST_DISTANCE_MAX + 1;
	const char *nearest = NULL;

	if (strlen(word) > SUGGEST_WORD_MAX)
		return s;
	for (size_t i = 0; i < len && best > 0; i++) {
		size_t d =
			strlen(options[i]) <= SUGGEST_WORD_MAX ? distance(word, options[i], fold_case) : best;

		if (d < best) {
			best = d;
			nearest = options[i];
		}
	}
	if (nearest && best > 0)
		write_option(&s, nearest, word, fold_case);
	return s;
}
