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

/* How layer `n` of an image is compressed by the word of its media type. False: it stays what it is, as it is one of an artifact, one that others distribute, or unknown. */
bool copy_document_compression(const struct manifest *m, size_t n, enum compression_kind *ret);

/* After a transfer whose blobs were, manifest by manifest, its layers and its config: where layers went out as others, writes the manifests anew: what is docker's stays that, unless there is zstd in it. -ENOMEM. */
int copy_documents_rewrite(struct copy_document *documents, size_t len, const struct transfer *t,
			   struct err *e) MUST_CHECK;

/* Then the indexes that name what has become another. -ENOMEM. */
int copy_documents_rewrite_indexes(struct copy_document *documents, size_t len, struct err *e) MUST_CHECK;

/* What it becomes; the text is taken out of `text`. -ENOMEM. */
int copy_document_become(struct copy_document *d, struct buf *text, const char *media_type,
			 struct err *e) MUST_CHECK;

/* What the document of that digest has become; NULL: it has stayed, or is none of these. */
const struct copy_document *copy_documents_successor(const struct copy_document *documents, size_t len,
						     const struct digest *was);

#endif
