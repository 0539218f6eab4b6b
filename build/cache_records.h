/* SPDX-License-Identifier: Apache-2.0 */
/* What steps have made, as a label of an image that has their layers: so a cache of builds travels as any image does, and an image can be its own. Pure.
 *
 *	org.sampan.build.cache = {"version":1,"steps":[{"key":D,"before":D,"diffID":D,"size":BYTES,"created":T,"text":"RUN make"},...]}
 *
 * `key` and `before` are build/step_key.h's, `size` is that of the layer's tar. The layer is one of the image's; in what order these lie means nothing. */
#ifndef SAMPAN_BUILD_CACHE_RECORDS_H
#define SAMPAN_BUILD_CACHE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build/build.h"
#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "oci/image_config.h"

#define CACHE_LABEL     "org.sampan.build.cache"
#define CACHE_VERSION   1
#define CACHE_STEPS_MAX 4096
#define CACHE_TEXT_MAX  512        /* bytes of an instruction that travel */
#define CACHE_LABEL_MAX (4u << 20) /* bytes */

struct cache_step {
	struct digest key, before; /* before: unset where there is none */
	struct digest diff_id;
	uint64_t size_bytes;
	char *created, *text; /* NULL: not said */
};

struct cache_records {
	struct cache_step *items;
	size_t len;
};
void cache_records_done(struct cache_records *c);
#define cleanup_cache_records __attribute__((cleanup(cache_records_done)))

/* The steps of a build, for all its platforms. Zeroed when empty. */
struct cache_steps {
	struct build_step *items; /* texts are in `texts` */
	size_t len;
	struct strvec texts;
	struct platform platform; /* of the first image */
};
void cache_steps_done(struct cache_steps *c);
#define cleanup_cache_steps __attribute__((cleanup(cache_steps_done)))

/* Adds the steps of one platform's result, which need not live longer. A key that is there stays what it is. -EFBIG over CACHE_STEPS_MAX, -ENOMEM. */
int cache_steps_add(struct cache_steps *c, const struct build_result *r, struct err *e) MUST_CHECK;

/* Whether a step of a build goes into its cache: with mode=min only those whose layers the image has. */
static inline bool cache_has_step(const struct build_step *step, bool is_max)
{
	return is_max || step->in_image;
}

/* Appends the label's value. -EFBIG over CACHE_STEPS_MAX or CACHE_LABEL_MAX, -ENOMEM. */
int cache_records_write(const struct build_step *steps, size_t len, bool is_max, struct buf *out,
			struct err *e) MUST_CHECK;

/* What an image says that its layers are. -ENODATA it says nothing; -EOPNOTSUPP it is of another version; -EINVAL, -EFBIG it is not what we would write: a
 * key that is no digest, a layer that the image does not have. */
int cache_records_read(const struct image_config *config, struct cache_records *ret,
		       struct err *e) MUST_CHECK;

#endif
