/* SPDX-License-Identifier: Apache-2.0 */
/* --sbom: the packages of an image, as the predicate of an in-toto statement (build/attestation.h): an SPDX 2.3 document, spdx.github.io/spdx-spec/v2.3. Pure but
 * for hashing. */
#ifndef SAMPAN_BUILD_SBOM_H
#define SAMPAN_BUILD_SBOM_H

#include "build/packages.h"
#include "common/buf.h"
#include "common/err.h"

#define SBOM_PREDICATE_TYPE "https://spdx.dev/Document"
#define SBOM_MAX_BYTES      ((size_t)60 << 20)

struct sbom {
	const char *name; /* of the document: what the image is called; NULL: it has no name */
	const char *
		created; /* RFC 3339; with SOURCE_DATE_EPOCH that. A fraction is left out, as SPDX has none */
	const struct packages *packages;
};

/* Appends the predicate. The same packages, name and time give the same bytes, and the same namespace. -EINVAL `created` is no time; -EFBIG, -ENOMEM. */
int sbom_write(const struct sbom *s, struct buf *out, struct err *e) MUST_CHECK;

#endif
