/* SPDX-License-Identifier: Apache-2.0 */
/* Images written to files: an OCI layout (image-spec image-layout.md), as a directory or as a tar, and what `docker load` reads. */
#ifndef SAMPAN_PULL_LAYOUT_H
#define SAMPAN_PULL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/descriptor.h"
#include "pull/transport.h"

struct layout;

/* An OCI layout in a directory, made where it is absent; what it has stays. */
int layout_open_dir(const char *path, struct layout **ret, struct err *e) MUST_CHECK;

/* A tar that is written to `fd` (borrowed), front to back: TRANSPORT_OCI_ARCHIVE or TRANSPORT_DOCKER_ARCHIVE. */
int layout_open_archive(int fd, enum transport_kind kind, struct layout **ret, struct err *e) MUST_CHECK;

/* From now on what writes into it fails with -EINTR when cancel_fd (borrowed; -1: none) becomes readable. */
void layout_cancel_by(struct layout *l, int cancel_fd);

void layout_free(struct layout *l);
void layout_free_fn(struct layout **l);
#define cleanup_layout __attribute__((cleanup(layout_free_fn)))

/* Layers go in as tars, without compression. */
bool layout_wants_plain(const struct layout *l);

bool layout_has(const struct layout *l, const struct digest *digest);

/* A layer, from the start of a regular file. Nothing is done if it is there. `digest` is right; with `check` nobody has made sure of that yet (-EBADMSG). */
int layout_put_layer(struct layout *l, const struct digest *digest, uint64_t size_bytes, int fd, bool check,
		     struct err *e) MUST_CHECK;

/* A config, a manifest or an index. In docker's form manifests and indexes have no place: nothing is done. */
int layout_put_document(struct layout *l, const struct digest *digest, bool is_config, const void *text,
			size_t len, struct err *e) MUST_CHECK;

/* One image under its names: canonical references, or for an OCI layout a mere tag. `top` is its manifest or index; config and layers are for docker's form, and
 * are the manifest's there. All are copied. */
struct layout_image {
	const struct descriptor *top;
	const struct strvec *names; /* may be empty */
	const char *tag;            /* NULL: none */
	const struct digest *config;
	const struct digest *layers;
	size_t layers_len;
};
int layout_add_image(struct layout *l, const struct layout_image *image, struct err *e) MUST_CHECK;

/* The list of images, last of all. */
int layout_finish(struct layout *l, struct err *e) MUST_CHECK;

#endif
