/* SPDX-License-Identifier: Apache-2.0 */
/* `sampan update`: the limits among the flags of `run`, for a container that exists. Pure. */
#ifndef SAMPAN_CLI_UPDATE_LIMITS_H
#define SAMPAN_CLI_UPDATE_LIMITS_H

#include "cli/run_flags.h"
#include "oci/runtime_spec.h"

/* The options of the command, for a struct run_flags; borrowed, good for the life of the program. */
const struct option_def *update_limits_options(void);

/* Checks what the flags ask for against what the container has (`now`, which may be NULL), and fills *ret (emptied by spec_resources_done) with what
 * changes. `cpus`: of this machine. -EINVAL in docker's words; -ENODATA: no flag was given. */
int update_limits_make(const struct run_flags *f, unsigned int cpus, const struct spec_resources *now,
		       struct spec_resources *ret, struct err *e) MUST_CHECK;

/* Puts the changes into the resources of a container's spec. -ENOMEM. */
int update_limits_merge(const struct spec_resources *changes, struct spec_resources *into) MUST_CHECK;

#endif
