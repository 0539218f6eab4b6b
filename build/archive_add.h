/* SPDX-License-Identifier: Apache-2.0 */
/* ADD of an archive: what is in it into a tree, by BuildKit's rules. */
#ifndef SAMPAN_BUILD_ARCHIVE_ADD_H
#define SAMPAN_BUILD_ARCHIVE_ADD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/err.h"

/* Whether ADD unpacks the file: by its bytes, not by its name. A regular file, borrowed; its offset stays. What is none is to be copied. */
int archive_add_is(int fd, bool *ret, struct err *e) MUST_CHECK;

struct archive_add_options {
	const char *
		dest; /* in the tree, a directory: absolute, or relative to its root; made where it is not there, 0755, root's or --chown's */
	bool chown;   /* --chown: all gets `uid` and `gid`; else owners are the archive's */
	uid_t uid;
	gid_t gid;
	const struct timespec *
		time; /* NULL: times are the archive's; else SOURCE_DATE_EPOCH's. --chmod is not for archives, says BuildKit */
	uint64_t max_bytes, max_entries; /* 0: those of pull/tree_unpack.h */
	int cancel_fd;                   /* -1: none */
};

/* Unpacks the archive in `fd` (borrowed, read from its beginning: its offset moves) below o->dest in the tree root_fd (borrowed). Symlinks on the way
 * to the destination lead to where they do for a process rooted in the tree. For what is in the archive the destination is the root: nothing
 * outside of it is touched. What is in the way is replaced, a symlink to a directory too; a directory stays, and gets mode and owner.
 * -ENOTDIR the destination is no directory; errors of tree_unpack_wait. What was unpacked before an error stays. */
int archive_add_unpack(int fd, int root_fd, const struct archive_add_options *o, struct err *e) MUST_CHECK;

#endif
