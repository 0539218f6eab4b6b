/* SPDX-License-Identifier: Apache-2.0 */
/* Under which keys the store may hold a layer (store/store.h, docs/adr/0002). */
#ifndef SAMPAN_PULL_LAYER_KEYS_H
#define SAMPAN_PULL_LAYER_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/digest.h"
#include "common/err.h"
#include "store/layer.h"

struct layer_keys {
	char plain[LAYER_KEY_MAX + 1]; /* the layer looks the same on any other: its diff ID */
	char chained
		[LAYER_KEY_MAX +
		 1]; /* it has directories that it does not describe: its chain ID; for a base layer, whose
					  * chain ID is its diff ID, a hash of its own */
	char opaque[LAYER_KEY_MAX +
		    1]; /* it hides all below it: a hash of its own, so that later pulls know */
};

/* The keys of each of `len` layers, base first, into ret[len]. image-spec config.md#layer-chainid. */
int layer_keys_make(const struct digest *diff_ids, size_t len, struct layer_keys *ret,
		    struct err *e) MUST_CHECK;

/* The one that the store has, borrowed from `keys`; NULL: it has none. */
const char *layer_keys_find(const struct layer_keys *keys, const struct store *s);

/* True if `key` is the opaque one. */
bool layer_keys_is_opaque(const struct layer_keys *keys, const char *key);

#endif
