/* SPDX-License-Identifier: Apache-2.0 */
/* A container's file system as one tar. */
#ifndef SAMPAN_PULL_EXPORT_H
#define SAMPAN_PULL_EXPORT_H

#include "common/err.h"
#include "store/store.h"

/* Writes the tar to out_fd. The layers are put together, read-only, in a mount namespace of this process's own: whatever else it has to do with mounts
 * comes before. Running containers may change their files meanwhile. -ENOENT no such container; -EPERM not root; -EINTR. */
int export_container(const struct store *s, const char *what, int out_fd, int cancel_fd,
		     struct err *e) MUST_CHECK;

#endif
