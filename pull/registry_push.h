/* SPDX-License-Identifier: Apache-2.0 */
/* Putting things into a repository: small ones, whose bytes are in memory. For worker processes. distribution-spec "Push". */
#ifndef SAMPAN_PULL_REGISTRY_PUSH_H
#define SAMPAN_PULL_REGISTRY_PUSH_H

#include <stddef.h>

#include "common/digest.h"
#include "common/err.h"
#include "pull/registry.h"

/* Uploads a blob of `len` bytes whose digest is `digest`: POST, then one PUT ("POST then PUT"). A token for pulling alone is given up for one that
 * may push too. -EACCES refused, -EPROTO, -ECONNABORTED. */
int registry_push_blob(struct registry *r, const struct digest *digest, const void *data, size_t len,
		       struct err *e) MUST_CHECK;

/* Puts a manifest under a tag or its digest; all that it names must be there. Errors as above. "Pushing Manifests". */
int registry_push_manifest(struct registry *r, const char *tag_or_digest, const char *media_type,
			   const void *data, size_t len, struct err *e) MUST_CHECK;

#endif
