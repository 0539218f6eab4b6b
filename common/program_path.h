/* SPDX-License-Identifier: Apache-2.0 */
/* Where our own programs are. */
#ifndef SAMPAN_COMMON_PROGRAM_PATH_H
#define SAMPAN_COMMON_PROGRAM_PATH_H

#include "common/err.h"

/* The helper program `name` ("sampan-image"): in $SAMPAN_LIBEXEC; else in libexec/sampan beside the running program, as in a build
 * directory; else where it was installed. *ret is owned. An error, in words for the user, where it cannot be run. */
int program_path(const char *name, char **ret, struct err *e) MUST_CHECK;

/* The running program's own file. Owned; NULL where that cannot be told. */
char *program_path_self(void);

#endif
