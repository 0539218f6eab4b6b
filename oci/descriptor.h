/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors, media types, manifests and indexes: image-spec descriptor.md, manifest.md, image-index.md, and Docker's
 * schema 2 of the same. */
#ifndef SAMPAN_OCI_DESCRIPTOR_H
#define SAMPAN_OCI_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "oci/platform.h"

#define MANIFEST_MAX_BYTES   (4u << 20) /* what registries themselves accept */
#define CONFIG_MAX_BYTES     (8u << 20)
#define MANIFEST_MAX_LAYERS  1024
#define INDEX_MAX_MANIFESTS  1024
/* One blob. The sum of all layers of a manifest stays far below 2^64. */
#define DESCRIPTOR_MAX_BYTES (UINT64_C(1) << 50)

/* What a media type says that a document or a layer is. */
enum media_kind {
	MEDIA_UNKNOWN,
	MEDIA_INDEX,       /* OCI index, Docker manifest list */
	MEDIA_MANIFEST,    /* OCI manifest, Docker schema 2 */
	MEDIA_MANIFEST_V1, /* Docker schema 1: refused by name */
	MEDIA_CONFIG,      /* OCI or Docker image config */
	MEDIA_LAYER,       /* tar */
	MEDIA_LAYER_GZIP,
	MEDIA_LAYER_ZSTD,
};

/* Foreign ("nondistributable") layers count as layers. Parameters (";charset=...") and case do not matter. */
enum media_kind media_kind_of(const char *media_type);

struct descriptor {
	char *media_type; /* NULL where absent */
	struct digest digest;
	uint64_t size_bytes;
	bool has_platform;
	struct platform platform;  /* normalised */
	char *os_version;          /* of the platform, as is os_features; NULL where absent */
	struct strvec os_features; /* "win32k" */
	struct strvec annotations; /* "key=value" */
	char *artifact_type;       /* NULL where absent */
};
void descriptor_done(struct descriptor *d);
/* In place of what it has. `media_type` is copied. */
int descriptor_set_media_type(struct descriptor *d, const char *media_type, struct err *e) MUST_CHECK;
int descriptor_copy(const struct descriptor *from, struct descriptor *ret, struct err *e) MUST_CHECK;
void descriptor_write(struct json_out *o, const char *key, const struct descriptor *d);

/* A json_field reader: member is a struct descriptor. */
int descriptor_read(const struct json_in *in, const void *arg, void *member, struct err *e);

/* The same for an array: arg points at a size_t, the most entries (-EFBIG); member is a struct json_items of struct
 * descriptor. */
int descriptor_read_array(const struct json_in *in, const void *arg, void *member, struct err *e);

struct manifest {
	char *media_type;
	struct descriptor config;
	struct descriptor *layers; /* base first */
	size_t layers_len;
	struct strvec annotations;
};
void manifest_done(struct manifest *m);
#define cleanup_manifest __attribute__((cleanup(manifest_done)))

struct image_index {
	char *media_type;
	struct descriptor *manifests;
	size_t manifests_len;
	struct strvec annotations;
};
void image_index_done(struct image_index *i);
#define cleanup_image_index __attribute__((cleanup(image_index_done)))

/* Both check sizes, counts, duplicate keys and depth first (json_guard); -EFBIG over a limit. Docker's schema 1 is -EOPNOTSUPP.
 * A document that is both or neither (a manifest with
 * "manifests", an index with "layers") is refused: -EINVAL, as CVE-2021-41190 taught. What the config and the layers of a
 * manifest are (an artifact has others than an image) is the caller's to check, by their media types. */
int manifest_decode(const char *text, size_t len, struct manifest *ret, struct err *e) MUST_CHECK;
int image_index_decode(const char *text, size_t len, struct image_index *ret, struct err *e) MUST_CHECK;

/* The kind of a document: by its mediaType, else by the content type that came with it (may be NULL), else by its members.
 * -EINVAL if mediaType and content type are of two kinds; limits and syntax as above. */
int document_kind(const char *text, size_t len, const char *content_type, enum media_kind *ret,
		  struct err *e) MUST_CHECK;

/* An index's entry that is no image but what BuildKit says of one: provenance, SBOMs. */
bool descriptor_is_attestation(const struct descriptor *d);

/* Picks from an index the entry for the best platform of `list`; the first of equals. Skips attestations (platform unknown/unknown, or
 * annotation vnd.docker.reference.type). Entries without a platform that are indexes or the only image entry count as
 * candidates of the last rank. -ENODATA with the list of what there is: "no image for linux/arm64; there is: linux/amd64, ...". */
int image_index_choose(const struct image_index *index, const struct platform_list *list,
		       size_t *ret_position, struct err *e) MUST_CHECK;

#endif
