/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPAN_CLI_IMAGE_OWNERS_H
#define SAMPAN_CLI_IMAGE_OWNERS_H

#include "store/container.h"

/* A user namespace with the IDs that a container's files have on disk, where those are not ours (store/mapped.h): *ret_fd is owned; else it is
 * untouched. */
int image_owners_open(const struct store *s, const struct container_record *c, int *ret_fd,
		      struct err *e) MUST_CHECK;

#endif
