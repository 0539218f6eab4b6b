/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes of a layer's files: which of an archive's are taken over, POSIX ACLs, and overlayfs' own. */
#ifndef SAMPAN_PULL_LAYER_XATTR_H
#define SAMPAN_PULL_LAYER_XATTR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

#define LAYER_ACL_MAX_BYTES 65536 /* the kernel's limit of a value: XATTR_SIZE_MAX */

struct archive_entry;

/* Pure. True for what an image may set: user.* but user.overlay.*, security.capability, and the two POSIX ACLs. The rest belongs to
 * this machine: trusted.* (overlayfs' whiteouts and redirects among it), labels and signatures of its security modules. */
bool layer_xattr_wanted(const char *name);

/* True if the entry has any extended attribute or ACL. */
bool layer_xattr_any(struct archive_entry *from);

/* Sets the wanted attributes and the access ACL, but no default ACL, on an open file or directory. A file system without them is an
 * error for security.capability only. `lenient`: what the kernel refuses us is left out. `shown` is for messages. */
int layer_xattr_set_all(struct archive_entry *from, int fd, bool lenient, const char *shown,
			struct err *e) MUST_CHECK;

/* Appends the entry's default ACL, as system.posix_acl_default has it, to `out`: to be set when the directory is complete, as what
 * is made in it would inherit it. Nothing is appended where there is none. */
int layer_xattr_default_acl(struct archive_entry *from, struct buf *out, struct err *e) MUST_CHECK;
int layer_xattr_set_default_acl(int fd, const void *acl, size_t len) MUST_CHECK; /* 0 or -errno */

/* Marks a directory as opaque: trusted.overlay.opaque, or user.overlay.opaque without CAP_SYS_ADMIN. overlayfs.rst. */
int layer_xattr_set_opaque(int dir_fd, const char *shown, struct err *e) MUST_CHECK;
bool layer_xattr_is_opaque(int dir_fd);

/* Gives a directory the attributes that another has, overlayfs' own left out. */
int layer_xattr_copy(int from_fd, int to_fd, struct err *e) MUST_CHECK;

#endif
