/* SPDX-License-Identifier: Apache-2.0 */
/* Image names and what they are bound to. One small file per name; a name is bound last, durably. */
#ifndef SAMPAN_STORE_IMAGE_H
#define SAMPAN_STORE_IMAGE_H

#include "common/buf.h"
#include "oci/image_config.h"
#include "oci/overlay.h"
#include "oci/reference.h"
#include "store/layer.h"
#include "store/store.h"

struct image_record {
	char *name;          /* canonical reference ("docker.io/library/busybox:latest") */
	struct digest index; /* what the name pointed at, if that was an index; else unset */
	struct digest manifest;
	struct digest config; /* the image's ID */
	struct strvec layers; /* keys, base first */
	struct strvec
		hidden; /* keys of layers below, all of which `layers` hide: no overlay needs them, a push does */
	char *bound;         /* RFC 3339: when */
	uint64_t size_bytes; /* unpacked, the sum of its layers */
	bool is_additional;  /* it is in an additional store (store/store.h): the name cannot be removed */
	bool is_temporary;   /* image_bind_temporary has bound it; only read */
};
void image_record_done(struct image_record *r);
#define cleanup_image_record __attribute__((cleanup(image_record_done)))

/* Binds r->name, replacing what it was bound to, durably. The contents of blobs and layers must be synced (store_sync). -ENOENT if one of
 * them is not there; -EINVAL r->name is not canonical, or a name over 255 bytes. r->bound NULL: now. */
int image_bind(const struct store *s, const struct image_record *r, struct err *e) MUST_CHECK;

/* The same for a name that is only to be there as long as its maker, who holds the store's lock (shared) from before until it has no need of it: whoever collects has the lock
 * alone, so the maker is gone, however it ended, and the name goes. */
int image_bind_temporary(const struct store *s, const struct image_record *r, struct err *e) MUST_CHECK;

/* If the name is bound to another manifest than *manifest, binds the image that it is bound to as NAME@DIGEST too, so that it outlives the name's
 * moving on. A name that is the digest of a manifest, is not bound, or whose record is damaged, has nothing to keep. */
int image_keep_previous(const struct store *s, const char *canonical_name, const struct digest *manifest,
			struct err *e) MUST_CHECK;

/* Finds by what a person types: a reference, an ID or a prefix of one (with or without "sha256:"; 2 to 64 hex digits; a name of that
 * spelling wins). NAME@DIGEST also finds an image that NAME:TAG is bound to. -ENOENT "no such image: X"; -EINVAL ambiguous prefix;
 * -EBADMSG damaged record. */
int image_find(const struct store *s, const char *what, struct image_record *ret, struct err *e) MUST_CHECK;

/* Exactly this reference. -ENOENT; -EBADMSG damaged record. */
int image_lookup(const struct store *s, const struct reference *ref, struct image_record *ret,
		 struct err *e) MUST_CHECK;

/* All of them, ordered by name. Caller frees each item (image_record_done) and the array. A damaged file is skipped and counted. */
int image_list(const struct store *s, struct image_record **ret_items, size_t *ret_len, size_t *ret_damaged,
	       struct err *e) MUST_CHECK;
void image_list_free(struct image_record *items, size_t len);

/* Removes the name only, whatever state its record is in; gc takes the rest. -ENOENT. */
int image_unbind(const struct store *s, const char *canonical_name, struct err *e) MUST_CHECK;

/* The decoded configuration, and its raw text where `raw` is not NULL. */
int image_load_config(const struct store *s, const struct image_record *r, struct image_config *ret,
		      struct buf *raw, struct err *e) MUST_CHECK;

#endif
