/* SPDX-License-Identifier: Apache-2.0 */
/* Package URLs: what attestations call images and packages. github.com/package-url/purl-spec. Pure. */
#ifndef SAMPAN_BUILD_PURL_H
#define SAMPAN_BUILD_PURL_H

#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/platform.h"

#define PURL_MAX_BYTES 4096

struct purl {
	const char *type;       /* "deb" */
	const char *name_space; /* "debian"; may have '/' in it; NULL: none */
	const char *name;
	const char *version;             /* NULL: none */
	const struct strvec *qualifiers; /* KEY=VALUE, sorted; empty values are left out. NULL: none */
};

/* Appends "pkg:TYPE/NAMESPACE/NAME@VERSION?KEY=VALUE&KEY=VALUE". -EFBIG over out->max, -ENOMEM. */
int purl_write(const struct purl *p, struct buf *out) MUST_CHECK;

/* That of an image, as BuildKit names it: a canonical reference, its familiar name, its tag, its digest and the platform (NULL: any) as qualifiers. *ret is owned. -EINVAL no
 * reference, -ENOMEM. */
int purl_of_image(const char *reference, const struct platform *platform, char **ret,
		  struct err *e) MUST_CHECK;

#endif
