/* SPDX-License-Identifier: Apache-2.0 */
/* What layers show together, as the tree of one layer. Inside build/ only. */
#ifndef SAMPAN_BUILD_SQUASH_MERGE_H
#define SAMPAN_BUILD_SQUASH_MERGE_H

#include <stddef.h>

#include "common/err.h"

/* Trees of layers, topmost first: `roots` are open directories, borrowed, that nobody changes; the first `made` of them are merged, the others are what
 * they lie on. Fills the directory `to_fd`, which is empty, and gives it the attributes of the topmost. No symlink is followed, whatever is in the trees. Errors as
 * build_squash's. */
int squash_merge(const int *roots, size_t len, size_t made, int to_fd, struct err *e) MUST_CHECK;

#endif
