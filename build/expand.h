/* SPDX-License-Identifier: Apache-2.0 */
/* Variables, quotes and escapes in the words of a Dockerfile: the little shell language that BuildKit reads them with (the Dockerfile
 * reference, "Environment replacement"). Pure.
 *
 *   'text'              as it is                 ${x:-w} ${x-w}    w, where x is empty or unset (':'), or unset
 *   "text"              but for $ and escapes    ${x:+w} ${x+w}    w, where x is not that, else nothing
 *   \c                  c                        ${x:?w} ${x?w}    the error w, where x is that
 *   $x ${x}             x's value                ${x#p} ${x##p}    without the shortest, longest prefix that p matches
 *   $1 $10 $@ $* $# $?  variables of these       ${x%p} ${x%%p}    the same with a suffix
 *   $- $$ $! $0         names: most often unset  ${x/p/r} ${x//p/r}  the first match of p, all matches, replaced by r
 *
 * w, p and r are expanded themselves. In p '*' is any text and '?' any character, line ends excepted; '\' in front of '*', '?', '\',
 * '/' and '}' takes their meaning from them. A variable that is not set is empty. A lone '$' is one.
 */
#ifndef SAMPAN_BUILD_EXPAND_H
#define SAMPAN_BUILD_EXPAND_H

#include <stdbool.h>

#include "common/err.h"
#include "common/strvec.h"

#define EXPAND_MAX       (1u << 20) /* bytes of a word, and of what it becomes */
#define EXPAND_DEPTH_MAX 64         /* words in ${...} in words */
#define EXPAND_WORDS_MAX 65536      /* words that one is split into */

struct expand_options {
	char escape;      /* '\\' or '`': the Dockerfile's directive */
	bool raw_quotes;  /* quotes stay where they are */
	bool raw_escapes; /* escapes stay, and what is escaped is still not special */
	bool skip_quotes; /* quotes mean nothing: here-documents */
	bool skip_unset;  /* variables that are not set stay as they were written */
};

/* The names that were looked up, each once, in the order of their first use. */
struct expand_names {
	struct strvec set, unset;
};
void expand_names_done(struct expand_names *n);
#define cleanup_expand_names __attribute__((cleanup(expand_names_done)))

/* Expands `word` to one text, blanks and all. `env` is NAME=VALUE; where a name is there twice, the last one counts, and a NAME
 * without '=' is set and empty. `names`, where it is not NULL, collects the names that were looked up: what was there stays. The
 * errors are worded as BuildKit's. *ret is owned.
 * -EINVAL; -EFBIG over a limit; -ENOMEM. */
int expand_word(const struct expand_options *o, const char *word, const struct strvec *env,
		struct expand_names *names, char **ret, struct err *e) MUST_CHECK;

/* The same, and then split at white space that is neither quoted nor escaped; what comes out of variables is split too. There are
 * no empty words. The words are appended to *ret. */
int expand_words(const struct expand_options *o, const char *word, const struct strvec *env,
		 struct expand_names *names, struct strvec *ret, struct err *e) MUST_CHECK;

#endif
