/* SPDX-License-Identifier: Apache-2.0 */
/* What is in one directory, into another one of the same file system that may have files of its own: by renaming, so that there is nothing in between. */
#ifndef SAMPAN_BUILD_TREE_MOVE_H
#define SAMPAN_BUILD_TREE_MOVE_H

#include "common/err.h"

#define TREE_MOVE_DEPTH_MAX 400     /* of directories that are on both sides: two descriptors each */
#define TREE_MOVE_NAMES_MAX 8000000 /* in one directory */

/* Both are borrowed. By COPY's rules (build/copy.h): a directory that is on both sides keeps what it has, and gets mode, owner, attributes and time of the new one (to_fd itself: its time
 * alone); else the new thing takes the place of what is no directory. Nothing is followed.
 * Before anything is moved all of it is looked at: -EISDIR `cannot replace to directory /x with file`, -ENOTDIR `cannot copy to non-directory: /x`, -EXDEV `cannot write to /x: it is another file system`,
 * -ELOOP. */
int tree_move(int from_fd, int to_fd, struct err *e) MUST_CHECK;

#endif
