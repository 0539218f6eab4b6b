/* SPDX-License-Identifier: Apache-2.0 */
/* ADD where sources may be archives: those are unpacked, other files and directories are copied. */
#ifndef SAMPAN_BUILD_STEP_ARCHIVE_H
#define SAMPAN_BUILD_STEP_ARCHIVE_H

#include "build/copy.h"

/* As copy_sources, for one source. Errors of archive_add_unpack, too. */
int step_archive_copy(const struct context *from, const char *source, int root_fd,
		      const struct copy_options *o, struct err *e) MUST_CHECK;

#endif
