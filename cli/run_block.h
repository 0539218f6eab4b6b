/* SPDX-License-Identifier: Apache-2.0 */
/* --blkio-weight, --blkio-weight-device, --device-{read,write}-{bps,iops} and --device-cgroup-rule. */
#ifndef SAMPAN_CLI_RUN_BLOCK_H
#define SAMPAN_CLI_RUN_BLOCK_H

#include "cli/run_flags.h"
#include "oci/runtime_spec.h"

/* Looks at the devices that the flags name. -EINVAL in docker's words; -errno of stat(2). */
int run_block_apply(const struct run_flags *f, struct spec_resources *r, struct err *e) MUST_CHECK;

/* "c 10:200 rwm". -EINVAL. */
int run_device_rule_add(struct spec_resources *r, const char *text, struct err *e) MUST_CHECK;

#endif
