/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of one file into another: shared or copied by the kernel where the file systems can, holes kept. */
#ifndef SAMPAN_BUILD_COPY_DATA_H
#define SAMPAN_BUILD_COPY_DATA_H

#include <stdbool.h>
#include <sys/stat.h>

#include "common/err.h"

/* For any number of files; starts as { 0 }. */
struct data_copier {
	char *data;    /* made when it is needed */
	bool no_range; /* copy_file_range(2) does not work between these file systems */
};
void data_copier_done(struct data_copier *c);
#define cleanup_data_copier __attribute__((cleanup(data_copier_done)))

/* Copies from_fd, whose fstat(2) is `st`, to to_fd, which is empty; no more than st->st_size bytes, fewer if the file has become shorter.
 * 0 or -errno of read(2), write(2). */
int copy_data(struct data_copier *c, int from_fd, int to_fd, const struct stat *st) MUST_CHECK;

#endif
