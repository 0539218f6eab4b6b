/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and indexes looked up where they are, a registry or files, for lists (pull/manifest_list.h). No layer is read. */
#ifndef SAMPAN_PULL_MANIFEST_LOOK_H
#define SAMPAN_PULL_MANIFEST_LOOK_H

#include "common/buf.h"
#include "common/err.h"
#include "oci/descriptor.h"
#include "oci/platform.h"
#include "pull/copy.h"
#include "pull/endpoint.h"
#include "pull/source.h"
#include "pull/transport.h"
#include "pull/worker.h"
#include "store/layer.h"
#include "store/store.h"

/* One place that is asked for documents. Zeroed but for what is said. */
struct manifest_look {
	const struct store *store;
	const struct copy_options *options; /* of which those of the source count, and cancel_fd */
	struct transport transport;         /* what was asked for */
	struct platform_list platforms;     /* of this machine */
	struct staging staging;             /* .fd = -1 */
	struct registries_conf conf;
	struct endpoints endpoints;
	struct source *source;
	struct worker worker;
};
void manifest_look_done(struct manifest_look *l);
#define cleanup_manifest_look __attribute__((cleanup(manifest_look_done)))

/* Opens the place that `text` names (pull/transport.h). -EINVAL and those of source_open. */
int manifest_look_begin(struct manifest_look *l, const char *text, struct err *e) MUST_CHECK;

/* Appends the document itself. `ret` is to be done by the caller, in any case: digest, size and media type. -ENOENT. */
int manifest_look_top(struct manifest_look *l, struct buf *text, struct descriptor *ret,
		      enum media_kind *ret_kind, struct err *e) MUST_CHECK;

/* What the manifest in `text` is for, as its config says, into `d`. An artifact is for no platform. */
int manifest_look_platform(struct manifest_look *l, const struct buf *text, struct descriptor *d,
			   struct err *e) MUST_CHECK;

#endif
