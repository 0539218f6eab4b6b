/* SPDX-License-Identifier: Apache-2.0 */
/* A growing vector of owned strings, usable as argv or envp: items[len] is NULL once anything was
 * added. items is NULL while it is empty. */
#ifndef SAMPAN_COMMON_STRVEC_H
#define SAMPAN_COMMON_STRVEC_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

#define STRVEC_MAX 65536 /* entries, where a caller has no tighter limit */

struct strvec {
	char **items;
	size_t len;
	size_t cap;
	size_t max; /* entries; 0: STRVEC_MAX */
};

void strvec_done(struct strvec *v);
#define cleanup_strvec __attribute__((cleanup(strvec_done)))

/* Append a copy. -EFBIG over the maximum, -ENOMEM. */
int strvec_add(struct strvec *v, const char *text) MUST_CHECK;
int strvec_addf(struct strvec *v, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);

/* Appends `text` itself: takes it, and frees it on failure. NULL counts as -ENOMEM. */
int strvec_take(struct strvec *v, char *text) MUST_CHECK;

/* Appends copies of all of `from`. */
int strvec_add_all(struct strvec *v, const struct strvec *from) MUST_CHECK;

/* Appends the pieces of `text`, without empty ones. Errors as strvec_add's. */
int strvec_split(struct strvec *v, const char *text, char separator) MUST_CHECK;

/* Sets NAME in a vector of NAME=VALUE strings: replaces the entry of that name, or appends. */
int strvec_set_env(struct strvec *v, const char *name_value) MUST_CHECK;

/* The value of NAME in a vector of NAME=VALUE strings, borrowed; NULL if there is none. */
const char *strvec_get_env(const struct strvec *v, const char *name);

bool strvec_has(const struct strvec *v, const char *text);

/* Whether "KEY", with any value, or "KEY=VALUE" is in a vector of labels, "KEY=VALUE" or "KEY". */
bool strvec_has_label(const struct strvec *v, const char *wanted);

/* Removes entry `index`; the rest keeps its order. */
void strvec_remove(struct strvec *v, size_t index);

#endif
