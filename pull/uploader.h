/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that push: like those that fetch (pull/worker.h, whose events they send) they are nobody, and all that they have of the user's is
 * what one registry needs. */
#ifndef SAMPAN_PULL_UPLOADER_H
#define SAMPAN_PULL_UPLOADER_H

#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "oci/reference.h"
#include "pull/http.h"
#include "pull/registry.h"
#include "pull/worker.h"

#define UPLOADER_MOUNTS_MAX 3

/* WORKER_DONE's `bytes` after uploader_look. */
enum upload_presence { UPLOAD_ABSENT, UPLOAD_PRESENT, UPLOAD_MOUNTED };

/* Repositories of the same registry that may have a blob. */
struct upload_mounts {
	char paths[UPLOADER_MOUNTS_MAX][REFERENCE_NAME_MAX + 1];
	uint32_t len;
};

/* `options` is borrowed until worker_stop. */
int uploader_start(const struct registry_options *options, struct worker *ret, struct err *e) MUST_CHECK;

/* Is the blob there, or in one of `mounts` (may be NULL), from where the registry can take it? */
int uploader_look(struct worker *w, const struct digest *digest, const struct upload_mounts *mounts,
		  struct err *e) MUST_CHECK;

/* Uploads a regular file, from its start. WORKER_PROGRESS tells how far it is. */
int uploader_blob(struct worker *w, const struct digest *digest, uint64_t size_bytes, int fd,
		  struct err *e) MUST_CHECK;

/* Puts a manifest or an index under a tag or its digest, unless it is there under that name already: WORKER_DONE's `bytes` tells
 * (enum upload_presence). Waits for the end. -EINTR: cancel_fd (-1: none) became readable. */
int uploader_manifest(struct worker *w, const char *tag_or_digest, const char *media_type, const void *text,
		      size_t len, const struct digest *digest, int cancel_fd, struct worker_event *ret,
		      struct err *e) MUST_CHECK;

#endif
