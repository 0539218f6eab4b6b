/* SPDX-License-Identifier: Apache-2.0 */
/* Making files durable, several at the cost of one where the file system allows it. A sync takes 1 ms on an SSD and 50 on an SD card. */
#ifndef SAMPAN_COMMON_FILE_SYNC_H
#define SAMPAN_COMMON_FILE_SYNC_H

#include <stddef.h>

#include "common/err.h"

/* `name` is whole wherever its directory, or what it lies in, is renamed to after this call; whether it is there after a power cut is up
 * to a later sync. */
int file_sync_content(int dir_fd, const char *name, struct err *e) MUST_CHECK;

/* Those files of a directory (at most 8: -EINVAL), and its entries, are there after a power cut. With ext4's journal it is one commit. -errno of
 * open(2) and fsync(2), with the file's name. */
int file_sync_all(int dir_fd, const char *const *names, size_t len, struct err *e) MUST_CHECK;

#endif
