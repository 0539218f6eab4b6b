/* SPDX-License-Identifier: Apache-2.0 */
/* The other way: what is put into a repository. distribution-spec "Push". For worker processes, as pull/registry.h is; errors are as there. */
#ifndef SAMPAN_PULL_REGISTRY_PUSH_H
#define SAMPAN_PULL_REGISTRY_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "pull/registry.h"

#define REGISTRY_CHUNK_BYTES    (UINT64_C(8) << 20) /* what is sent at a time; what a cut costs at most */
#define REGISTRY_CHUNK_ENV      "SAMPAN_PUSH_CHUNK" /* bytes; for tests, and lines that cut more often than that */
#define REGISTRY_UPLOADS_MAX    64 /* sessions, or times that one was taken up again, for one blob */
#define REGISTRY_UPLOAD_URL_MAX 8192

/* From here on tokens are asked for pushing too. */
void registry_for_push(struct registry *r);

/* HEAD. A registry that has it needs no upload. */
int registry_has_blob(struct registry *r, const struct digest *digest, bool *ret, struct err *e) MUST_CHECK;

/* Asks the registry to take a blob over from another of its repositories. *ret is false where it does not want to, whatever the reason. */
int registry_mount_blob(struct registry *r, const struct digest *digest, const char *from_path, bool *ret,
			struct err *e) MUST_CHECK;

struct registry_upload {
	const struct digest *digest;
	int fd; /* a regular file, borrowed: the whole of it is the blob */
	uint64_t size_bytes;
	uint64_t chunk_bytes; /* 0: REGISTRY_CHUNK_BYTES */
	void (*progress)(void *arg, uint64_t sent_bytes);
	void *progress_arg;
};

/* Uploads a blob: in one piece if it is no longer than a chunk, else chunk by chunk. After a cut the registry is asked how much it has and is sent the
 * rest, or all if it does not know any more. A registry that does not take chunks gets the whole in one piece. */
int registry_put_blob(struct registry *r, const struct registry_upload *upload, struct err *e) MUST_CHECK;

/* HEAD. *ret is unset where there is no such manifest, or the registry does not say its digest. */
int registry_manifest_digest(struct registry *r, const char *tag_or_digest, struct digest *ret,
			     struct err *e) MUST_CHECK;

/* -EBADMSG the registry has made another document of it. */
int registry_put_manifest(struct registry *r, const char *tag_or_digest, const char *media_type,
			  const void *text, size_t len, const struct digest *digest,
			  struct err *e) MUST_CHECK;

#endif
