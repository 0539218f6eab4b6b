/* SPDX-License-Identifier: Apache-2.0 */
/* The network flags of `run`, before the container is made. What comes of them when it starts is in engine/launch_network.h. */
#ifndef SAMPAN_CLI_RUN_NETWORK_H
#define SAMPAN_CLI_RUN_NETWORK_H

#include "cli/run_flags.h"
#include "engine/network_config.h"
#include "oci/image_config.h"
#include "store/store.h"

/* All network flags and the image's EXPOSE -> *ret. -EINVAL in docker's words. */
int run_network_config(const struct run_flags *f, const struct image_config *image,
		       struct network_config *ret, struct err *e) MUST_CHECK;

/* What can be told of the networks before there is a container: they are there, or of the container whose network this one joins: it is known from now on by its ID.
 * -ENOENT 'network web not found', 'no such container: x'. */
int run_network_resolve(const struct store *s, struct network_config *c, struct err *e) MUST_CHECK;

#endif
