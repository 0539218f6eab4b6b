/* SPDX-License-Identifier: Apache-2.0 */
/* mapped/<key>/{tree,made-of,files.sum}: the files of an image once more, with the owners that a container with a user namespace needs where the kernel does not
 * idmap mounts for us: without root (docs/adr/0015). Containers with the same image and the same IDs share one; gc removes it when none has it. Its checksums are
 * those of a layer (store/layer_sums.h). */
#ifndef SAMPAN_STORE_MAPPED_H
#define SAMPAN_STORE_MAPPED_H

#include <stdbool.h>

#include "common/strvec.h"
#include "store/store.h"
#include "store/tree_copy.h"

#define MAPPED_KEY_LEN 64 /* hex digits, of no meaning */

/* Looks for the copy of an image (keys of its layers, base first) for these owners. -ENOENT, without text: there is none. */
int mapped_find(const struct store *s, const struct strvec *layers, const struct tree_owners *owners,
		char ret[MAPPED_KEY_LEN + 1], struct err *e) MUST_CHECK;

/* Makes it, of root_fd (the layers, put together), whole or not at all, and durably. The caller keeps gc away until a container's record has the key.
 * -EOVERFLOW: a file is somebody's who is not mapped; -ENOSPC. */
int mapped_make(const struct store *s, const struct strvec *layers, const struct tree_owners *owners,
		int root_fd, char ret[MAPPED_KEY_LEN + 1], struct err *e) MUST_CHECK;

bool mapped_exists(const struct store *s, const char *key);

/* The absolute path of its tree. Owned; NULL: out of memory. */
char *mapped_path(const struct store *s, const char *key) MUST_CHECK;

#endif
