/* SPDX-License-Identifier: Apache-2.0 */
/* The digests of files that were hashed once, by what stat(2) tells of them: device, inode, size, mtime and ctime. Whoever changes a
 * file's bytes, mode, owner or extended attributes changes its ctime, which nobody can set.
 *
 * A file whose ctime is so near to the moment of hashing that a later change could get the same one is not remembered, as git does not
 * believe in "racily clean" files. What is in the cache file is believed only if it is ours, whole and in order; else the cache is empty.
 * It is no security boundary: whoever may write to it may write to the store.
 *
 * The file: a header (magic, version, counts, checksum), and entries in the order of device and inode, each of a fixed size, little-endian. */
#ifndef SAMPAN_BUILD_STAT_CACHE_H
#define SAMPAN_BUILD_STAT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "common/err.h"

#define STAT_CACHE_ENTRIES_MAX 131072 /* the least recently saved go first */
#define STAT_CACHE_SHA256_LEN  32

/* What is remembered of a file. */
struct stat_cache_facts {
	unsigned char sha256[STAT_CACHE_SHA256_LEN]; /* of its bytes */
	bool has_xattrs;                             /* some that belong into an image (build/xattrs.h) */
};

struct stat_cache;

/* Reads `name` in dir_fd (borrowed, must outlive the cache). An absent, damaged or foreign file makes an empty cache. `max` entries are
 * kept, STAT_CACHE_ENTRIES_MAX at most. -ENOMEM. *ret is owned. */
int stat_cache_open(int dir_fd, const char *name, size_t max, struct stat_cache **ret,
		    struct err *e) MUST_CHECK;
void stat_cache_free(struct stat_cache *c);
void stat_cache_free_fn(struct stat_cache **c);
#define cleanup_stat_cache __attribute__((cleanup(stat_cache_free_fn)))

/* Whether the file with this `st` is known. */
bool stat_cache_find(struct stat_cache *c, const struct stat *st, struct stat_cache_facts *ret) MUST_CHECK;

/* In how many nanoseconds any change of a file that has this `st` would give it another ctime: who begins to read it then may remember it. 0: it would now; INT64_MAX:
 * nobody can tell. `now` by CLOCK_REALTIME. */
int64_t stat_cache_settles_in_ns(const struct stat *st, const struct timespec *now);

/* Remembers what was found out about the file that had this `st` before and after it was read. `begun`: when reading began, by
 * CLOCK_REALTIME. Does nothing for files that changed just then. -ENOMEM. */
int stat_cache_add(struct stat_cache *c, const struct stat *st, const struct timespec *begun,
		   const struct stat_cache_facts *facts, struct err *e) MUST_CHECK;

/* Writes the file if something was added, atomically: readers, and builds side by side, see the old one or the new one. Of builds that save
 * at the same time the last one wins; the other's files are hashed once more. Without fsync: it can be made again. */
int stat_cache_save(struct stat_cache *c, struct err *e) MUST_CHECK;

/* For tests: entries, and whether stat_cache_save would write. */
size_t stat_cache_len(const struct stat_cache *c);
bool stat_cache_changed(const struct stat_cache *c);

#endif
