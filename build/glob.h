/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns for paths, in the two languages that Dockerfiles need. Pure; nothing is looked up on a disk.
 *
 *   GLOB_PATH    Go's filepath.Match: the wildcards of COPY and ADD sources. '*' and '?' do not cross a '/'.
 *   GLOB_IGNORE  moby/patternmatcher: ignore files and --exclude. The same, and "**":
 *                "a/<**>/b"  a/b, a/x/b, a/x/y/b          "<**>/b"  b at any depth
 *                "a/<**>"    everything below a            "<**>b"   anything that ends in b
 *                "a<**>b"    ab, a/b, a/x/b, ax/b          (<**> stands for two stars: this is a C comment)
 *
 * In both: [a-z], [^a-z] (which match a '/' too), and '\' takes its meaning from what follows. '?' and [] are one character, or one
 * byte that is part of none. Time is limited by length(path) * length(pattern), whatever the pattern.
 * Unlike the regular expressions of moby/patternmatcher, '\d' is a 'd', '^' is plain outside of brackets, and "**" crosses line ends.
 */
#ifndef SAMPAN_BUILD_GLOB_H
#define SAMPAN_BUILD_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define GLOB_MAX 4096 /* bytes of a pattern: no path is longer */

enum glob_kind { GLOB_PATH, GLOB_IGNORE };

/* As made by glob_parse; of no interest to others. */
struct glob_item;
struct glob {
	struct glob_item *items;
	size_t len;
	char *text;                 /* the pattern; the next two stand behind it */
	char *plain;                /* what each match begins with; where there are no items, all of it */
	char *tail;                 /* what each match ends with, if there are items */
	size_t plain_len, tail_len; /* bytes; there is no NUL behind them */
};

/* -EINVAL "syntax error in pattern" (an open bracket, an empty one, a '\' at the end); -EFBIG; -ENOMEM. *ret is owned. */
int glob_parse(enum glob_kind kind, const char *pattern, struct glob *ret, struct err *e) MUST_CHECK;
void glob_done(struct glob *g);
#define cleanup_glob __attribute__((cleanup(glob_done)))

/* Whether the whole of `path` matches. */
bool glob_matches(const struct glob *g, const char *path);

/* Whether something below the directory `path`, "" for the top, could match. May say yes too often, never no too often. */
bool glob_reaches_below(const struct glob *g, const char *path);

/* Whether a path has wildcards at all, which an escape takes away: BuildKit's rule for COPY sources. */
bool glob_has_wildcards(const char *path);

#endif
