/* SPDX-License-Identifier: Apache-2.0 */
/* Shell patterns of ${x#p}, ${x%p} and ${x/p/r}: '*' and '?' match anything but line ends, '\' escapes '*', '?', '\', '/' and '}'.
 * There are no brackets. Time is limited by length(text) * length(pattern). */
#ifndef SAMPAN_BUILD_EXPAND_PATTERN_H
#define SAMPAN_BUILD_EXPAND_PATTERN_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"

#define EXPAND_PATTERN_MAX 1024 /* characters */

enum expand_side {
	EXPAND_PREFIX,
	EXPAND_SUFFIX,
};

/* Appends `text` without the shortest or longest prefix or suffix that matches. -EINVAL a bad escape: "invalid pattern (p) in
 * substitution: ..."; -EFBIG, -ENOMEM. */
int expand_pattern_trim(const char *pattern, const char *text, enum expand_side side, bool longest,
			struct buf *out, struct err *e) MUST_CHECK;

/* Appends `text` with the first match, the leftmost and there the longest, or all matches replaced. `replacement` is plain text:
 * BuildKit, where all matches are replaced, takes a '$' in it for a group of its regular expression, of which there are none.
 * Errors as above. */
int expand_pattern_replace(const char *pattern, const char *text, const char *replacement, bool all,
			   struct buf *out, struct err *e) MUST_CHECK;

#endif
