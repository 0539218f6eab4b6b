/* SPDX-License-Identifier: Apache-2.0 */
/* A struct hash of much data, in a process of its own: who reads the bytes, or makes them, goes on meanwhile. What is short is hashed where it is; the process is
 * started when HASH_APART_WORTH_BYTES have passed, and where none can be had the rest is hashed in this one as well. The digest is the same. */
#ifndef SAMPAN_PULL_HASH_APART_H
#define SAMPAN_PULL_HASH_APART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/digest.h"
#include "common/err.h"
#include "pull/hash.h"

#define HASH_APART_WORTH_BYTES (16u << 20) /* 8 ms of hashing; a process costs some tenths of one */

struct hash_apart {
	struct hash hash;             /* until there is a process */
	uint64_t here_bytes;          /* that were hashed in this one */
	bool is_alone;                /* there will be none */
	struct hash_apart_ring *ring; /* NULL: there is none */
};

/* As hash_init. hash_apart_done frees it. */
int hash_apart_init(struct hash_apart *h, const char *algorithm, struct err *e) MUST_CHECK;

/* Where the next bytes may be put, *ret_len of them at most and 64 KiB at least, so that hash_apart_update need not copy them: it gets this pointer then. Waits for the
 * process if that is behind. NULL: the caller has to have a place of its own. */
void *hash_apart_room(struct hash_apart *h, size_t *ret_len);

/* The next `len` bytes. -EIO if OpenSSL fails; -EPROTO: the process has died. */
int hash_apart_update(struct hash_apart *h, const void *data, size_t len, struct err *e) MUST_CHECK;

/* The digest of all the bytes; only hash_apart_done may follow. Waits for the process. Errors as above. */
int hash_apart_final(struct hash_apart *h, struct digest *ret, struct err *e) MUST_CHECK;

/* Ends the process, if there is one. Takes an empty one ({ 0 }) too. */
void hash_apart_done(struct hash_apart *h);
#define cleanup_hash_apart __attribute__((cleanup(hash_apart_done)))

/* For tests: 0: there is no process. */
pid_t hash_apart_pid(const struct hash_apart *h);

#endif
