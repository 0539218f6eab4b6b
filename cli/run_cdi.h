/* SPDX-License-Identifier: Apache-2.0 */
/* --device VENDOR/CLASS=NAME and --gpus: devices that files in /etc/cdi and /var/run/cdi describe. */
#ifndef SAMPAN_CLI_RUN_CDI_H
#define SAMPAN_CLI_RUN_CDI_H

#include "cli/run_flags.h"
#include "oci/runtime_spec.h"

/* Appends the CDI names that a --gpus stands for: "all", a number, "device=0,1", also in docker's quotes. -EINVAL. */
int run_gpus_names(const char *gpus, struct strvec *ret, struct err *e) MUST_CHECK;

/* Applies all of the flags' to a spec. -ENOENT "unresolvable CDI devices X", and where a file in YAML may have it, that; -EINVAL two files
 * have it. */
int run_cdi_apply(const struct run_flags *f, struct runtime_spec *s, struct err *e) MUST_CHECK;

#endif
