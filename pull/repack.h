/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of an image whose layers have become others: compressed anew, or packed from their files. All that is not about layers stays as it
 * was. Pure but for hashing. */
#ifndef SAMPAN_PULL_REPACK_H
#define SAMPAN_PULL_REPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "oci/descriptor.h"

/* Appends the config `text` with other diff IDs. -EINVAL it has none. */
int repack_config(const char *text, size_t len, const struct digest *diff_ids, size_t diff_ids_len,
		  struct buf *out, struct err *e) MUST_CHECK;

/* Appends a manifest of docker's schema 2, or of the image-spec, with the annotations of `m`. The media types of config and layers are the
 * descriptors' own. */
int repack_manifest(const struct manifest *m, bool is_docker, const struct descriptor *config,
		    const struct descriptor *layers, struct buf *out, struct err *e) MUST_CHECK;

/* True for docker's media types. */
bool repack_is_docker(const struct manifest *m);

const char *repack_manifest_type(bool is_docker);
const char *repack_config_type(bool is_docker);

#endif
