/* SPDX-License-Identifier: Apache-2.0 */
/* Files of an image, looked up through its layers as overlayfs would show them, without mounting anything: whiteouts, opaque
 * directories, and symlinks across layers, which cannot leave the image. Two dozen system calls for /etc/passwd, where a mount in a process
 * of its own costs a thousand times that.
 */
#ifndef SAMPAN_CLI_RUN_IMAGE_FILE_H
#define SAMPAN_CLI_RUN_IMAGE_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"

#define RUN_IMAGE_LAYERS_MAX 512

/* Appends a regular file to `out`, up to out->max (-EFBIG). `lower`: the layers' trees, absolute, topmost first. `path`: from the
 * image's root. -ENOENT (also where the way leads through a file), -ELOOP, -EINVAL no regular file. */
int run_image_read(const struct strvec *lower, const char *path, struct buf *out, struct err *e) MUST_CHECK;

/* Opens a regular file for reading. The same errors. */
int run_image_open(const struct strvec *lower, const char *path, int *ret_fd, struct err *e) MUST_CHECK;

/* The directory at `path`: owner and mode, and whether any layer has something in it. -ENOENT, -ENOTDIR, -ELOOP. */
int run_image_stat_dir(const struct strvec *lower, const char *path, struct stat *ret, bool *ret_empty,
		       struct err *e) MUST_CHECK;

/* Appends where `path` is on disk: of a directory its part in each layer that shows through, topmost first, of anything else one. The paths have no
 * symlinks below the layers' trees. -ENOENT, -ELOOP. */
int run_image_parts(const struct strvec *lower, const char *path, struct strvec *ret,
		    struct err *e) MUST_CHECK;

#endif
