/* SPDX-License-Identifier: Apache-2.0 */
/* An exhaustive checker of C11 atomics for small programs: it runs a test's threads again and again, through every order in which
 * they can take turns and every value that each load may be given, and stops at the first run that breaks an assertion or in which all
 * sleep for ever.
 *
 * What a load may be given is kept as views, as in the promising semantics without promises: each thread knows, for each location, the
 * oldest store that it may still see; a store carries what its thread knew, as far as its order (or a release fence before
 * it) says so; a load takes that over, as far as its order (or an acquire fence after it) says so. This allows all that C11
 * does but one thing: that a load is given the value of a store which comes after it because of that load (load buffering). Threads
 * which only load, or only store, cannot tell the difference. Stores of one location are ordered as they happen: exact where only one
 * thread stores to it.
 *
 * Include it before the code to be checked: atomic_load_explicit and its kin become the model's. */
#ifndef SAMPAN_TESTS_LITMUS_MODEL_H
#define SAMPAN_TESTS_LITMUS_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_THREADS_MAX   4
#define MODEL_LOCATIONS_MAX 8

/* One program. Locations hold 0 at the start of each run. */
struct model_test {
	const char *name;
	void (*threads[MODEL_THREADS_MAX])(void); /* until NULL */
	void (*at_end)(void);                     /* may be NULL: looks at what the threads have noted */
	void (*at_start)(void);                   /* may be NULL: resets that */
};

struct model_result {
	bool broken;      /* a run broke an assertion, or ended in a sleep */
	const char *what; /* that */
	unsigned long long runs;
};

/* Runs all of them. `weakened`: the line of an operation, in whichever file, whose order is taken away (a fence: that is not
 * there); 0: none. */
struct model_result model_check(const struct model_test *test, int weakened);

/* Lines of operations with an order that could be weakened, as the last model_check met them. At most `max`. */
size_t model_ordered_lines(int *lines, size_t max);

/* For threads and at_end: ends this run as broken. */
void model_assert(bool condition, const char *what);

/* The operations. futex(2): wait compares and sleeps as one step; both are full barriers, as in the kernel. */
uint64_t model_load(const volatile void *location, memory_order order, int line);
void model_store(volatile void *location, uint64_t value, memory_order order, int line);
void model_fence(memory_order order, int line);
void model_futex_wait(const volatile void *location, uint64_t expected);
void model_futex_wake(const volatile void *location);

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_thread_fence
#define atomic_load_explicit(p, order)     ((__typeof__(0 ? *(p) : 0))model_load((p), (order), __LINE__))
#define atomic_store_explicit(p, v, order) model_store((p), (uint64_t)(v), (order), __LINE__)
#define atomic_thread_fence(order)         model_fence((order), __LINE__)

#endif
