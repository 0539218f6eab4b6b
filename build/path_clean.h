/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text. */
#ifndef SAMPAN_BUILD_PATH_CLEAN_H
#define SAMPAN_BUILD_PATH_CLEAN_H

#include "common/err.h"

/* Go's filepath.Clean: the shortest path that is the same without looking at a disk. "." for "", "a" for "./a/", "../b" stays,
 * "/.." is "/". Owned; NULL: out of memory. */
char *path_clean(const char *path) MUST_CHECK;

#endif
