/* SPDX-License-Identifier: Apache-2.0 */
/* In-toto statements about an image: github.com/in-toto/attestation, Statement v0.1, as BuildKit writes them.
 *
 *	provenance_write(&p, &predicate, e), sbom_write(...)              what is said
 *	attestation_add(&a, PROVENANCE_PREDICATE_TYPE, &predicate, e)     each
 *	attestation_make(&a, &image_manifest, &subjects, &made, e)        pull/attestation_manifest.h: the documents, and the entry for the index
 */
#ifndef SAMPAN_BUILD_ATTESTATION_H
#define SAMPAN_BUILD_ATTESTATION_H

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "pull/attestation_manifest.h"

/* What is to be said of one image. Starts as { 0 }. */
struct attestation {
	struct strvec types;      /* of predicates */
	struct strvec predicates; /* JSON */
};
void attestation_done(struct attestation *a);
#define cleanup_attestation __attribute__((cleanup(attestation_done)))

/* Adds a predicate, which is JSON. -EFBIG, -ENOMEM. */
int attestation_add(struct attestation *a, const char *predicate_type, const struct buf *predicate,
		    struct err *e) MUST_CHECK;

/* `subjects`: what the image is called (package URLs; build/purl.h); NULL or none: it has no name. `image` is its manifest. */
int attestation_make(const struct attestation *a, const struct digest *image, const struct strvec *subjects,
		     struct attestation_manifest *ret, struct err *e) MUST_CHECK;

#endif
