/* SPDX-License-Identifier: Apache-2.0 */
/* What was built, as an image of the store. */
#ifndef SAMPAN_BUILD_BUILD_IMAGE_H
#define SAMPAN_BUILD_BUILD_IMAGE_H

#include "build/build.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"

#define BUILD_NAMELESS "localhost/built"

struct build_image_options {
	const struct strvec *names;       /* canonical references; none: BUILD_NAMELESS:<ID> */
	const struct strvec *annotations; /* of the manifest, KEY=VALUE; NULL: none */
};

struct build_image {
	struct digest id;       /* of the configuration */
	struct digest manifest;
	struct strvec names;    /* that it is bound to */
};
void build_image_done(struct build_image *i);
#define cleanup_build_image __attribute__((cleanup(build_image_done)))

/* Writes configuration and manifest, and binds the names, last and durably. What is bound to just this image already is not written again. */
int build_image_keep(const struct build *b, const struct build_result *r, const struct build_image_options *o,
		     struct build_image *ret, struct err *e) MUST_CHECK;

#endif
