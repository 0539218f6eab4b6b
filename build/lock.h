/* SPDX-License-Identifier: Apache-2.0 */
/* NAME.lock beside a Dockerfile: which digests its images had when they were locked, so that `build --locked` takes these and nothing else.
 *
 *	{ "version": 1, "images": [ { "reference": CANONICAL, "platform": "linux/amd64", "digest": D }, ... ] }
 *
 * Ordered by reference and platform, one member to a line: changes read well. `digest` is that of the index, or of the manifest where the name points at one. Images that a
 * Dockerfile names by their digest are not in it. Pure. */
#ifndef SAMPAN_BUILD_LOCK_H
#define SAMPAN_BUILD_LOCK_H

#include <stddef.h>

#include "build/plan.h"
#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "oci/platform.h"

#define LOCK_SUFFIX      ".lock"
#define LOCK_VERSION     1
#define LOCK_FILE_MAX    (1u << 20) /* bytes */
#define LOCK_ENTRIES_MAX 1024

struct lock_entry {
	char *reference; /* canonical, without a digest */
	struct platform platform;
	struct digest digest; /* unset: it is not known yet */
};

struct lock {
	struct lock_entry *items; /* in order */
	size_t len;
};
void lock_done(struct lock *l);
#define cleanup_lock __attribute__((cleanup(lock_done)))

/* *ret is owned. -EINVAL, with what is wrong and where: entries are in order, each once; -EOPNOTSUPP another version; -EFBIG over a limit. */
int lock_read(const char *text, size_t len, struct lock *ret, struct err *e) MUST_CHECK;

/* Appends the file's text. */
int lock_write(const struct lock *l, struct buf *out, struct err *e) MUST_CHECK;

/* Adds an entry where it belongs, or gives the one that is there another digest. -EFBIG, -ENOMEM. */
int lock_set(struct lock *l, const char *reference, const struct platform *platform,
	     const struct digest *digest, struct err *e) MUST_CHECK;

/* NULL: there is none. Borrowed. */
const struct lock_entry *lock_find(const struct lock *l, const char *reference,
				   const struct platform *platform);

/* Adds, without digests, all images that a plan reads: bases, and sources of COPY and of mounts; neither those of a fixed digest nor OCI layouts. */
int lock_add_plan(struct lock *l, const struct build_plan *plan, struct err *e) MUST_CHECK;

/* Whether `reference` is what it is without a lock: it has a digest. */
bool lock_is_fixed(const char *reference);

/* For base_images.pin. */
struct lock_pins {
	struct lock lock;
	char *name; /* of the file, for messages */
};
void lock_pins_done(struct lock_pins *p);
#define cleanup_lock_pins __attribute__((cleanup(lock_pins_done)))

/* "NAME@DIGEST" (owned), or NULL where the reference is fixed. `arg` is a struct lock_pins. -EACCES the file does not have it. */
int lock_pin(void *arg, const char *reference, const struct platform *platform, char **ret,
	     struct err *e) MUST_CHECK;

#endif
