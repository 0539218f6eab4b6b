/* SPDX-License-Identifier: Apache-2.0 */
/* What the cache of builds takes up, and what limits it: the records of steps (store/step_cache.h) with the layers that they keep, and cache mounts
 * (store/cache_mount.h). A layer that an image or a container uses costs the cache nothing: it is `shared`. docs/store.md, "The cache of builds". */
#ifndef SAMPAN_STORE_BUILD_CACHE_H
#define SAMPAN_STORE_BUILD_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/strvec.h"
#include "store/cache_mount.h"
#include "store/step_cache.h"
#include "store/store.h"
#include "store/usage.h"

/* Where nobody says otherwise: a share of the file system, within bounds, and a share of it that stays free. */
#define BUILD_CACHE_PERCENT      10
#define BUILD_CACHE_MIN_BYTES    (UINT64_C(1) << 30)
#define BUILD_CACHE_MAX_BYTES    (UINT64_C(20) << 30)
#define BUILD_CACHE_FREE_PERCENT 5

struct build_cache_policy {
	uint64_t
		max_bytes; /* that layers which only the cache keeps, and with `mounts` those too, may take up. 0: all go */
	uint64_t min_free_bytes; /* that the store's file system should have free; 0: any */
	int64_t unused_since_s; /* only what was not used since then goes, seconds since 1970; INT64_MAX: whatever */
	bool all;               /* records of shared layers as well. They free nothing */
	bool mounts;            /* cache mounts as well, but for those in use, after all steps that may go */
	bool wait; /* for builds and pulls that are under way; else nothing is removed while there are any, and the last one of the builds will do it */
};

/* max_bytes and min_free_bytes for a file system of that size; the rest is as a build wants it. Pure. */
struct build_cache_policy build_cache_policy_for(uint64_t file_system_bytes);

/* The same for the store's own. -errno of statvfs(2). */
int build_cache_policy_default(const struct store *s, struct build_cache_policy *ret,
			       struct err *e) MUST_CHECK;

/* Forgets what was used least recently, and never a step before those that were made on it, until the policy is kept or nothing is left that may go; then collects garbage
 * (store_gc). Where the records alone show that the policy is kept, they are read once, and nothing else is done; a build that has
 * put no record need not call it. Reads no clock. The caller holds no lock of the store.
 * Appends what went to `dropped`, steps' keys in hex and names of mounts (NULL: who cares), and adds to *freed_bytes, both in case of an error too.
 * An error is store_gc's, or about us. */
int build_cache_trim(const struct store *s, const struct build_cache_policy *policy, struct strvec *dropped,
		     uint64_t *freed_bytes, struct err *e) MUST_CHECK;

/* --- to be shown --- */

/* Docker's words. */
#define BUILD_CACHE_STEP_TYPE  "regular"
#define BUILD_CACHE_MOUNT_TYPE "exec.cachemount"

struct build_cache_step {
	struct step_record record;
	bool shared;
};

struct build_cache {
	struct build_cache_step *steps; /* the least recently used first */
	size_t steps_len;
	struct cache_mount_info *mounts; /* so, too */
	size_t mounts_len;
	uint64_t shared_bytes;  /* of layers, each once */
	uint64_t private_bytes; /* of layers, each once, and of mounts */
	uint64_t in_use_bytes;  /* those of them that are of mounts in use */
};
void build_cache_done(struct build_cache *c);
#define cleanup_build_cache __attribute__((cleanup(build_cache_done)))

/* Marks in `u`, which usage_read has filled, which layers are in the cache. */
int build_cache_read(const struct store *s, struct usage *u, struct build_cache *ret,
		     struct err *e) MUST_CHECK;

#endif
