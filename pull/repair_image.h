/* SPDX-License-Identifier: Apache-2.0 */
/* One image: its damaged documents and layers are fetched again. Inside pull/ only. */
#ifndef SAMPAN_PULL_REPAIR_IMAGE_H
#define SAMPAN_PULL_REPAIR_IMAGE_H

#include "pull/repair.h"
#include "store/image.h"

/* `layers` and `blobs` are the damaged ones, by key and digest; what is repaired is taken out of them. Does nothing for an image that has none of them.
 * Errors of a pull, and -EBUSY: a container runs on a damaged layer. */
int repair_image(const struct store *s, const struct image_record *image,
		 const struct repair_options *options, struct strvec *layers, struct strvec *blobs,
		 struct err *e) MUST_CHECK;

#endif
