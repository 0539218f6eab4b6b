/* SPDX-License-Identifier: Apache-2.0 */
/* The tar of a step's layer, which is written nowhere: its digest, what it takes to make it again, and what is learnt of the files on the way. Inside build/
 * only. docs/adr/0019 */
#ifndef SAMPAN_BUILD_LAYER_TAR_H
#define SAMPAN_BUILD_LAYER_TAR_H

#include <stdint.h>

#include "build/copy_later.h"
#include "common/digest.h"
#include "common/err.h"

struct layer_tar {
	struct digest diff_id;
	uint64_t bytes;      /* of the tar */
	uint64_t file_bytes; /* of files' contents in it */
};

/* Of dir_fd's tree/, which nobody changes any more (tree_fd is open on it). Makes LAYER_SPLIT_NAME and, where that is worth it, LAYER_CONTENTS_NAME in dir_fd.
 * `later`: files of the tree that get their contents on the way; NULL: none. */
int layer_tar_make(int dir_fd, int tree_fd, struct copy_later *later, struct layer_tar *ret,
		   struct err *e) MUST_CHECK;

#endif
