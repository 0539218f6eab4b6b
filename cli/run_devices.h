/* SPDX-License-Identifier: Apache-2.0 */
/* --device, and the devices of a privileged container. Looks at the host's /dev. */
#ifndef SAMPAN_CLI_RUN_DEVICES_H
#define SAMPAN_CLI_RUN_DEVICES_H

#include "common/err.h"
#include "oci/runtime_spec.h"

#define RUN_DEVICES_MAX 4096

/* "HOST[:CONTAINER[:rwm]]": a node and a rule that allows it. A directory stands for all nodes below it. -EINVAL in docker's words, errors of
 * stat(2). */
int run_device_add(struct runtime_spec *s, const char *text, struct err *e) MUST_CHECK;

/* All of the host's, and a rule that allows everything. */
int run_devices_add_all(struct runtime_spec *s, struct err *e) MUST_CHECK;

/* A device, or all below a directory, of the host, at `target` (absolute, clean), with `access` of "rwm". -EINVAL, errors of stat(2). */
int run_device_add_at(struct runtime_spec *s, const char *host, const char *target, const char *access,
		      struct err *e) MUST_CHECK;

#endif
