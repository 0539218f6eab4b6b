/* SPDX-License-Identifier: Apache-2.0 */
/* What `docker save` and `podman save` write (manifest.json, configs, layers) presented as an OCI layout: a manifest is made for each image,
 * and an index with the images' names. For worker processes. */
#ifndef SAMPAN_PULL_DOCKER_ARCHIVE_H
#define SAMPAN_PULL_DOCKER_ARCHIVE_H

#include <stddef.h>

#include "common/digest.h"
#include "common/err.h"
#include "pull/archive.h"

#define DOCKER_ARCHIVE_IMAGES_MAX 1024

/* One blob: text that was made here, or a member of the archive. */
struct docker_blob {
	struct digest digest;
	char *text; /* NULL: a member */
	size_t len;
	const char *member; /* borrowed from the archive */
};

struct docker_archive {
	char *index; /* the OCI index, as JSON */
	size_t index_len;
	struct docker_blob *blobs;
	size_t blobs_len, blobs_cap;
};
void docker_archive_done(struct docker_archive *d);

/* `a` is borrowed for the life of *ret. -ENOENT no manifest.json, or what it names is missing; -EINVAL malformed; -EFBIG. */
int docker_archive_read(const struct archive_file *a, struct docker_archive *ret, struct err *e) MUST_CHECK;

/* NULL: there is none of that digest. */
const struct docker_blob *docker_archive_find(const struct docker_archive *d, const struct digest *digest);

#endif
