/* SPDX-License-Identifier: Apache-2.0 */
/* What an archive holds: for loading all of it. */
#ifndef SAMPAN_PULL_LOAD_H
#define SAMPAN_PULL_LOAD_H

#include "common/err.h"
#include "common/strvec.h"
#include "store/store.h"

/* Lists the images of what `docker save` writes, of an OCI archive, or of a directory with an OCI layout, each as pull_image takes it
 * ("docker-archive:FILE:@DIGEST"); of
 * several that have one name, and differ by platform, only this machine's. The file is read in a worker. -ENOENT, -EINVAL it is none of these; -EINTR. */
int load_list(const struct store *s, const char *path, int cancel_fd, struct strvec *ret,
	      struct err *e) MUST_CHECK;

#endif
