/* SPDX-License-Identifier: Apache-2.0 */
/* A page that one process, its owner, publishes and any others read, without a lock, a connection or a copy in a file: an mmap'ed file of
 * fixed-width words with a sequence lock, a checksum, the owner's identity, and a futex to sleep on until something changes.
 *
 * No reader believes a page before it has checked it: format, generation, checksum, and, where it matters, that the owner is alive. What
 * the owner leaves behind when it is killed between any two of its stores is read whole or refused. */
#ifndef SAMPAN_COMMON_SHARED_PAGE_H
#define SAMPAN_COMMON_SHARED_PAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

#define SHARED_PAGE_BYTES     4096 /* of the file, whatever the machine's page size is */
#define SHARED_PAGE_WORDS_MAX 64

struct shared_page_file;

/* Which process publishes. */
struct shared_page_owner {
	pid_t pid;
	uint64_t start_ticks; /* process_start_time: a later process of the same number is another one */
	uint32_t generation;  /* how often the page has changed hands, from 1 */
};

struct shared_page {
	struct shared_page_file *file; /* NULL: empty */
	size_t words;
	struct shared_page_owner self; /* the owner's */
};

/* Unmaps. The file stays. */
void shared_page_done(struct shared_page *p);
#define cleanup_shared_page __attribute__((cleanup(shared_page_done)))

/* Makes the page, or takes over the one that a dead owner has left, and becomes its owner; readers that have it mapped go on with it. A
 * file that is no such page is replaced. Its memory is reserved: a full file system is an error here, not a signal later. `format`
 * tells one kind and version of words from another. Nothing is readable before the first publication. As long as the owner has it mapped it
 * holds a lock on the file (fcntl(2), an open file description's), so that others can see in one call that it lives. -EBUSY: its owner
 * is alive; -ENOSPC; -EINVAL: more than SHARED_PAGE_WORDS_MAX words. */
int shared_page_create(int dir_fd, const char *name, uint32_t format, size_t words, struct shared_page *ret,
		       struct err *e) MUST_CHECK;

/* Maps a page to read. -ENOENT; -EBADMSG: no such page, or of another format. */
int shared_page_open(int dir_fd, const char *name, uint32_t format, size_t words, struct shared_page *ret,
		     struct err *e) MUST_CHECK;

/* Publishes `words` words and wakes who waits. Owner only. Makes one system call, allocates nothing, cannot fail. */
void shared_page_publish(struct shared_page *p, const uint64_t *words);

/* Copies the words as they were at one moment, with the number of their publication. -EAGAIN: for some milliseconds there was no such
 * moment: the owner is stopped, or died, in the middle of publishing; -EBADMSG: checksum; -ENODATA: nothing was published yet. */
int shared_page_read(const struct shared_page *p, uint64_t *ret_words, struct shared_page_owner *ret_owner,
		     uint32_t *ret_sequence, struct err *e) MUST_CHECK;

/* The same of a page that is not mapped, by one read(2), for who looks at many pages once: mapping each would cost several times more. What the
 * kernel copies while the owner stores is in no order; the checksum tells, and then the page is mapped and read as above.
 * *ret_held: there was an owner when we came, and what was read is no older than that. False says nothing, as the owner may be of a build that took no
 * lock: then shared_page_owner_alive. */
int shared_page_peek(int dir_fd, const char *name, uint32_t format, size_t words, uint64_t *ret_words,
		     struct shared_page_owner *ret_owner, bool *ret_held, struct err *e) MUST_CHECK;

/* Sleeps until the page is no longer at that number. 0; -ETIMEDOUT. The death of the owner changes nothing in the page: who waits
 * longer than he likes asks shared_page_owner_alive. futex(2) */
int shared_page_wait(const struct shared_page *p, uint32_t sequence, int timeout_ms) MUST_CHECK;

/* Whether the process still runs: by its pidfd, whose number is compared with the start time after it was opened. */
bool shared_page_owner_alive(const struct shared_page_owner *owner);

#endif
