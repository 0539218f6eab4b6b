/* SPDX-License-Identifier: Apache-2.0 */
/* A container's file system as one tar. */
#ifndef SAMPAN_PULL_EXPORT_H
#define SAMPAN_PULL_EXPORT_H

#include "common/err.h"
#include "store/container.h"

/* Writes the tar of a container to out_fd, with the owners that the user namespace users_fd (-1: our own) sees. The layers are put together, read-only, in a mount namespace of this process's own: whatever else it has to do with mounts
 * comes before. Running containers may change their files meanwhile. -EPERM not root; -EINTR. */
int export_container(const struct store *s, const struct container_record *c, int users_fd, int out_fd,
		     int cancel_fd, struct err *e) MUST_CHECK;

#endif
