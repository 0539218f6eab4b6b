/* SPDX-License-Identifier: Apache-2.0 */
/* One layer: its blob -> a directory as overlayfs wants it, made in confined processes of its own. What a compromised unpacker can
 * reach: the blob, the layer's own directory, nothing else (SECURITY.md has the details). image-spec layer.md. */
#ifndef SAMPAN_PULL_UNPACK_H
#define SAMPAN_PULL_UNPACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/descriptor.h"

#define UNPACK_DEFAULT_MAX_BYTES   (UINT64_C(64) << 30)
#define UNPACK_DEFAULT_MAX_ENTRIES UINT64_C(2000000)

struct unpack_limits {
	uint64_t max_bytes;   /* of file contents, holes not counted; 0: UNPACK_DEFAULT_MAX_BYTES */
	uint64_t max_entries; /* of the archive; 0: UNPACK_DEFAULT_MAX_ENTRIES */
};

struct unpack_result {
	struct digest diff_id;   /* as computed, which is as expected */
	uint64_t unpacked_bytes; /* of file contents, holes not counted */
	uint64_t entries;        /* of the archive */
	bool has_implied_dirs; /* call unpack_fix_implied; the root counts if the archive says nothing of it */
	bool root_is_opaque; /* the layer hides all layers below it, which overlayfs does not do for a root */
};

/* Empty when pid is 0. */
struct unpack_job {
	pid_t pid;     /* a child of the caller, not yet reaped */
	int pidfd;     /* becomes readable when it has ended */
	int result_fd; /* becomes readable when it has a result */
	int dir_fd;    /* staging/<subdir> */
};

/* Starts a process that decodes the blob read from blob_fd (a regular file positioned at 0, or a pipe; whether its digest is right is the caller's to know, before or after: docs/adr/0009)
 * into `subdir`/tree of staging_fd, lists beside it what it knows of the files (LAYER_CONTENTS_NAME of store/layer.h), and checks that the diff ID is *expected. Makes both directories; `subdir` is one
 * component. `kind` is only a hint: the blob's first bytes tell its compression. `limits` may be NULL. Descriptors are borrowed, and may
 * be closed when this has returned. On success *ret belongs to unpack_wait or unpack_cancel. Nothing is synced.
 * Without CAP_SYS_ADMIN there is no mount namespace around the process, opaque directories are marked with user.overlay.opaque, and
 * owners, device nodes and file capabilities that the kernel refuses us are left out. -EEXIST, and mkdirat(2), fork(2). */
int unpack_start(int blob_fd, enum media_kind kind, int staging_fd, const char *subdir,
		 const struct digest *expected, const struct unpack_limits *limits, struct unpack_job *ret,
		 struct err *e) MUST_CHECK;

/* Waits for the end, reaps, empties the job on success and on failure. On failure what is in `subdir` is garbage. -EBADMSG the diff ID is
 * another, -EINVAL malformed archive or compression, -EOPNOTSUPP another compression, -EFBIG over a limit, -ENAMETOOLONG, -ENOSPC and
 * the like from the file system, -EPROTO the process died. */
int unpack_wait(struct unpack_job *job, struct unpack_result *ret, struct err *e) MUST_CHECK;

/* Kills, reaps, empties; takes an empty one ({ 0 }). What is in `subdir` is garbage. */
void unpack_cancel(struct unpack_job *job);
#define cleanup_unpack_job __attribute__((cleanup(unpack_cancel)))

/* For a layer with implied directories (parents that its archive never mentions): gives each, as listed in <subdir>/implied, the owner,
 * mode, times and xattrs that it has in the topmost of `lower_tree_paths` (topmost first) where it is seen through the overlay;
 * where none has it, it stays root's, mode 0755. Removes the list. Without one it does nothing. */
int unpack_fix_implied(int staging_fd, const char *subdir, const struct strvec *lower_tree_paths,
		       struct err *e) MUST_CHECK;

#endif
