/* SPDX-License-Identifier: Apache-2.0 */
/* Content digests as text. image-spec descriptor.md#digests. Hashing itself is in pull/hash.h. */
#ifndef SAMPAN_COMMON_DIGEST_H
#define SAMPAN_COMMON_DIGEST_H

#include <stdbool.h>

#include "common/err.h"

#define DIGEST_TEXT_MAX (sizeof("sha512:") - 1 + 128)

struct digest {
	char text[DIGEST_TEXT_MAX + 1]; /* "sha256:<64 hex>" or "sha512:<128 hex>"; "" when unset */
};

/* Accepts registered algorithms only, lower case hex of the right length.
 * -EINVAL malformed, -EOPNOTSUPP well-formed but of another algorithm. */
int digest_parse(const char *text, struct digest *ret, struct err *e) MUST_CHECK;

bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_set(const struct digest *d);

/* The part behind the colon, borrowed from `d`. */
const char *digest_hex(const struct digest *d);

/* "sha256" or "sha512"; "" when unset. */
const char *digest_algorithm(const struct digest *d);

#endif
