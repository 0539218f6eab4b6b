/* SPDX-License-Identifier: Apache-2.0 */
/* Is the store as it should be? Looks at everything and changes nothing. docs/store.md, "fsck". */
#ifndef SAMPAN_STORE_FSCK_H
#define SAMPAN_STORE_FSCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "store/store.h"

#define FSCK_FINDINGS_MAX 10000 /* that are kept; the rest is counted */

enum fsck_subject { FSCK_LAYER, FSCK_BLOB, FSCK_IMAGE, FSCK_CONTAINER, FSCK_LINK, FSCK_VOLUME, FSCK_MAPPED };

/* "layer", "blob", "image", "container", "container name", "volume", "image copy". */
const char *fsck_subject_name(enum fsck_subject subject);

struct fsck_finding {
	enum fsck_subject subject;
	char *what; /* a layer's or copy's key, a digest, an image name, a container's ID, a container or volume name */
	char *path; /* the file of a layer or copy, blanks and control characters as \ooo; NULL: the whole */
	char *problem;     /* "missing", "truncated" ... */
	const char *where; /* the additional store that it is in, borrowed from the store; NULL: in none */
};

struct fsck_report {
	struct fsck_finding *items;
	size_t len, cap;
	uint64_t left_out; /* findings over FSCK_FINDINGS_MAX */
	/* What was looked at. */
	uint64_t layers, files, bytes, blobs, images, containers, volumes, mapped;
};
void fsck_report_done(struct fsck_report *r);
#define cleanup_fsck_report __attribute__((cleanup(fsck_report_done)))

/* The digest of all of a file, as pull/hash.h has it: store/ is linked without a library for that. */
typedef int fsck_hash_fn(int fd, const char *algorithm, struct digest *ret, struct err *e);

/* Checks image records, container records and their names, volumes, the blobs that they need, and every layer and copy of an image with other owners. What no record needs may be torn by a power
 * cut and is no damage, except for those two, which are whole whenever they are there. Holds the store's lock, shared. Success whatever was
 * found; an error is about us (no memory, no rights). */
int store_fsck(const struct store *s, fsck_hash_fn *hash, struct fsck_report *ret, struct err *e) MUST_CHECK;

#endif
