/* SPDX-License-Identifier: Apache-2.0 */
/* What a name of the store stands for as a whole: the index that it was bound with, of which the store may have all, some, or the one image that was pulled. */
#ifndef SAMPAN_PULL_STORED_INDEX_H
#define SAMPAN_PULL_STORED_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "oci/descriptor.h"
#include "oci/platform.h"
#include "pull/manifest_list.h"
#include "store/image.h"
#include "store/store.h"

struct stored_index {
	struct image_index index; /* entries that are images of the store have MANIFEST_LIST_SOURCE */
	struct buf text;          /* as it came */
	size_t present;           /* images that the store has */
	struct strvec absent;     /* what it lacks: platforms, or digests of what has none */
};
void stored_index_done(struct stored_index *i);
#define cleanup_stored_index __attribute__((cleanup(stored_index_done)))

/* The index of a record that has one. -ENOENT, -EBADMSG it is damaged. */
int stored_index_open(const struct store *s, const struct image_record *record, struct stored_index *ret,
		      struct err *e) MUST_CHECK;

/* Whether all of it can leave the store: *ret. False: no more than one of its images is there, which goes alone, as docker has it. -ENODATA several are there and
 * others not: someone has to say which one is meant. */
int stored_index_is_whole(const struct stored_index *i, const char *name, bool *ret,
			  struct err *e) MUST_CHECK;

/* How it came, for manifest_list_push and manifest_list_put; borrows from it. */
struct manifest_list_origin stored_index_origin(const struct stored_index *i);

/* The image of the record's index for a platform, or the record's own where it has no index: a reference by digest, owned. -ENODATA there is none for it, -ENOENT the store
 * lacks it. */
int stored_index_find(const struct store *s, const struct image_record *record,
		      const struct platform *platform, char **ret, struct err *e) MUST_CHECK;

#endif
