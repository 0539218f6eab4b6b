/* SPDX-License-Identifier: Apache-2.0 */
/* What takes up space in the store, and what of it could go. */
#ifndef SAMPAN_STORE_USAGE_H
#define SAMPAN_STORE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/container.h"
#include "store/image.h"
#include "store/store.h"

struct usage_layer {
	char *key;
	uint64_t size_bytes; /* of regular files, unpacked */
	size_t images;       /* names that need it */
	bool in_container;   /* a container needs it */
};

/* One name. Two names of one image are two of these. */
struct usage_image {
	struct image_record record;
	char *created;         /* RFC 3339, of the config; NULL: unknown */
	struct strvec labels;  /* "key=value", of the config */
	bool is_dangling;      /* bound to a digest only: nobody has given it a tag */
	size_t containers;     /* made from it, running or not */
	uint64_t shared_bytes; /* of layers that other images need, too */
	uint64_t unique_bytes; /* of those that only this image needs, under whatever name */
};

struct usage_container {
	struct container_record record;
	uint64_t size_bytes; /* on disk, of what it has written */
};

struct usage {
	struct usage_layer *layers; /* by key */
	size_t layers_len;
	struct usage_image *images; /* by name */
	size_t images_len;
	struct usage_container *containers; /* newest first */
	size_t containers_len;
	size_t damaged; /* image records that cannot be read */
};
void usage_done(struct usage *u);
#define cleanup_usage __attribute__((cleanup(usage_done)))

/* Looks at everything; `with_containers`: also at the sizes of what containers have written, which takes long. */
int usage_read(const struct store *s, bool with_containers, struct usage *ret, struct err *e) MUST_CHECK;

/* Whether a layer is among the image's, hidden ones included. */
bool usage_image_needs(const struct usage_image *image, const char *key);

/* All layers, each once; and of those the ones that no container needs. */
uint64_t usage_layers_bytes(const struct usage *u);
uint64_t usage_reclaimable_bytes(const struct usage *u);

#endif
