/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a container's /dev. runtime-spec config-linux.md#devices and #default-devices. */
#ifndef SAMPAN_RUNTIME_DEVICES_H
#define SAMPAN_RUNTIME_DEVICES_H

#include <stdbool.h>

#include "oci/runtime_spec.h"

/* Makes the default devices, those of the spec, and the usual symlinks. In a user namespace nodes cannot be made: the host's are
 * bound instead. root_fd is the container's root; before pivot_root. */
int devices_create(int root_fd, const struct spec_linux *linux_, bool user_namespace,
		   struct err *e) MUST_CHECK;

/* True if /dev/<name> is one of those that every container gets. For device rules, too. */
struct default_device {
	const char *path;
	unsigned int major, minor;
};
/* Ended by a NULL path. */
const struct default_device *devices_default(void);

#endif
