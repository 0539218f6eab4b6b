/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an image fits, before anything of it is downloaded. */
#ifndef SAMPAN_PULL_FREE_SPACE_H
#define SAMPAN_PULL_FREE_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "oci/descriptor.h"
#include "store/store.h"

/* What the store needs at the worst moment of a pull of these layers: all of them unpacked, and the largest blob beside them. What a compressed layer
 * unpacks to is an estimate: twice its size. Pure. */
uint64_t free_space_needed(const struct descriptor *layers, size_t len);

/* -ENOSPC: the store's file system has fewer bytes free, or as good as no inodes. */
int free_space_check(const struct store *s, uint64_t needed_bytes, struct err *e) MUST_CHECK;

/* Sets e's text, whose code is -ENOSPC, -EDQUOT or -EROFS, to one line for people: what is full, and what helps. `what` is what could not be done
 * ("pull 'busybox'"). Returns e->code, and leaves other errors as they are. */
int free_space_explain(const struct store *s, const char *what, struct err *e);

#endif
