/* SPDX-License-Identifier: Apache-2.0 */
/* --cache-to and --cache-from: what steps have made, brought to other machines and from them, by way of a registry or a folder. A cache is an ordinary image
 * (build/cache_records.h), which push and pull carry as they are.
 *
 * Trust: a key says what a step does and sees, and nobody can tell from a layer whether that made it. Who can write a cache decides what the steps of those who read
 * it yield: as with a base image, only what the user names is read. Layers are verified and unpacked as any image's, signatures are asked for where the policy
 * does, and a step that this store knows is never replaced. */
#ifndef SAMPAN_BUILD_CACHE_TRANSFER_H
#define SAMPAN_BUILD_CACHE_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "build/build.h"
#include "build/cache_place.h"
#include "build/cache_records.h"
#include "common/digest.h"
#include "common/err.h"
#include "pull/pull.h"
#include "pull/push.h"

struct build_cache_imported {
	size_t steps; /* that the cache has */
	size_t news;  /* of which this store has now what it did not have */
};

/* Reads a cache: after it, the steps that this store did not have are found as if they had been made here. If it knows them all nothing is downloaded. `b` is open, so
 * that nothing is collected meanwhile. `options` has the platform that is chosen from an index; any_platform, nameless and accept are set here. 1: it cannot be had, or is no
 * cache of ours, and *e says why: a warning, the build goes on without. -EINVAL, -EFBIG it is malformed, as none of ours is; nothing of it is taken. -EINTR, -ENOSPC and
 * the like, -ENOMEM. */
int build_cache_import(const struct build *b, const struct build_cache_place *from,
		       const struct pull_options *options, struct build_cache_imported *ret,
		       struct err *e) MUST_CHECK;

struct build_cache_exported {
	size_t steps, layers; /* 0: there was nothing to write */
	struct digest digest; /* of the manifest that the registry has now; unset: none */
};

/* Writes the cache of a build, which is one for all platforms; what `to` had is replaced. A build without steps that make layers has none, and nothing is written then. Nothing of the cache stays in the store. Compression is `to`'s, gzip by default; what was pulled goes as it was. `b` is
 * open. For BUILD_CACHE_INLINE, nothing is done: see below. 1: it failed, and the user said that this does not matter; *e says why. Errors of push_image and push_to_layout;
 * -EFBIG more layers than an image may have. */
int build_cache_export(const struct build *b, const struct cache_steps *steps,
		       const struct build_cache_place *to, const struct push_options *options,
		       struct build_cache_exported *ret, struct err *e) MUST_CHECK;

/* --cache-to type=inline: gives the image that is built the label, before build_image_keep. With `with` false one that its base had goes. -EFBIG, -ENOMEM. */
int build_cache_label(struct build_result *r, bool with, struct err *e) MUST_CHECK;

#endif
