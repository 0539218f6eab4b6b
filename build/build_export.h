/* SPDX-License-Identifier: Apache-2.0 */
/* What was built, as files: of its root file system, without an image. */
#ifndef SAMPAN_BUILD_BUILD_EXPORT_H
#define SAMPAN_BUILD_BUILD_EXPORT_H

#include "build/build.h"
#include "common/err.h"

/* Each of these is stopped by b->cancel_fd (-EINTR); what it has written by then stays. */

/* Copies the root into the directory dir_fd, whose other files stay; all of it is ours, as with BuildKit. `epoch`: the time of all files; NULL: theirs. */
int build_export_dir(struct build *b, const struct build_result *r, const int64_t *epoch, int dir_fd,
		     struct err *e) MUST_CHECK;

/* Writes the root as a tar, but for its end, so that others can follow; in a directory `as` of it, one component (NULL: in none). */
int build_export_tar(struct build *b, const struct build_result *r, const char *as, int out_fd,
		     struct err *e) MUST_CHECK;

/* The end; if it goes to a disk it is there then. */
int build_export_tar_end(const struct build *b, int out_fd, struct err *e) MUST_CHECK;

#endif
