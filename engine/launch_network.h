/* SPDX-License-Identifier: Apache-2.0 */
/* A container's network at its start: what was asked for when it was made, as things are now. */
#ifndef SAMPAN_ENGINE_LAUNCH_NETWORK_H
#define SAMPAN_ENGINE_LAUNCH_NETWORK_H

#include "engine/network_up.h"
#include "oci/runtime_spec.h"
#include "store/store.h"

/* With the mode container: the namespace of the other one, which must run now. Before each runtime_create; with other modes it does nothing.
 * -EBUSY 'cannot join network of a non running container: ID'. */
int launch_network_join(const struct store *s, const char *state_dir, const struct network_config *c,
			struct runtime_spec *spec, struct err *e) MUST_CHECK;

/* Between runtime_create and runtime_start: networks, and the addresses in the container's files (dir_fd). Nothing but with the mode
 * bridge. */
int launch_network_start(const struct network_args *args, const struct network_config *c, int dir_fd,
			 struct network_result *ret, struct err *e) MUST_CHECK;

#endif
