/* SPDX-License-Identifier: Apache-2.0 */
/* Large files of a COPY whose contents are copied when the tar of its layer is made, so that they are read once for both, and go to the disk meanwhile. Until then they
 * are there with all but their bytes. Inside build/ only. docs/adr/0019 */
#ifndef SAMPAN_BUILD_COPY_LATER_H
#define SAMPAN_BUILD_COPY_LATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/err.h"
#include "pull/tree_tar.h"
#include "pull/write_back.h"

#define COPY_LATER_MAX         32         /* files; further ones are copied at once */
#define COPY_LATER_WORTH_BYTES (8u << 20) /* of a file */
/* Of all: they take a fourth less time. When more is dirty than the kernel leaves alone, its writing, ours and the hashing are in each other's way, and it was a fourth more (4 GiB). */
#define COPY_LATER_MAX_BYTES   (UINT64_C(1) << 30)

struct copy_later_file {
	int from_fd, to_fd; /* what is open keeps its inode number */
	struct stat st;     /* of the source */
	ino_t inode;        /* of the copy */
	char *path;         /* of the copy, for messages */
	bool is_done;
};

/* Starts as { 0 }. */
struct copy_later {
	struct copy_later_file files[COPY_LATER_MAX];
	size_t len;
	uint64_t bytes;                  /* of all of them */
	struct copy_later_file *current; /* NULL: the tar is at another file */
	int fd;                          /* current's copy, open in the layer */
	bool is_shared;                  /* it has its source's blocks: nothing is written */
	uint64_t at;                     /* bytes written */
	struct write_back writing;       /* from the first very large file to the end of the tar */
};
void copy_later_done(struct copy_later *l);
#define cleanup_copy_later __attribute__((cleanup(copy_later_done)))

/* Takes a copy of the descriptors of an open file and its copy, which is empty. `st` is fstat(2)'s of the first. False: it is to be copied at once, as it is small, or sparse, as
 * the file system has just made the one share the other's blocks (then *ret_copied), or as there are too many. */
bool copy_later_take(struct copy_later *l, int from_fd, int to_fd, const struct stat *st, const char *path,
		     bool *ret_copied);

/* What a struct tree_tar_watch is told of each file. If it is one of these its contents come from its source, and are written. -ENOSPC and others of
 * write(2); -EBUSY: the source changed. */
int copy_later_begin(struct copy_later *l, const struct tree_tar_file *file, int *from_fd,
		     struct err *e) MUST_CHECK;
int copy_later_data(struct copy_later *l, const void *data, size_t len, struct err *e) MUST_CHECK;
int copy_later_end(struct copy_later *l, const struct tree_tar_file *file, struct err *e) MUST_CHECK;

/* The tar is complete. Copies files that it has, and that were not recognized in it (an overlay may have shown another inode number): *ret_again, it has to be
 * made once more then. */
int copy_later_rest(struct copy_later *l, bool *ret_again, struct err *e) MUST_CHECK;

#endif
