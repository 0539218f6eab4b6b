/* SPDX-License-Identifier: Apache-2.0 */
/* The standard streams that a container gets from its creator, seen as what they are. */
#ifndef SAMPAN_RUNTIME_STDIO_H
#define SAMPAN_RUNTIME_STDIO_H

#include "common/err.h"
#include "common/strvec.h"

/* Appends what 0, 1 and 2 of this process are ("pipe:[123]", "/dev/null"): a restored container gets its caller's streams in the place of pipes
 * of these names. "" for one that is closed. -ENOMEM. */
int stdio_names(struct strvec *ret, struct err *e) MUST_CHECK;

/* In the container's root: streams that are the host's /dev/null become the container's own. A file of a mount that the container does not
 * have could not be checkpointed. What is no null device stays as it is. */
void stdio_adopt_null(void);

#endif
