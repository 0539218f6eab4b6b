/* SPDX-License-Identifier: Apache-2.0 */
/* A tree into another one, as it is: owners, modes, times, extended attributes, hard links, holes, devices. Inside store/ only. */
#ifndef SAMPAN_STORE_TREE_COPY_H
#define SAMPAN_STORE_TREE_COPY_H

#include "common/err.h"
#include "oci/runtime_spec.h"

/* Other owners than those of the source. */
struct tree_owners {
	const struct spec_id_mapping *uids, *gids;
	size_t uids_len, gids_len;
};

/* Copies what is in from_fd into to_fd, an empty directory, which gets owner and mode of the first too. Overlayfs's whiteouts are left out. No symlink is
 * followed. The source may be hostile, but nobody must change it meanwhile; depth costs memory, not stack. `owners`: whose a file becomes, by whose it is; NULL: the
 * same. -EOVERFLOW: a file is somebody's who is not mapped. */
int tree_copy(int from_fd, int to_fd, const struct tree_owners *owners, struct err *e) MUST_CHECK;

#endif
