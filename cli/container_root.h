/* SPDX-License-Identifier: Apache-2.0 */
/* The file system of a container that runs, as its processes see it: with all that is mounted there. */
#ifndef SAMPAN_CLI_CONTAINER_ROOT_H
#define SAMPAN_CLI_CONTAINER_ROOT_H

#include "store/container.h"

/* Opens its root (O_PATH): a descriptor in its mount namespace, for common/rootfd. -EBUSY: it has ended meanwhile. */
int container_root_open(const struct container_record *c, int *ret_fd, struct err *e) MUST_CHECK;

/* Its user namespace, where that is another than ours; else *ret_fd stays as it is. -EBUSY as above. */
int container_users_open(const struct container_record *c, int *ret_fd, struct err *e) MUST_CHECK;

#endif
