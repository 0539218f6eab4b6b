/* SPDX-License-Identifier: Apache-2.0 */
/* layers/<key>/files.sum: a checksum for each file of a layer, and what else is known of it. docs/store.md, "Checksums". */
#ifndef SAMPAN_STORE_LAYER_SUMS_H
#define SAMPAN_STORE_LAYER_SUMS_H

#include <stdint.h>

#include "common/err.h"
#include "store/file_sum.h"

#define LAYER_SUMS_NAME "files.sum"

/* Writes files.sum into the directory dir_fd, whose tree/ is complete. contents_fd: what is known of the files (store/layer_contents.h); what it
 * does not have, or all if it is -1, is looked at and read. Not durable before store_sync. */
int layer_sums_write(int dir_fd, int contents_fd, struct err *e) MUST_CHECK;

struct layer_sums_count {
	uint64_t files; /* of all types */
	uint64_t bytes; /* of contents that were read */
};

/* Called for each file that is not as files.sum has it. `problem` in words: "missing", "truncated", "zeroed, mode". Not 0: stop, and
 * layer_sums_check returns it. */
typedef int layer_damage_fn(void *arg, const char *path, const char *problem);

/* Compares dir_fd's tree/ with its files.sum. *ret counts what was looked at, on failure too. -ENOENT there is no files.sum; -EBADMSG it is
 * damaged itself. */
int layer_sums_check(int dir_fd, layer_damage_fn *damage, void *arg, struct layer_sums_count *ret,
		     struct err *e) MUST_CHECK;

#endif
