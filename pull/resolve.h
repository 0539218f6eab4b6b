/* SPDX-License-Identifier: Apache-2.0 */
/* From a name to the manifest and config of one image for one platform. */
#ifndef SAMPAN_PULL_RESOLVE_H
#define SAMPAN_PULL_RESOLVE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/strvec.h"
#include "oci/descriptor.h"
#include "oci/image_config.h"
#include "pull/pull.h"
#include "pull/source.h"
#include "pull/transport.h"
#include "pull/worker.h"
#include "store/store.h"

/* What a resolution works with; all borrowed. */
struct resolver {
	const struct store *store;
	const struct transport *transport;
	const struct pull_options *options;
	struct source *source;
	struct worker *worker;
	const char *name; /* as people see it, for messages */
};

struct resolved {
	struct buf index_text; /* empty: the name points at a manifest */
	struct buf manifest_text, config_text;
	struct digest index_digest; /* unset: the name points at a manifest */
	struct digest manifest_digest;
	struct manifest manifest;
	struct image_config config;
	struct strvec names; /* canonical */
};
void resolved_done(struct resolved *r);
#define cleanup_resolved __attribute__((cleanup(resolved_done)))

/* Documents that the store has are not fetched. Every digest and size is verified, media types and the platform are checked.
 * Errors as pull_image's. */
int resolve_image(const struct resolver *rv, struct resolved *ret, struct err *e) MUST_CHECK;

#endif
