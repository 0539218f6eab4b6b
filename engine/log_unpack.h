/* SPDX-License-Identifier: Apache-2.0 */
/* What a compressed file of a log holds. Expanding is another program's task (cli/image_log.c): what reads logs is linked with nothing that can. */
#ifndef SAMPAN_ENGINE_LOG_UNPACK_H
#define SAMPAN_ENGINE_LOG_UNPACK_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"

/* Whether fd, which is borrowed, is a gzip of ours; then *ret_inode is the number of the file that it was made of. */
bool log_packed_inode(int fd, ino_t *ret_inode);

/* Runs `program`, a path and arguments ended by NULL, from `fd` (borrowed) into a file without a name that only we have: in memory, or if it is large in
 * /var/tmp. *ret_fd is owned. -EOPNOTSUPP `program` is NULL; -EINVAL it fails; fork(2)'s and open(2)'s errors. */
int log_unpack(char *const *program, int fd, int *ret_fd, struct err *e) MUST_CHECK;

#endif
