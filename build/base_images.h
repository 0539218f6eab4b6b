/* SPDX-License-Identifier: Apache-2.0 */
/* The images that a build reads: bases of stages, and sources of COPY and of mounts. Each is in the store when it is returned. */
#ifndef SAMPAN_BUILD_BASE_IMAGES_H
#define SAMPAN_BUILD_BASE_IMAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "oci/image_config.h"
#include "oci/platform.h"
#include "pull/pull.h"
#include "pull/stored.h"
#include "store/store.h"

enum base_pull {
	BASE_PULL_MISSING, /* what the store does not have */
	BASE_PULL_ALWAYS,  /* a tag may have moved */
	BASE_PULL_NEVER,
};

#define BASE_LAYOUT_NAME \
	"localhost/contexts" /* what images of layouts are bound to as long as they are read */

struct base_image {
	const struct store *store;
	char *reference; /* as the plan has it */
	struct platform platform;
	struct stored_image image;
};

struct base_images {
	const struct store *store;
	enum base_pull pull;
	struct pull_options options; /* platform and any_platform are set for each */
	/* What is used in the place of `reference`, for --locked: NAME@DIGEST (owned), or NULL for itself. NULL: nothing is pinned. */
	int (*pin)(void *arg, const char *reference, const struct platform *platform, char **ret,
		   struct err *e);
	void *pin_arg;
	void (*begun)(void *arg, const char *reference, const struct platform *p); /* a pull; may be NULL */
	void *begun_arg;
	struct base_image **items;
	size_t len;
};
void base_images_done(struct base_images *b);
#define cleanup_base_images __attribute__((cleanup(base_images_done)))

/* `reference` is canonical, or "oci-layout://DIR[:TAG][@DIGEST]". *ret is borrowed from `b`. An image that is pulled for another platform than this machine's leaves the
 * name with what it was bound to. Errors of pull_image; -ENOENT with BASE_PULL_NEVER. */
int base_images_get(struct base_images *b, const char *reference, const struct platform *platform,
		    const struct base_image **ret, struct err *e) MUST_CHECK;

/* For build_plan_options.base; `arg` is the struct base_images. */
int base_images_config(void *arg, const char *reference, const struct platform *platform,
		       struct image_config *ret_config, char **ret_name, struct err *e) MUST_CHECK;

#endif
