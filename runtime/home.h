/* SPDX-License-Identifier: Apache-2.0 */
/* HOME, for processes whose config.json has none: from the container's /etc/passwd, as runc does. */
#ifndef SAMPAN_RUNTIME_HOME_H
#define SAMPAN_RUNTIME_HOME_H

#include <sys/types.h>

#include "common/strvec.h"

#define HOME_MAX 1024

/* Writes "HOME=/dir" to `out` (HOME_MAX bytes), or "" where env has a HOME. "/" for a user that is not in the file.
 * In the container's root; allocates nothing. */
void home_find(const struct strvec *env, uid_t uid, char *out);

/* env with `home` at its end where that is not "", as execve wants it. NULL: out of memory. */
char *const *home_environment(const struct strvec *env, char *home) MUST_CHECK;

#endif
