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
#include "store/volume.h"

struct usage_layer {
	char *key;
	uint64_t size_bytes; /* of regular files, unpacked */
	size_t images;       /* names that need it */
	bool in_container;   /* a container needs it */
	bool in_cache;       /* the cache of builds has it; build_cache_read finds out */
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

struct usage_volume {
	struct volume_record record;
	uint64_t size_bytes; /* on disk, of what is in it; not of what its options mount there */
	size_t containers;   /* that have it */
};

/* A copy of an image with other owners (store/mapped.h). */
struct usage_mapped {
	char *key;
	uint64_t size_bytes; /* on disk */
	size_t containers;   /* that have it */
};

struct usage {
	struct usage_layer *layers; /* by key */
	size_t layers_len;
	struct usage_image *images; /* by name */
	size_t images_len;
	struct usage_container *containers; /* newest first */
	size_t containers_len;
	struct usage_volume *volumes; /* by name */
	size_t volumes_len;
	struct usage_mapped *mapped; /* by key */
	size_t mapped_len;
	size_t damaged; /* image records that cannot be read */
};
void usage_done(struct usage *u);
#define cleanup_usage __attribute__((cleanup(usage_done)))

/* Looks at everything; `with_sizes`: also at the sizes of what containers have written, of volumes and of copies of images, which takes long. */
int usage_read(const struct store *s, bool with_sizes, struct usage *ret, struct err *e) MUST_CHECK;

/* On disk, of what container `id` has written; it takes a look at each file. */
uint64_t usage_written_bytes(const struct store *s, const char *id);

/* Bytes of the files of layers (keys); of one that is not known none. */
uint64_t usage_image_bytes(const struct store *s, const struct strvec *layers);

/* Whether a layer is among the image's, hidden ones included. */
bool usage_image_needs(const struct usage_image *image, const char *key);

/* A layer by its key, borrowed; NULL: there is none. And whether only the cache of builds needs it. */
struct usage_layer *usage_find_layer(const struct usage *u, const char *key);
bool usage_layer_is_cache(const struct usage_layer *layer);

/* All layers, each once, but for those that only the cache of builds needs; and of those the ones that no container needs. */
uint64_t usage_layers_bytes(const struct usage *u);
uint64_t usage_reclaimable_bytes(const struct usage *u);

#endif
