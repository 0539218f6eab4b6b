/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read with a limit, write so that they survive a power cut, remove trees. */
#ifndef SAMPAN_COMMON_FILE_H
#define SAMPAN_COMMON_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/err.h"

/* All bytes, however many write(2) calls it takes. Returns 0 or -errno. */
int write_all(int fd, const void *data, size_t len) MUST_CHECK;

/* The same, until cancel_fd (-1: none) becomes readable: -EINTR, and some of it has been written. Whoever reads a pipe too slowly is not waited for then. */
int write_all_until(int fd, const void *data, size_t len, int cancel_fd) MUST_CHECK;

/* Reads exactly `len` bytes. 0; -ENODATA at an early end of file; -errno. */
int read_exactly(int fd, void *data, size_t len) MUST_CHECK;

/* Appends the rest of `fd` to `out`, up to out->max (-EFBIG). */
int read_fd(int fd, struct buf *out, struct err *e) MUST_CHECK;

/* Appends a file to `out`, up to out->max (-EFBIG). dir_fd may be AT_FDCWD. Opens with
 * O_NOCTTY | O_NONBLOCK and refuses anything but a regular file (-EINVAL), except below /proc and
 * /sys, whose files are regular to stat. -ENOENT and the like as open(2). */
int file_read(int dir_fd, const char *path, struct buf *out, struct err *e) MUST_CHECK;

/* Replaces `name` in dir_fd for good: temporary file, fsync, rename, fsync of the directory. On failure
 * the old file is as it was. `name` is a single path component. */
int file_write_durable(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
		       struct err *e) MUST_CHECK;

/* As above without the two fsyncs: atomic for readers, for files below /run. */
int file_write_atomic(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
		      struct err *e) MUST_CHECK;

/* One write(2) of `text` to an existing file, as cgroup and proc files want it. Returns 0 or
 * -errno. */
int file_poke(int dir_fd, const char *path, const char *text) MUST_CHECK;

/* Makes a directory's entries durable. */
int dir_sync(int dir_fd, struct err *e) MUST_CHECK;

/* mkdir -p of a trusted path of ours (never one that comes from an image), and opens it. */
int dir_make_open(int dir_fd, const char *path, mode_t mode, int *ret_fd, struct err *e) MUST_CHECK;

/* rm -rf: follows no symlink and crosses no mount point. An absent `name` is a success. Goes as deep as
 * the tree does (no recursion limit, bounded descriptors). */
int tree_remove(int dir_fd, const char *name, struct err *e) MUST_CHECK;

#endif
