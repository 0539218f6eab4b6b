/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of a copy, and what becomes of them where layers arrive as others than they set out. */
#ifndef SAMPAN_PULL_COPY_DOCUMENT_H
#define SAMPAN_PULL_COPY_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "oci/descriptor.h"
#include "pull/transfer.h"

/* A manifest or an index, in the order in which they must arrive: what a document names comes before it. */
struct copy_document {
	struct descriptor self;
	struct digest was; /* before it was rewritten */
	struct buf text;
	struct manifest manifest; /* of a manifest */
	bool is_manifest;
};
void copy_document_done(struct copy_document *d);

/* Whether layer `n` of an image is a tar without compression that may be compressed: the image's own, not one of an artifact and not one that others distribute. */
bool copy_document_is_plain(const struct manifest *m, size_t n);

/* After a transfer whose blobs were, manifest by manifest, its layers and its config: where layers went out as others, writes the manifests anew, and
 * the indexes that name them. -ENOMEM. */
int copy_documents_rewrite(struct copy_document *documents, size_t len, const struct transfer *t,
			   struct err *e) MUST_CHECK;

#endif
