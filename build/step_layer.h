/* SPDX-License-Identifier: Apache-2.0 */
/* What a step has written, an upper directory, as a layer of the store. docs/adr/0019 */
#ifndef SAMPAN_BUILD_STEP_LAYER_H
#define SAMPAN_BUILD_STEP_LAYER_H

#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "common/timestamp.h"
#include "store/layer.h"
#include "store/step_cache.h"
#include "store/store.h"

struct copy_later;

struct step_layer {
	char key[LAYER_KEY_MAX + 1]; /* in layers/ */
	struct digest diff_id;
	uint64_t tar_bytes;          /* of the tar that has this diff ID */
	char created[TIMESTAMP_MAX]; /* RFC 3339 */
};

/* Makes staging/<st>/<name>, whose tree/ nobody changes any more, a layer: hashes its tar (which is written nowhere), keeps what it takes to make that again, and
 * moves it into the store, durably. Of two equal ones the first stays. `epoch`: nothing in it is younger than that, in seconds; NULL: times stay.
 * `later`: files whose contents are still to be copied; NULL: none. */
int step_layer_commit(const struct store *s, const struct staging *st, const char *name, const int64_t *epoch,
		      struct copy_later *later, struct step_layer *ret, struct err *e) MUST_CHECK;

/* One that the store has. Its tar's size is not known where it was pulled: it is the blob's then. -ENOENT, -EBADMSG. */
int step_layer_load(const struct store *s, const char *key, struct step_layer *ret, struct err *e) MUST_CHECK;

/* The layer of a record, which knows better than the store when it was made, and how large its tar is. -ENOENT, -EBADMSG. */
int step_layer_find(const struct store *s, const struct step_record *record, struct step_layer *ret,
		    struct err *e) MUST_CHECK;

#endif
