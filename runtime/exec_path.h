/* SPDX-License-Identifier: Apache-2.0 */
/* What execve will be called with: args[0] looked up in the container's PATH, as Go's exec.LookPath and so runc does. */
#ifndef SAMPAN_RUNTIME_EXEC_PATH_H
#define SAMPAN_RUNTIME_EXEC_PATH_H

#include <limits.h>

#include "common/err.h"
#include "common/strvec.h"

/* Writes the path to `out` (PATH_MAX bytes). Allocates nothing. -ENOENT, -EACCES with runc's words, which Docker and Podman know:
 * 'exec: "foo": executable file not found in $PATH', 'exec: "/x": stat /x: no such file or directory', 'exec: "/x": permission denied'. */
int exec_path_find(const char *name, const struct strvec *env, char *out, struct err *e) MUST_CHECK;

#endif
