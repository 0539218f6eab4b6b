/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of store/ share, and nobody else includes. */
#ifndef SAMPAN_STORE_INTERNAL_H
#define SAMPAN_STORE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "store/store.h"

struct store {
	char *root; /* absolute, without symbolic links */
	int root_fd;
	struct store *additional[STORE_ADDITIONAL_MAX]; /* read only; these have no further ones */
	size_t additional_len;
};

/* The store that has a layer (or a blob): this one, else the first additional one that has it; NULL: none. Borrowed. */
const struct store *store_of_layer(const struct store *s, const char *key);
const struct store *store_of_blob(const struct store *s, const struct digest *digest);

#define HEX_DIGITS    "0123456789abcdef"
#define HEX_KEY_LEN   64
#define TRASH_PREFIX  ".gone." /* of what was renamed away to be deleted */
#define META_NAME     "meta.json"
#define META_MAX      65536
#define DIR_MODE      0700
#define RECORD_MODE   0600
#define MAPPED_DIR    "mapped"
#define STEPS_DIR     "steps"
#define MOUNTS_DIR    "cache-mounts"
#define SUBPATH_MAX   512 /* of a path below the root */
#define NAME_FILE_MAX 255 /* NAME_MAX of every file system that we know */

/* `digits` random hex digits (even) and a NUL. 0 or -errno. */
int store_random_hex(char *ret, size_t digits) MUST_CHECK;

/* 64 lower case hex digits, and nothing else: what layers and containers are called. */
bool store_key_ok(const char *key);

/* Opens a directory below the root ("layers"). */
int store_open_dir(const struct store *s, const char *path, int *ret_fd, struct err *e) MUST_CHECK;

/* The names in a directory below the root but "." and "..", in no order. An absent directory is empty. */
int store_list_dir(const struct store *s, const char *path, struct strvec *ret, struct err *e) MUST_CHECK;

/* Whether DIR/NAME below the root exists. */
bool store_has(const struct store *s, const char *dir, const char *name);

/* Renames DIR/NAME to DIR/.gone.NAME (ret_path, below the root): it vanishes at once, and tree_remove may take its
 * time. */
int store_trash(const struct store *s, const char *dir, const char *name, char ret_path[SUBPATH_MAX],
		struct err *e) MUST_CHECK;

/* Without waiting: -EWOULDBLOCK (and no text) if somebody else has it. */
int store_try_lock_exclusive(const struct store *s, int *ret_fd, struct err *e) MUST_CHECK;

/* Bytes on disk of the files in a directory, which it takes, and below it; not deeper than `levels`: the sum is for people, and
 * trees may be hostile. */
uint64_t store_tree_size(int dir_fd, int levels);

/* Below the exclusive lock. Adds the layers that the records of steps name to `used`, and removes what is no record, and records whose layer is gone. */
int step_cache_collect(const struct store *s, struct strvec *used, struct err *e) MUST_CHECK;

/* store_gc, which calls `choose` below the same exclusive lock, when it knows what images and containers use (layers' keys and digests, sorted: store_uses):
 * what that removes is in nobody's hands, and what it was kept for goes at once. Not called where a damaged record keeps all layers. A failure of it ends the
 * collection. *ret_done: false where somebody else held the lock and `wait` is false. */
typedef int store_gc_choose_fn(const struct store *s, const struct strvec *used, void *arg, struct err *e);
int store_gc_choosing(const struct store *s, bool wait, store_gc_choose_fn *choose, void *arg, bool *ret_done,
		      uint64_t *ret_freed_bytes, struct err *e) MUST_CHECK;
bool store_uses(const struct strvec *used, const char *what);

/* Whether a failure to read one record is about that record (damaged), not about us (memory, descriptors). */
bool store_error_is_damage(int code);

#endif
