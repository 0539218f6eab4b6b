/* SPDX-License-Identifier: Apache-2.0 */
/* Names of users and groups, by the /etc/passwd and /etc/group of the tree that is being built. */
#ifndef SAMPAN_BUILD_OWNER_H
#define SAMPAN_BUILD_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

#define OWNER_FILE_MAX (4u << 20) /* bytes of either file */

/* What --chown says: "user", "user:group", numbers or names. A number alone is the group's, too; a name alone brings its group along. As BuildKit has it, a name
 * that the tree does not know is root's, and a group that it does not know is left out: *ret_unknown says so. root_fd: -1: there is no tree yet. -ERANGE no ID,
 * errors of reading the files. */
int owner_of_chown(int root_fd, const char *text, uid_t *ret_uid, gid_t *ret_gid, bool *ret_unknown,
		   struct err *e) MUST_CHECK;

/* What USER says, for a process: with the groups that it is in. *ret_home: its home directory, owned. */
int owner_of_process(int root_fd, const char *who, struct spec_user *ret, char **ret_home,
		     struct err *e) MUST_CHECK;

#endif
