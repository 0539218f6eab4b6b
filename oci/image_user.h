/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs in the container: docker's -u, the image's User, --group-add, against the image's own /etc/passwd and /etc/group.
 * Pure: the texts of the two files are handed in. */
#ifndef SAMPAN_CLI_IMAGE_USER_H
#define SAMPAN_CLI_IMAGE_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/strvec.h"
#include "oci/runtime_spec.h"

#define IMAGE_USER_MAX_ID     2147483647u
#define IMAGE_USER_GROUPS_MAX 1024

/* Fills user->uid, gid and additional_gids (the primary group first, as docker does since CVE-2022-36109), and *ret_home, owned: the home
 * directory, "/" where there is no entry.
 * `who`: "" (root), "name", "uid", "name:group", "uid:gid", ... ; `passwd` and `group` are texts, "" where the image has no such file; `more_groups`
 * are names or numbers. -EINVAL with docker's words: "unable to find user x: no matching entries in passwd file". */
int image_user_resolve(const char *who, const char *passwd, const char *group,
		       const struct strvec *more_groups, struct spec_user *user, char **ret_home,
		       struct err *e) MUST_CHECK;

/* Whether a passwd or a group has an entry of this ID. */
bool image_user_has_id(const char *text, uint32_t id);

/* The highest ID of a passwd or a group, but for nobody's, 65534; 0 where it has none. */
uint32_t image_user_highest_id(const char *text);

#endif
