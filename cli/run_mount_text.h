/* SPDX-License-Identifier: Apache-2.0 */
/* The text work behind run_mounts: paths and lists. */
#ifndef SAMPAN_CLI_RUN_MOUNT_TEXT_H
#define SAMPAN_CLI_RUN_MOUNT_TEXT_H

#include "common/err.h"
#include "common/strvec.h"

/* Go's path.Clean for an absolute path: no empty, "." or ".." components, no trailing '/'. Owned; NULL: out of memory. */
char *run_clean_path(const char *path) MUST_CHECK;

/* One CSV record (RFC 4180): a field may stand in double quotes, two of which are one inside it. -EINVAL. */
int run_split_csv(const char *text, struct strvec *ret, struct err *e) MUST_CHECK;

#endif
