/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of cgroups, which come from config.json. */
#ifndef SAMPAN_CGROUPS_PATH_H
#define SAMPAN_CGROUPS_PATH_H

#include "common/buf.h"
#include "common/err.h"

/* Appends the components of `path`, each behind a '/'; empty ones and "." are dropped. cgroupfs has no symlinks, so that text is
 * all there is to check. -EINVAL for "..", -EFBIG, -ENOMEM. Pure. */
int cgroup_path_add(struct buf *out, const char *path) MUST_CHECK;

#endif
