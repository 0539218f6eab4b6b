/* SPDX-License-Identifier: Apache-2.0 */
/* Where a cache of builds goes, or comes from, in docker's texts.
 *
 *	REF                                                     type=registry,ref=REF
 *	type=registry,ref=REF[,mode=min|max]
 *	type=local,dest=DIR[,mode=min|max][,tag=TAG]            to write; to read: type=local,src=DIR[,tag=TAG][,digest=DIGEST]
 *	type=inline                                             to write
 *
 * To write also: ignore-error=BOOL, compression=gzip|zstd|uncompressed, compression-level=N. What says how BuildKit's own format is written (oci-mediatypes,
 * image-manifest, force-compression) is taken, and changes nothing. */
#ifndef SAMPAN_BUILD_CACHE_PLACE_H
#define SAMPAN_BUILD_CACHE_PLACE_H

#include <stdbool.h>

#include "common/digest.h"
#include "common/err.h"
#include "pull/encoder.h"

#define BUILD_CACHE_TAG "latest" /* in a folder */

enum build_cache_kind {
	BUILD_CACHE_REGISTRY,
	BUILD_CACHE_LOCAL,  /* an OCI layout in a directory */
	BUILD_CACHE_INLINE, /* in the image that is built; only written as such */
};

/* Where a cache goes, or comes from. */
struct build_cache_place {
	enum build_cache_kind kind;
	char *ref;            /* of a registry, canonical */
	char *dir, *tag;      /* of a folder; tag NULL: BUILD_CACHE_TAG */
	struct digest digest; /* of the manifest, instead of the tag; only to read. Unset: none */
	bool is_max;          /* the steps of all stages, not only those that the image has */
	bool ignore_error;
	bool has_compression; /* layers are compressed like this, even if the registry has others */
	struct compression compression;
};
void build_cache_place_done(struct build_cache_place *p);
#define cleanup_build_cache_place __attribute__((cleanup(build_cache_place_done)))

enum build_cache_side { BUILD_CACHE_TO = 1, BUILD_CACHE_FROM = 2 };

/* Pure. -EINVAL with what is wrong, -ENOMEM. `ret` is zeroed, and to be done in any case. */
int build_cache_place_parse(const char *text, enum build_cache_side side, struct build_cache_place *ret,
			    struct err *e) MUST_CHECK;

#endif
