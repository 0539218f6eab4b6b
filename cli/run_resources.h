/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a container and of its processes: memory, CPU, pids, --ulimit, --sysctl, --oom-score-adj. Pure. */
#ifndef SAMPAN_CLI_RUN_RESOURCES_H
#define SAMPAN_CLI_RUN_RESOURCES_H

#include "cli/run_flags.h"
#include "oci/runtime_spec.h"

/* The flags have been checked (run_flags_check). Without --memory-swap, -m allows as much swap again, as docker has it.
 * -EINVAL in docker's words: --ulimit, --sysctl. */
int run_resources_apply(const struct run_flags *f, struct runtime_spec *s, struct err *e) MUST_CHECK;

#endif
