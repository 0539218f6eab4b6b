/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that make a layer's blob, one each: from the unpacked layer of the store, or from a compressed blob its tar. They send the events of
 * pull/worker.h: WORKER_PROGRESS (bytes of the tar), WORKER_DATA with a struct encoder_result, WORKER_DONE. */
#ifndef SAMPAN_PULL_PACKER_H
#define SAMPAN_PULL_PACKER_H

#include "common/err.h"
#include "oci/descriptor.h"
#include "pull/encoder.h"
#include "pull/worker.h"
#include "store/store.h"

#define PACKER_EXPANDED_MAX (UINT64_C(256) << 30) /* bytes of a tar */

/* Packs layers/<key> into out_fd (borrowed; an empty file). The process keeps of root's rights only that to read. What the blob is compressed with is
 * `c`'s; whether its tar is the one that was pulled, encoder_result.diff_id tells. */
int packer_start(const struct store *s, const char *key, const struct compression *c, int out_fd,
		 struct worker *ret, struct err *e) MUST_CHECK;

/* Expands a blob, read from the start of blob_fd, into out_fd. The process is nobody and may do nothing but that. */
int packer_expand(int blob_fd, enum media_kind kind, int out_fd, struct worker *ret,
		  struct err *e) MUST_CHECK;

/* Makes a tar of the directory tree_fd, whole and as it is, into out_fd. As packer_start. */
int packer_tree(int tree_fd, int out_fd, struct worker *ret, struct err *e) MUST_CHECK;

/* Receives one event of a packer; *ret_result is written when it comes. As worker_receive. */
int packer_receive(struct worker *w, struct worker_event *ret, struct encoder_result *ret_result,
		   struct err *e) MUST_CHECK;

#endif
