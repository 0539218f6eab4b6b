/* SPDX-License-Identifier: Apache-2.0 */
/* The health check of a container, from the flags and the image. */
#ifndef SAMPAN_CLI_RUN_HEALTH_H
#define SAMPAN_CLI_RUN_HEALTH_H

#include "cli/run_flags.h"
#include "engine/health.h"
#include "oci/image_config.h"

/* The flags' own values, the image's where they say nothing, docker's defaults. *ret stays empty where there is no check. -EINVAL in
 * docker's words. */
int run_health(const struct run_flags *f, const struct image_config *image, struct health *ret,
	       struct err *e) MUST_CHECK;

#endif
