/* SPDX-License-Identifier: Apache-2.0 */
/* "did you mean": the word of a list that is nearest to what was written. As BuildKit's util/suggest, to which swapped characters
 * are two mistakes. */
#ifndef SAMPAN_BUILD_SUGGEST_H
#define SAMPAN_BUILD_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

#define SUGGEST_WORD_MAX     31 /* bytes; nothing is suggested for longer words */
#define SUGGEST_DISTANCE_MAX 2  /* characters to insert, delete, change or swap */

struct suggestion {
	char text[sizeof(" (did you mean ?)") + SUGGEST_WORD_MAX];
};

/* " (did you mean WORKDIR?)" for the nearest option within SUGGEST_DISTANCE_MAX, the first of several; "" where there is none, or where
 * the word is one of the options. With `fold_case` case does not count, and the suggestion has the word's case where that is only one. */
struct suggestion suggest(const char *word, const char *const *options, size_t len, bool fold_case);

/* The option that suggest() names, as it is in the list; NULL where that is "". Borrowed. */
const char *suggest_nearest(const char *word, const char *const *options, size_t len, bool fold_case);

#endif
