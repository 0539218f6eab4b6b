/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the files of a new container are, and who runs in it. */
#ifndef SAMPAN_CLI_CREATE_USERS_H
#define SAMPAN_CLI_CREATE_USERS_H

#include "cli/create_container.h"

/* Reads the image's passwd and group, and chooses the container's IDs. Without root a container with a user namespace gets a copy of its image with other
 * owners (store/mapped.h), which takes the place of its layers. */
int create_users(struct creation *c, struct err *e) MUST_CHECK;

/* /etc/passwd and /etc/group with the user of --userns keep-id, where the image does not know him. */
int create_users_files(const struct creation *c, struct run_mounts *mounts, struct err *e) MUST_CHECK;

#endif
