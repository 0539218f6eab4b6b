/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that outlive the RUN that mounts them (RUN --mount=type=cache): cache-mounts/<hex of the id's SHA-256>/{id,data}. An id is any text and never
 * becomes a path. A flock on the directory says who uses it, and the time of `id` when somebody did last. Collections leave them alone; only cache_mount_remove
 * removes them. docs/store.md, "The cache of builds". */
#ifndef SAMPAN_STORE_CACHE_MOUNT_H
#define SAMPAN_STORE_CACHE_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/digest.h"
#include "common/err.h"
#include "store/store.h"

#define CACHE_MOUNT_ID_MAX    4096  /* bytes */
#define CACHE_MOUNT_SLOTS_MAX 64    /* of one id that private ones use at a time */
#define CACHE_MOUNTS_MAX      16384 /* of one store */
#define CACHE_MOUNT_NAME_LEN  (64 + sizeof(".63") - 1)

/* As the Dockerfile reference has them. A private one is alone, and takes another directory where that of the id is in use. */
enum cache_mount_sharing { CACHE_MOUNT_SHARED, CACHE_MOUNT_LOCKED, CACHE_MOUNT_PRIVATE };

struct cache_mount_request {
	const char *id;
	struct digest id_digest; /* SHA-256 of the id: store/ is linked without a library for that */
	enum cache_mount_sharing sharing;
	bool no_wait; /* -EWOULDBLOCK, without text, where somebody uses it in a way that is not ours; private ones never wait */
	mode_t mode; /* of `data` where it is made: the permissions, and the owner as the host has it */
	uid_t uid;
	gid_t gid;
	int64_t now_s; /* seconds since 1970: the time of use that is noted, unless the last is less than CACHE_MOUNT_TOUCH_AFTER_S old */
};
#define CACHE_MOUNT_TOUCH_AFTER_S 3600

struct cache_mount {
	int lock_fd; /* its directory; holds the lock; -1: empty */
	int data_fd; /* what is to be mounted */
	bool made;   /* it was not there: we have made it */
	char name[CACHE_MOUNT_NAME_LEN + 1];
};
#define CACHE_MOUNT_EMPTY ((struct cache_mount){ .lock_fd = -1, .data_fd = -1 })
void cache_mount_done(struct cache_mount *m); /* ends the use */
#define cleanup_cache_mount __attribute__((cleanup(cache_mount_done)))

/* Opens it, or makes one. -EINVAL: the id is empty or too long, or the digest is none. -EBUSY: all CACHE_MOUNT_SLOTS_MAX of a private one are in use; or others remove it time and again. *ret is owned. */
int cache_mount_open(const struct store *s, const struct cache_mount_request *q, struct cache_mount *ret,
		     struct err *e) MUST_CHECK;

/* The absolute path of what is to be mounted, of one that is open or listed. Owned; NULL: out of memory. */
char *cache_mount_data_path(const struct store *s, const char *name) MUST_CHECK;

struct cache_mount_info {
	char *name;
	char *id;            /* "" where it cannot be read */
	uint64_t size_bytes; /* on disk */
	int64_t used_s;      /* seconds since 1970 */
	bool in_use;
};
void cache_mount_info_done(struct cache_mount_info *m);

/* The least recently used first. `with_sizes`: takes a look at each file. -EFBIG over CACHE_MOUNTS_MAX. */
int cache_mount_list(const struct store *s, bool with_sizes, struct cache_mount_info **ret_items,
		     size_t *ret_len, struct err *e) MUST_CHECK;
void cache_mount_list_free(struct cache_mount_info *items, size_t len);

/* By the name that it is listed under. -EBUSY, without text: in use. One that is not there is a success. */
int cache_mount_remove(const struct store *s, const char *name, struct err *e) MUST_CHECK;

#endif
