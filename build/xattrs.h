/* SPDX-License-Identifier: Apache-2.0 */
/* The extended attributes of a file that belong into an image: all but those of overlayfs, which would give the file a meaning, and the
 * labels of this machine's security modules. security.capability and what begins with "user." are the usual ones. */
#ifndef SAMPAN_BUILD_XATTRS_H
#define SAMPAN_BUILD_XATTRS_H

#include <stddef.h>

#include "common/err.h"

#define XATTRS_MAX_BYTES 65536 /* xattr(7): of a file's names, and of one value */

struct xattr {
	char *name;
	void *value;
	size_t len; /* bytes of the value */
};

/* By name. */
struct xattrs {
	struct xattr *items;
	size_t len;
};
void xattrs_done(struct xattrs *x);
#define cleanup_xattrs __attribute__((cleanup(xattrs_done)))

/* Of `name` in dir_fd, which is not followed if it is a symlink; "": of dir_fd itself, which may be open with O_PATH. A file system
 * without them has none. *ret is owned. */
int xattrs_read(int dir_fd, const char *name, struct xattrs *ret, struct err *e) MUST_CHECK;

/* Sets them. What the file system, the kernel or our rights do not allow is left out, as BuildKit does, but for security.capability:
 * a program without its capabilities would be another one. -EPERM and others of setxattr(2). */
int xattrs_write(int dir_fd, const char *name, const struct xattrs *x, struct err *e) MUST_CHECK;

#endif
