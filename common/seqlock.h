/* SPDX-License-Identifier: Apache-2.0 */
/* A sequence lock: one writer publishes a few words; readers, in other processes, copy them without ever making it wait, and know whether
 * what they have is whole.
 *
 * x86 keeps stores in order and loads in order, so there all of this works with no care taken; ARM64 does neither. Every access is
 * therefore a C11 atomic with its order written down. tests/litmus runs this very code through every order that C11 allows,
 * and shows that with any one of the orders below taken away a reader can be given torn words. tools/check-barriers looks for
 * the instructions in the ARM64 build. */
#ifndef SAMPAN_COMMON_SEQLOCK_H
#define SAMPAN_COMMON_SEQLOCK_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Odd while the words are written, and for ever if the writer dies meanwhile. After 2^31 publications numbers come again: a reader would
 * have to sleep in the middle of its copy for exactly as many. */
struct seqlock {
	_Atomic uint32_t sequence;
};

/* The number that the words will have once they are published: part of what their checksum covers. Writer only. */
static inline uint32_t seqlock_next(const struct seqlock *l)
{
	/* Relaxed: nobody else writes it, or a predecessor that is dead, and whose death we have learned from the kernel. */
	return (atomic_load_explicit(&l->sequence, memory_order_relaxed) | 1) + 1;
}

/* Publishes. One writer at a time; one that takes over from a dead one finds an odd number and goes on from there. */
static inline void seqlock_write(struct seqlock *l, _Atomic uint64_t *words, const uint64_t *from, size_t len)
{
	uint32_t next = seqlock_next(l);

	atomic_store_explicit(&l->sequence, next - 1, memory_order_relaxed);
	/* Pairs with the acquire fence of seqlock_try_read: who has read any word that is stored below sees at least the odd number
	 * when he looks at the sequence after it. */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < len; i++)
		atomic_store_explicit(&words[i], from[i], memory_order_relaxed);
	/* Pairs with the acquire load of seqlock_try_read: who sees this number sees all words that were stored above. */
	atomic_store_explicit(&l->sequence, next, memory_order_release);
}

/* One attempt. 0 with a whole copy and its number; -EAGAIN with garbage in `to`: they are being written, or were meanwhile. */
static inline int seqlock_try_read(const struct seqlock *l, const _Atomic uint64_t *words, uint64_t *to,
				   size_t len, uint32_t *ret_sequence)
{
	/* Pairs with the release store of seqlock_write. */
	uint32_t before = atomic_load_explicit(&l->sequence, memory_order_acquire), after;

	if (before & 1)
		return -EAGAIN;
	for (size_t i = 0; i < len; i++)
		to[i] = atomic_load_explicit(&words[i], memory_order_relaxed);
	/* Pairs with the release fence of seqlock_write. */
	atomic_thread_fence(memory_order_acquire);
	after = atomic_load_explicit(&l->sequence, memory_order_relaxed);
	if (before != after)
		return -EAGAIN;
	*ret_sequence = before;
	return 0;
}

#endif
