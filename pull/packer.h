/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that make a layer's blob, one each: from the unpacked layer of the store, or from a compressed blob its tar. They send the events of
 * pull/worker.h: WORKER_PROGRESS (bytes of the tar), WORKER_DATA with a struct packer_result, WORKER_DONE. */
#ifndef SAMPAN_PULL_PACKER_H
#define SAMPAN_PULL_PACKER_H

#include "common/err.h"
#include "oci/descriptor.h"
#include "pull/encoder.h"
#include "pull/tree_tar.h"
#include "pull/worker.h"
#include "store/store.h"

#define PACKER_EXPANDED_MAX (UINT64_C(256) << 30) /* bytes of a tar */

#define PACKER_WHY_MAX      256

struct packer_result {
	struct encoder_result blob;
	enum compression_kind compression;
	char why[PACKER_WHY_MAX]; /* it is not the blob, or has not even the tar, that was unpacked; "": it has, or nobody asked */
};

/* Packs layers/<key> into out_fd (borrowed; an empty file). The process keeps of root's rights only those to read (CAP_SYS_ADMIN is one: whether a directory is opaque). With `compression` NULL it makes the blob
 * that was pulled, if that is possible, and else compresses the tar that was pulled in the way that the blob was. With a compression the blob is another, but its tar
 * the same. Where not even the tar can be made again a new one is made of the files, unless they are damaged (-EBADMSG). */
int packer_start(const struct store *s, const char *key, const struct compression *compression, int out_fd,
		 struct worker *ret, struct err *e) MUST_CHECK;

/* Expands a blob, read from the start of blob_fd, into out_fd, and compresses its tar as `compression` says. The process is nobody and may do nothing but that. */
int packer_expand(int blob_fd, enum media_kind kind, const struct compression *compression, int out_fd,
		  struct worker *ret, struct err *e) MUST_CHECK;

/* Makes a tar of the directory tree_fd into out_fd; its owners are those that the user namespace users_fd (-1: our own) sees. As packer_start. */
int packer_tree(int tree_fd, enum tree_tar_kind kind, int users_fd, int out_fd, struct worker *ret,
		struct err *e) MUST_CHECK;

/* Receives one event of a packer; *ret_result is written when it comes. As worker_receive. */
int packer_receive(struct worker *w, struct worker_event *ret, struct packer_result *ret_result,
		   struct err *e) MUST_CHECK;

/* Waits for a packer's end, and ends it in any case. Its error; -EINTR: cancel_fd (-1: none) became readable. */
int packer_wait(struct worker *w, int cancel_fd, struct packer_result *ret, struct err *e) MUST_CHECK;

#endif
