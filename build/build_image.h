/* SPDX-License-Identifier: Apache-2.0 */
/* What was built, as an image of the store, or an index of several. */
#ifndef SAMPAN_BUILD_BUILD_IMAGE_H
#define SAMPAN_BUILD_BUILD_IMAGE_H

#include "build/build.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/descriptor.h"
#include "store/image.h"

#define BUILD_NAMELESS "localhost/built"

struct build_image {
	struct image_record record;   /* as it is to be bound; without a name */
	struct descriptor descriptor; /* of its manifest, with its platform */
	bool is_new;                  /* its documents are not synced so far */
	bool is_temporary;            /* it is bound so: store/image.h */
};
void build_image_done(struct build_image *i);
#define cleanup_build_image __attribute__((cleanup(build_image_done)))

/* Writes configuration and manifest. `annotations` of the manifest, KEY=VALUE; NULL: none. What is there already is not written again. Nothing is bound. */
int build_image_make(const struct build *b, const struct build_result *r, const struct strvec *annotations,
		     struct build_image *ret, struct err *e) MUST_CHECK;

/* Binds it to names, canonical references, last and durably; to BUILD_NAMELESS:<ID> where there are none. Where it is bound already nothing is written. *names is
 * filled then. */
int build_image_bind(const struct build *b, struct build_image *i, struct strvec *names,
		     struct err *e) MUST_CHECK;

/* An index of images, each of which stays bound as NAME@DIGEST, so that nothing of it is garbage; the names themselves are bound to the one for this machine, or
 * else the first, and to the index. `more` are further descriptors whose documents are in the store (attestations); may be NULL. *ret is for
 * manifest_list_push (owned). */
int build_index_bind(const struct build *b, struct build_image *images, size_t len,
		     const struct descriptor *more, size_t more_len, const struct strvec *annotations,
		     struct strvec *names, struct image_index *ret, struct digest *ret_digest,
		     struct err *e) MUST_CHECK;

/* Another one, for a push, which changes an index where manifests change on their way. -ENOMEM. *ret is owned, and filled in part on failure. */
int build_index_copy(const struct image_index *from, struct image_index *ret, struct err *e) MUST_CHECK;

#endif
