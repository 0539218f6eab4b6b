/* SPDX-License-Identifier: Apache-2.0 */
/* --squash: all layers that a build has put on its base, as one. */
#ifndef SAMPAN_BUILD_SQUASH_H
#define SAMPAN_BUILD_SQUASH_H

#include <stdint.h>

#include "build/build.h"
#include "common/err.h"

#define SQUASH_DEPTH_MAX 1024    /* of directories */
#define SQUASH_NAMES_MAX 8000000 /* in one directory */
#define SQUASH_LINKS_MAX 2000000 /* files of several names that are remembered */

/* Puts one layer in the place of r->made: what these show together, with whiteouts and opaque directories for what they hide of the base, and for nothing else.
 * Owners, modes, times, hard links and the attributes that belong into images are kept. r->layers and the configuration's diff IDs follow; the history's entries of this build have no
 * layer any more, and one for the new layer comes behind them, as docker's --squash has it. Nothing is done where there are fewer than two layers.
 *
 * The same layers on the same base give the same layer. `epoch` as for step_layer_commit. The build's lock of the store is held meanwhile. *r is as it was on failure. -EFBIG
 * over a limit, -ELOOP deeper than SQUASH_DEPTH_MAX, -ENAMETOOLONG, and those of the file system; -EINTR b->cancel_fd. */
int build_squash(struct build *b, struct build_result *r, const int64_t *epoch, struct err *e) MUST_CHECK;

#endif
