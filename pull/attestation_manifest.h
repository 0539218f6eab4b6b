/* SPDX-License-Identifier: Apache-2.0 */
/* What is attested of an image, as BuildKit attaches it: an image manifest without a platform beside the image's own in an index, whose layers are in-toto
 * statements. moby/buildkit docs/attestations/attestation-storage.md. Pure but for hashing, where no store is named. */
#ifndef SAMPAN_PULL_ATTESTATION_MANIFEST_H
#define SAMPAN_PULL_ATTESTATION_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/descriptor.h"
#include "pull/copy.h"
#include "pull/layout.h"
#include "pull/transport.h"
#include "store/store.h"

#define ATTESTATION_STATEMENTS_MAX 64
#define ATTESTATION_MAX_BYTES      ((size_t)64 << 20) /* of one statement */

#define ATTESTATION_STATEMENT_TYPE "application/vnd.in-toto+json"

#define ATTESTATION_TYPE_KEY       "vnd.docker.reference.type"
#define ATTESTATION_TYPE           "attestation-manifest"
#define ATTESTATION_DIGEST_KEY     "vnd.docker.reference.digest"

struct attestation_manifest {
	struct digest image;      /* the manifest that it is about */
	struct strvec statements; /* JSON */
	struct digest *digests;   /* of these */
	struct buf config, manifest;
	struct digest config_digest;
	struct descriptor self; /* of the manifest, as it stands in an index */
};
void attestation_manifest_done(struct attestation_manifest *a);
#define cleanup_attestation_manifest __attribute__((cleanup(attestation_manifest_done)))

/* Of statements in their order, which are copied. -EINVAL one has no predicateType, or there are none; -EFBIG over a limit. */
int attestation_manifest_make(const struct digest *image, const struct strvec *statements,
			      struct attestation_manifest *ret, struct err *e) MUST_CHECK;

/* The same about another manifest, which the image has become on its way: where the subjects have the digest of `a->image`, they have the one of `image`. */
int attestation_manifest_move(const struct attestation_manifest *a, const struct digest *image,
			      struct attestation_manifest *ret, struct err *e) MUST_CHECK;

/* Whether an index's entry is one. */
bool attestation_manifest_is(const struct descriptor *d);

/* Keeps its documents as blobs. Not durable before store_sync; they stay as long as the store's lock is held, and then as long as an image's record has an index that
 * names the manifest (store/gc.c). */
int attestation_manifest_keep(const struct store *s, const struct attestation_manifest *a,
			      struct err *e) MUST_CHECK;

/* That of an index's entry, from the store. -ENOENT, -EBADMSG what is there is none. */
int attestation_manifest_load(const struct store *s, const struct descriptor *d,
			      struct attestation_manifest *ret, struct err *e) MUST_CHECK;

/* Brings its documents to the repository of `target`, the manifest under its digest. Of the options those of the target and cancel_fd count. `s` is where there is room. -EINTR,
 * those of pull/registry.h. */
int attestation_manifest_push(const struct store *s, const struct attestation_manifest *a,
			      const struct transport *target, const struct copy_options *options,
			      struct err *e) MUST_CHECK;

/* Puts its documents into a layout, whose index.json is not changed. */
int attestation_manifest_put(const struct attestation_manifest *a, struct layout *layout,
			     struct err *e) MUST_CHECK;

#endif
