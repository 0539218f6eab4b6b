/* SPDX-License-Identifier: Apache-2.0 */
/* Which IDs a user namespace has. user_namespaces(7). */
#ifndef SAMPAN_ENGINE_USER_NAMESPACE_H
#define SAMPAN_ENGINE_USER_NAMESPACE_H

#include <stdbool.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

#define ID_MAPS_MAX 64

/* All zero: no user namespace but our own. */
struct id_maps {
	struct spec_id_mapping uids[ID_MAPS_MAX], gids[ID_MAPS_MAX];
	size_t uids_len, gids_len;
};

/* Those of our own one; `host_id` is an ID of the namespace around it. -E2BIG: more than ID_MAPS_MAX. */
int user_namespace_own_maps(struct id_maps *ret, struct err *e) MUST_CHECK;

/* Those of the namespace that `path` leads to; `host_id` is one of ours. Nothing is mapped where it is the one that we are in ourselves. -EPERM: it is
 * none that we may enter; -EINVAL: it is something else. */
int user_namespace_maps(const char *path, struct id_maps *ret, struct err *e) MUST_CHECK;

/* Whether both map the same IDs. */
bool user_namespace_maps_are(const struct id_maps *maps, const struct spec_linux *linux_);

#endif
