/* SPDX-License-Identifier: Apache-2.0 */
/* The members of a tar file, by name, read with libarchive. Nothing is ever written where a member's name says. For worker
 * processes. */
#ifndef SAMPAN_PULL_ARCHIVE_H
#define SAMPAN_PULL_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "pull/sink.h"

#define ARCHIVE_MEMBERS_MAX  65536
#define ARCHIVE_NAME_MAX     4096
#define ARCHIVE_LINKS_MAX    8                     /* followed from one name */
#define ARCHIVE_EXPANDED_MAX (UINT64_C(256) << 30) /* bytes */

struct archive_file; /* a list of members, and the file */

/* Reads the headers of a tar file. `fd` is a regular file, borrowed for the life of *ret; its offset is neither used nor moved.
 * -EINVAL no tar file, or damaged; -EFBIG over a limit. */
int archive_file_open(int fd, struct archive_file **ret, struct err *e) MUST_CHECK;
void archive_file_free(struct archive_file *a);
void archive_file_free_fn(struct archive_file **a);
#define cleanup_archive_file __attribute__((cleanup(archive_file_free_fn)))

/* True if the file begins as gzip, zstd, xz or bzip2 do. */
bool archive_is_compressed(int fd);

/* Expands a compressed file into an empty one. -EINVAL damaged, -EFBIG, -ENOSPC. */
int archive_expand(int fd, int out_fd, struct err *e) MUST_CHECK;

/* Follows links inside the archive to the regular member that `name` means; "./" in front and the like do not count. *ret is
 * borrowed from `a`. -ENOENT, -ELOOP, -EINVAL neither file nor link. */
int archive_file_find(const struct archive_file *a, const char *name, const char **ret_name,
		      uint64_t *ret_size_bytes, struct err *e) MUST_CHECK;

/* The content of a member that archive_file_find found. */
int archive_file_read(const struct archive_file *a, const char *found_name, const struct sink *sink,
		      struct err *e) MUST_CHECK;

#endif
