/* SPDX-License-Identifier: Apache-2.0 */
/* What was built, as files: of its root file system, without an image. */
#ifndef SAMPAN_BUILD_BUILD_EXPORT_H
#define SAMPAN_BUILD_BUILD_EXPORT_H

#include "build/build.h"
#include "common/err.h"

/* Copies the root into the directory dir_fd, whose other files stay; all of it is ours, as with BuildKit. `epoch`: the time of all files; NULL: theirs. */
int build_export_dir(struct build *b, const struct build_result *r, const int64_t *epoch, int dir_fd,
		     struct err *e) MUST_CHECK;

/* Writes the root as a tar. */
int build_export_tar(struct build *b, const struct build_result *r, int out_fd, struct err *e) MUST_CHECK;

/* The same of a directory that build_export_dir has filled. */
int build_export_dir_tar(int dir_fd, int out_fd, struct err *e) MUST_CHECK;

#endif
