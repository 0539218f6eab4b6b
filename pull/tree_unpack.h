/* SPDX-License-Identifier: Apache-2.0 */
/* An archive that a user names (ADD, a build context) -> files below a directory: a name is a name, without whiteouts. The tar is read by a process
 * that has the directory for its root and no rights but those over files; what is compressed is inflated by another one that has no rights at all. */
#ifndef SAMPAN_PULL_TREE_UNPACK_H
#define SAMPAN_PULL_TREE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/err.h"

#define TREE_UNPACK_MAX_BYTES   (UINT64_C(64) << 30) /* where nobody says less */
#define TREE_UNPACK_MAX_ENTRIES UINT64_C(2000000)
#define TREE_UNPACK_START       512 /* bytes of a file that say what it is */

enum tree_compression {
	TREE_PLAIN,
	TREE_GZIP,
	TREE_BZIP2,
	TREE_XZ,
	TREE_ZSTD,
};

/* Pure: by the first bytes, as BuildKit has it; TREE_PLAIN for all that is not compressed. */
enum tree_compression tree_compression_of(const void *start, size_t len);

/* Pure: whether these bytes are the header of a tar's first entry: its checksum is right. Fewer than TREE_UNPACK_START: no. */
bool tree_is_tar_header(const void *start, size_t len);

/* Whether a file is a tar, maybe compressed, as BuildKit asks: one that is empty, or holds no entries, is none. What cannot be inflated
 * is none either. `fd` is a regular file, borrowed; its offset is neither used nor moved. */
int tree_is_archive(int fd, bool *ret, struct err *e) MUST_CHECK;

struct tree_unpack {
	enum tree_compression compression;
	bool keep_owner; /* else all belongs to: */
	uid_t uid;
	gid_t gid;
	const struct timespec *time; /* NULL: times are those of the archive; else of all that is made */
	uint64_t max_bytes;          /* of file contents; 0: TREE_UNPACK_MAX_BYTES */
	uint64_t max_entries;        /* 0: TREE_UNPACK_MAX_ENTRIES */
};

/* A process that unpacks. Empty when pid is 0. */
struct tree_unpack_job {
	pid_t pid;
	int pidfd;     /* becomes readable when it has ended */
	int report_fd; /* becomes readable when it has a result, or has ended */
};

/* Starts to unpack what is read from in_fd (a file where it stands, or a pipe) into the directory dir_fd; both are borrowed, and may be closed when
 * this has returned. What is in the way of an entry is removed, but a directory of a directory; the directory itself keeps its owner, mode and times.
 * Symlinks lead, and absolute ones begin, in the directory; nothing is ever made outside of it. On success *ret belongs to tree_unpack_wait. */
int tree_unpack_start(int in_fd, int dir_fd, const struct tree_unpack *how, struct tree_unpack_job *ret,
		      struct err *e) MUST_CHECK;

/* Waits for the end, reaps, empties the job. Of an error what was unpacked before it stays. -EINVAL a damaged archive, a ".." in a path, a name that
 * begins with ".wh."; -EFBIG over a limit; -EPROTO the process died; -EINTR cancel_fd (-1: none) became readable; errors of the file system. */
int tree_unpack_wait(struct tree_unpack_job *job, int cancel_fd, struct err *e) MUST_CHECK;

/* Kills, reaps, empties; takes an empty one. */
void tree_unpack_cancel(struct tree_unpack_job *job);
#define cleanup_tree_unpack_job __attribute__((cleanup(tree_unpack_cancel)))

/* Both. */
int tree_unpack(int in_fd, int dir_fd, const struct tree_unpack *how, int cancel_fd,
		struct err *e) MUST_CHECK;

#endif
