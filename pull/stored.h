/* SPDX-License-Identifier: Apache-2.0 */
/* An image of the store with all its documents, and the list of its layers for a transfer. */
#ifndef SAMPAN_PULL_STORED_H
#define SAMPAN_PULL_STORED_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "oci/descriptor.h"
#include "oci/image_config.h"
#include "pull/transfer.h"
#include "store/image.h"
#include "store/store.h"

struct stored_image {
	struct image_record record;
	struct buf manifest_text, config_text;
	struct manifest manifest;
	struct image_config config;
	/* after stored_finish */
	struct digest manifest_digest, config_digest;
	const char *manifest_type;
	struct digest *diff_ids; /* as they went out; as many as the manifest has layers */
	bool has_other_diff_ids; /* than the config that was pulled says */
	bool is_changed;         /* manifest or config are not those that were pulled */
};
void stored_image_done(struct stored_image *i);
#define cleanup_stored_image __attribute__((cleanup(stored_image_done)))

/* Finds an image by what a person types. Errors as image_find's; -EBADMSG its documents are damaged. */
int stored_image_load(const struct store *s, const char *what, struct stored_image *ret,
		      struct err *e) MUST_CHECK;

/* The image of a manifest, whether it has a name or not: its record has the digests of manifest and configuration, and the former for a name. -ENOENT, -EBADMSG. */
int stored_image_open(const struct store *s, const struct digest *manifest, struct stored_image *ret,
		      struct err *e) MUST_CHECK;

/* Fills the transfer's list with the layers, base first. `domain` and `path` are of the repository that they go to, for mounts from others of that
 * registry; NULL: no registry. */
int stored_image_list(const struct store *s, const struct stored_image *i, const char *domain,
		      const char *path, struct transfer *t, struct err *e) MUST_CHECK;

/* After the transfer: where layers went out as others, rewrites manifest and config. `to_oci`: the media types shall be the image-spec's. */
int stored_image_finish(struct stored_image *i, const struct transfer *t, bool to_oci,
			struct err *e) MUST_CHECK;

#endif
