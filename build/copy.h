/* SPDX-License-Identifier: Apache-2.0 */
/* COPY, and ADD of what is no URL, no repository and no archive: what sources select in a context (build/context.h) into a tree, by BuildKit's
 * rules.
 *
 *   - The destination is a directory if it ends in '/' (or "/."), or if there is one. Directories that are missing are made: 0755, root's, or
 *     --chown's. Of a directory its contents are copied, not itself. A match of wildcards is copied as if it were named.
 *   - Symlinks on the way to the destination lead to where they do for a process rooted there, dangling ones too; nothing outside of it is
 *     touched. Below that nothing is followed: a file replaces what is no directory; a directory goes into a directory, gives it its
 *     mode and owner, and replaces nothing.
 *   - The destination itself keeps owner and mode. mtimes are those of the sources.
 *
 * The tree is one that shows all of the layers below, a mounted overlay, whose upper directory becomes the layer; or a plain
 * directory, empty for --link. The caller mounts it. Nobody else may change it meanwhile. What the context is it does not matter for safety: its
 * files may change, or be swapped for symlinks, during the copy: that is an error, or the one or the other is copied.
 *
 * Left out: sockets, whiteouts of overlayfs, extended attributes that do not belong into an image. Refused: names that begin with ".wh.", which
 * would remove other files once the layer is a tar. */
#ifndef SAMPAN_BUILD_COPY_H
#define SAMPAN_BUILD_COPY_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "build/chmod_expr.h"
#include "build/context.h"
#include "common/err.h"

struct copy_later;

struct copy_options {
	const char *
		dest; /* in the tree: absolute, or relative to its root, the working directory already in front */
	bool parents;                 /* --parents */
	const struct ignore *exclude; /* --exclude; NULL: nothing */
	const struct chmod_expr
		*chmod; /* NULL: modes stay. Directories count too, not those that are made on the way */
	bool chown;     /* --chown: all gets `uid` and `gid` */
	uid_t uid;
	gid_t gid;
	bool keep_owners; /* of a stage or an image, where there is no --chown; else 0:0 */
	const struct timespec
		*time; /* NULL: times are those of the files; else SOURCE_DATE_EPOCH's, for all of it */
	struct copy_later *later; /* NULL: all is there when the copy is over; else it gets large files */
};

/* Copies what the sources select, in their order. As root, in a user namespace's terms at least. What was copied before an error stays.
 * -ENOENT and others as context_select's; -EISDIR `cannot replace to directory /x with file`, -ENOTDIR `cannot copy to non-directory: /x`,
 * both BuildKit's words; -EBUSY a file changed while it was copied; -EINVAL a name that layers have another meaning for. */
int copy_sources(const struct context *c, const char *const *sources, size_t len, int root_fd,
		 const struct copy_options *o, struct err *e) MUST_CHECK;

#endif
