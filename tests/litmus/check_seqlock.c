/* SPDX-License-Identifier: Apache-2.0 */
/* common/seqlock.h, and how the shared page sleeps and wakes, through all that C11 allows; and the model itself against the litmus tests
 * whose answers are known. Prints a line per test; the last one is the sum. */
#include "tests/litmus/model.h"

#include "common/seqlock.h"

#include <stdio.h>
#include <string.h>

/* --- litmus tests: is the model as weak and as strong as C11 is? ----------------------------------------- */

static _Atomic uint64_t x, y;
static uint64_t a, b;
static bool witnessed; /* the outcome that the test is about was there in some run */

static void reset(void)
{
	a = b = 99;
}

static void mp_writer_relaxed(void)
{
	atomic_store_explicit(&x, 1, memory_order_relaxed);
	atomic_store_explicit(&y, 1, memory_order_relaxed);
}

static void mp_writer_release(void)
{
	atomic_store_explicit(&x, 1, memory_order_relaxed);
	atomic_store_explicit(&y, 1, memory_order_release);
}

static void mp_writer_fence(void)
{
	atomic_store_explicit(&x, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&y, 1, memory_order_relaxed);
}

static void mp_reader_relaxed(void)
{
	a = atomic_load_explicit(&y, memory_order_relaxed);
	b = atomic_load_explicit(&x, memory_order_relaxed);
}

static void mp_reader_acquire(void)
{
	a = atomic_load_explicit(&y, memory_order_acquire);
	b = atomic_load_explicit(&x, memory_order_relaxed);
}

static void mp_reader_fence(void)
{
	a = atomic_load_explicit(&y, memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	b = atomic_load_explicit(&x, memory_order_relaxed);
}

static void mp_end(void)
{
	witnessed = witnessed || (a == 1 && b == 0);
}

static void sb_left(void)
{
	atomic_store_explicit(&x, 1, memory_order_release);
	a = atomic_load_explicit(&y, memory_order_acquire);
}

static void sb_right(void)
{
	atomic_store_explicit(&y, 1, memory_order_release);
	b = atomic_load_explicit(&x, memory_order_acquire);
}

static void sb_left_fence(void)
{
	atomic_store_explicit(&x, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	a = atomic_load_explicit(&y, memory_order_relaxed);
}

static void sb_right_fence(void)
{
	atomic_store_explicit(&y, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	b = atomic_load_explicit(&x, memory_order_relaxed);
}

static void sb_end(void)
{
	witnessed = witnessed || (a == 0 && b == 0);
}

static void co_writer(void)
{
	atomic_store_explicit(&x, 1, memory_order_relaxed);
	atomic_store_explicit(&x, 2, memory_order_relaxed);
}

static void co_reader(void)
{
	a = atomic_load_explicit(&x, memory_order_relaxed);
	b = atomic_load_explicit(&x, memory_order_relaxed);
}

static void co_end(void)
{
	witnessed = witnessed || a > b;
}

static const struct {
	struct model_test test;
	bool allowed;
} LITMUS[] = {
	{ { "message passing, relaxed", { mp_writer_relaxed, mp_reader_relaxed }, mp_end, reset }, true },
	{ { "message passing, no acquire", { mp_writer_release, mp_reader_relaxed }, mp_end, reset }, true },
	{ { "message passing, no release", { mp_writer_relaxed, mp_reader_acquire }, mp_end, reset }, true },
	{ { "message passing", { mp_writer_release, mp_reader_acquire }, mp_end, reset }, false },
	{ { "message passing, fences", { mp_writer_fence, mp_reader_fence }, mp_end, reset }, false },
	{ { "message passing, fence and acquire", { mp_writer_fence, mp_reader_acquire }, mp_end, reset },
	  false },
	{ { "store buffering, release and acquire", { sb_left, sb_right }, sb_end, reset }, true },
	{ { "store buffering, full fences", { sb_left_fence, sb_right_fence }, sb_end, reset }, false },
	{ { "coherence", { co_writer, co_reader }, co_end, reset }, false },
};

/* --- the sequence lock ----------------------------------------------------------------------------------- */

#define WORDS  2
#define WRITES 2

static struct seqlock lock;
static _Atomic uint64_t words[WORDS];
static unsigned int versions_seen; /* bits, over all runs */
static bool gave_up;               /* in some run */

static void seqlock_writer(void)
{
	for (uint64_t i = 1; i <= WRITES; i++) {
		const uint64_t values[WORDS] = { i, i };

		seqlock_write(&lock, words, values, WORDS);
	}
}

static void seqlock_writer_once(void)
{
	const uint64_t values[WORDS] = { 1, 1 };

	seqlock_write(&lock, words, values, WORDS);
}

static void seqlock_reader(void)
{
	uint64_t copy[WORDS];
	uint32_t sequence;

	if (seqlock_try_read(&lock, words, copy, WORDS, &sequence) < 0) {
		gave_up = true;
		return;
	}
	model_assert(copy[0] == copy[1], "torn: words of two publications");
	model_assert(copy[0] * 2 == sequence, "words of another publication than the number's");
	versions_seen |= 1U << copy[0];
}

static void seqlock_reader_twice(void)
{
	uint64_t copy[WORDS];
	uint32_t first, second;

	if (seqlock_try_read(&lock, words, copy, WORDS, &first) == 0 &&
	    seqlock_try_read(&lock, words, copy, WORDS, &second) == 0)
		model_assert(first <= second, "time goes back");
}

static const struct model_test SEQLOCK = { "sequence lock", { seqlock_writer, seqlock_reader }, NULL, NULL };
static const struct model_test SEQLOCK_TWICE = {
	"sequence lock, read twice", { seqlock_writer_once, seqlock_reader_twice }, NULL, NULL
};

/* --- sleeping and waking --------------------------------------------------------------------------------- */

#define LAST 2

/* As shared_page_publish: first the words, then the wake. */
static void publisher(void)
{
	const uint64_t values[WORDS] = { LAST, LAST };

	seqlock_write(&lock, words, values, WORDS);
	model_futex_wake(&lock.sequence);
}

/* The other way round: somebody sleeps through it. */
static void publisher_too_early(void)
{
	const uint64_t values[WORDS] = { LAST, LAST };

	model_futex_wake(&lock.sequence);
	seqlock_write(&lock, words, values, WORDS);
}

/* As those who wait do: read, and sleep on the number of what was read. An odd number is not slept on: they try again. One more turn is
 * enough to see the end, or to sleep for ever. */
static void waiter(void)
{
	uint64_t copy[WORDS];
	uint32_t sequence;

	if (seqlock_try_read(&lock, words, copy, WORDS, &sequence) < 0)
		return;
	if (copy[0] != LAST)
		model_futex_wait(&lock.sequence, sequence);
}

static const struct model_test SLEEP = { "sleeping and waking", { publisher, waiter }, NULL, NULL };
static const struct model_test SLEEP_EARLY = {
	"sleeping and waking, the wake before the words", { publisher_too_early, waiter }, NULL, NULL
};

/* --- all of them ------------------------------------------------------------------------------------------ */

static unsigned int passed, failed;

static void report(const char *name, bool ok, const char *what, unsigned long long runs)
{
	printf("%-56s %s (%s, %llu runs)\n", name, ok ? "ok" : "FAILED", what, runs);
	if (ok)
		passed++;
	else
		failed++;
}

static void check_litmus(void)
{
	for (size_t i = 0; i < sizeof(LITMUS) / sizeof(LITMUS[0]); i++) {
		struct model_result r;

		witnessed = false;
		r = model_check(&LITMUS[i].test, 0);
		report(LITMUS[i].test.name, witnessed == LITMUS[i].allowed,
		       LITMUS[i].allowed ? "may be reordered" : "may not be reordered", r.runs);
	}
}

/* Sound as it is, and broken with any one of its orders taken away: each is needed, and the check can fail. */
static void check_and_weaken(const struct model_test *test, size_t orders)
{
	int lines[16];
	struct model_result r = model_check(test, 0);
	size_t n = model_ordered_lines(lines, 16);

	report(test->name, !r.broken, r.broken ? r.what : "sound", r.runs);
	if (n != orders)
		report(test->name, false, "not the expected number of ordered operations", 0);
	for (size_t i = 0; i < n; i++) {
		char name[80];

		(void)snprintf(name, sizeof(name), "%s without the order of line %d", test->name, lines[i]);
		r = model_check(test, lines[i]);
		report(name, r.broken, r.broken ? r.what : "nothing noticed", r.runs);
	}
}

int main(void)
{
	struct model_result r;

	check_litmus();
	check_and_weaken(&SEQLOCK, 4);
	report("readers see every version, and nothing while it changes",
	       versions_seen == ((1U << (WRITES + 1)) - 1) && gave_up, "in some run", 0);
	r = model_check(&SEQLOCK_TWICE, 0);
	report(SEQLOCK_TWICE.name, !r.broken, r.broken ? r.what : "sound", r.runs);
	r = model_check(&SLEEP, 0);
	report(SLEEP.name, !r.broken, r.broken ? r.what : "sound", r.runs);
	r = model_check(&SLEEP_EARLY, 0);
	report(SLEEP_EARLY.name, r.broken, r.broken ? r.what : "nothing noticed", r.runs);
	printf("litmus: %u passed, %u failed\n", passed, failed);
	return failed > 0;
}
