/* SPDX-License-Identifier: Apache-2.0 */
/* Attestations of images that become others on the way from one place to another. */
#ifndef SAMPAN_PULL_COPY_ATTESTATION_H
#define SAMPAN_PULL_COPY_ATTESTATION_H

#include <stddef.h>

#include "common/err.h"
#include "pull/attestation_manifest.h"
#include "pull/copy_document.h"
#include "pull/signatures.h"
#include "pull/transfer.h"

/* Bytes of all statements of one copy that are about something else afterwards. */
#define COPY_STATEMENTS_MAX ((size_t)128 << 20)

struct copy_attestations {
	struct attestation_manifest *items;
	size_t len;
	size_t bytes; /* of all their statements */
};
void copy_attestations_done(struct copy_attestations *a);
#define cleanup_copy_attestations __attribute__((cleanup(copy_attestations_done)))

/* After copy_documents_rewrite: what the indexes among the documents have of attestations of manifests that have become others becomes one of what these are now. *ret: those, whose
 * blobs have to follow. What is no attestation in BuildKit's form stays as it is. -EFBIG they are over COPY_STATEMENTS_MAX; others as worker_document's. */
int copy_attestations_move(struct copy_document *documents, size_t len, const struct signature_reader *reader,
			   struct copy_attestations *ret, struct err *e) MUST_CHECK;

/* Brings their blobs over. */
int copy_attestations_send(const struct copy_attestations *a, struct transfer *t, struct err *e) MUST_CHECK;

#endif
