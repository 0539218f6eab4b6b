/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/litmus.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/seqlock.h"

/* Each round has locations of its own, a cache line each, so that a batch of rounds needs one meeting of the two processes before
 * it, and what one does in it is in flight while the other does his. */
#define BATCH      512
#define LINE_BYTES 64

struct line {
	_Alignas(LINE_BYTES) _Atomic uint64_t value;
};

struct arena {
	struct line x[BATCH], y[BATCH];
	uint64_t left[2][BATCH], right[2][BATCH]; /* what they have read */
	_Alignas(LINE_BYTES) _Atomic uint64_t
		turn[2]; /* of left and right: the batch that they are ready for */
	_Alignas(LINE_BYTES) _Atomic uint64_t done[2];
	_Alignas(LINE_BYTES) _Atomic bool stop;
	_Alignas(LINE_BYTES) struct seqlock lock;
	_Alignas(LINE_BYTES) _Atomic uint64_t words[8];
};

struct test {
	const char *name;
	bool forbidden;
	void (*left)(struct arena *a, size_t i);
	void (*right)(struct arena *a, size_t i);
	bool (*seen)(const struct arena *a, size_t i);
};

#define LOAD(p, order)     atomic_load_explicit(&(p)->value, memory_order_##order)
#define STORE(p, v, order) atomic_store_explicit(&(p)->value, (v), memory_order_##order)

/* --- message passing ------------------------------------------------------------------------------------- */

static void mp_send(struct arena *a, size_t i)
{
	STORE(&a->x[i], 1, relaxed);
	STORE(&a->y[i], 1, release);
}

static void mp_receive(struct arena *a, size_t i)
{
	a->right[0][i] = LOAD(&a->y[i], acquire);
	a->right[1][i] = LOAD(&a->x[i], relaxed);
}

static void mp_send_relaxed(struct arena *a, size_t i)
{
	STORE(&a->x[i], 1, relaxed);
	STORE(&a->y[i], 1, relaxed);
}

static void mp_receive_relaxed(struct arena *a, size_t i)
{
	a->right[0][i] = LOAD(&a->y[i], relaxed);
	a->right[1][i] = LOAD(&a->x[i], relaxed);
}

static bool mp_seen(const struct arena *a, size_t i)
{
	return a->right[0][i] == 1 && a->right[1][i] == 0;
}

/* --- store buffering -------------------------------------------------------------------------------------- */

static void sb_left(struct arena *a, size_t i)
{
	STORE(&a->x[i], 1, relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	a->left[0][i] = LOAD(&a->y[i], relaxed);
}

static void sb_right(struct arena *a, size_t i)
{
	STORE(&a->y[i], 1, relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	a->right[0][i] = LOAD(&a->x[i], relaxed);
}

static void sb_left_relaxed(struct arena *a, size_t i)
{
	STORE(&a->x[i], 1, relaxed);
	a->left[0][i] = LOAD(&a->y[i], relaxed);
}

static void sb_right_relaxed(struct arena *a, size_t i)
{
	STORE(&a->y[i], 1, relaxed);
	a->right[0][i] = LOAD(&a->x[i], relaxed);
}

static bool sb_seen(const struct arena *a, size_t i)
{
	return a->left[0][i] == 0 && a->right[0][i] == 0;
}

/* --- load buffering --------------------------------------------------------------------------------------- */

static void lb_left(struct arena *a, size_t i)
{
	a->left[0][i] = LOAD(&a->x[i], acquire);
	STORE(&a->y[i], 1, release);
}

static void lb_right(struct arena *a, size_t i)
{
	a->right[0][i] = LOAD(&a->y[i], acquire);
	STORE(&a->x[i], 1, release);
}

static bool lb_seen(const struct arena *a, size_t i)
{
	return a->left[0][i] == 1 && a->right[0][i] == 1;
}

static void lb_left_relaxed(struct arena *a, size_t i)
{
	a->left[0][i] = LOAD(&a->x[i], relaxed);
	STORE(&a->y[i], 1, relaxed);
}

static void lb_right_relaxed(struct arena *a, size_t i)
{
	a->right[0][i] = LOAD(&a->y[i], relaxed);
	STORE(&a->x[i], 1, relaxed);
}

/* --- coherence ---------------------------------------------------------------------------------------------- */

static void co_write(struct arena *a, size_t i)
{
	STORE(&a->x[i], 1, relaxed);
	STORE(&a->x[i], 2, relaxed);
}

static void co_read(struct arena *a, size_t i)
{
	a->right[0][i] = LOAD(&a->x[i], relaxed);
	a->right[1][i] = LOAD(&a->x[i], relaxed);
}

static bool co_seen(const struct arena *a, size_t i)
{
	return a->right[0][i] > a->right[1][i];
}

/* --- sequence lock ------------------------------------------------------------------------------------------ */

static void seqlock_left(struct arena *a, size_t i)
{
	uint64_t words[ARRAY_LEN(a->words)];

	for (size_t k = 0; k < ARRAY_LEN(words); k++)
		words[k] = i;
	seqlock_write(&a->lock, a->words, words, ARRAY_LEN(words));
}

static void seqlock_right(struct arena *a, size_t i)
{
	uint64_t words[ARRAY_LEN(a->words)];
	uint32_t sequence;
	bool whole = seqlock_try_read(&a->lock, a->words, words, ARRAY_LEN(words), &sequence) == 0;

	a->right[0][i] = 0;
	for (size_t k = 1; whole && k < ARRAY_LEN(words); k++)
		a->right[0][i] |= words[k] != words[0];
}

static bool seqlock_seen(const struct arena *a, size_t i)
{
	return a->right[0][i] != 0;
}

static const struct test TESTS[LITMUS_TESTS] = {
	{ "message passing", true, mp_send, mp_receive, mp_seen },
	{ "store buffering", true, sb_left, sb_right, sb_seen },
	{ "load buffering", true, lb_left, lb_right, lb_seen },
	{ "coherence", true, co_write, co_read, co_seen },
	{ "sequence lock", true, seqlock_left, seqlock_right, seqlock_seen },
	{ "message passing without barriers", false, mp_send_relaxed, mp_receive_relaxed, mp_seen },
	{ "store buffering without barriers", false, sb_left_relaxed, sb_right_relaxed, sb_seen },
	{ "load buffering without barriers", false, lb_left_relaxed, lb_right_relaxed, lb_seen },
};

/* --- two processes ------------------------------------------------------------------------------------------ */

/* To the n-th of these cores. False: there are not so many. */
static bool pin_to(const cpu_set_t *allowed, unsigned int n)
{
	cpu_set_t one;

	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, allowed) || n-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		return sched_setaffinity(0, sizeof(one), &one) == 0;
	}
	return false;
}

static void wait_until(const _Atomic uint64_t *flag, uint64_t value, const _Atomic bool *stop)
{
	/* Sequentially consistent, as are all meetings: it is not them that are tested. */
	for (unsigned int spins = 1; atomic_load(flag) < value && !atomic_load(stop); spins++)
		if (spins % 4096 == 0)
			(void)sched_yield(); /* both may have one core */
}

/* The other process: batch after batch, until it is stopped. */
static void run_right(const struct test *t, struct arena *a)
{
	for (uint64_t batch = 1; !atomic_load(&a->stop); batch++) {
		atomic_store(&a->turn[1], batch);
		wait_until(&a->turn[0], batch, &a->stop);
		for (size_t i = 0; i < BATCH; i++)
			t->right(a, i);
		atomic_store(&a->done[1], batch);
	}
}

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void clear(struct arena *a)
{
	for (size_t i = 0; i < BATCH; i++) {
		STORE(&a->x[i], 0, relaxed);
		STORE(&a->y[i], 0, relaxed);
	}
}

static void run_left(const struct test *t, struct arena *a, unsigned int ms, struct litmus_result *ret)
{
	uint64_t end = now_us() + (uint64_t)ms * 1000;

	for (uint64_t batch = 1; now_us() < end; batch++) {
		wait_until(&a->turn[1], batch, &a->stop);
		clear(a);
		atomic_store(&a->turn[0], batch);
		for (size_t i = 0; i < BATCH; i++)
			t->left(a, i);
		wait_until(&a->done[1], batch, &a->stop);
		for (size_t i = 0; i < BATCH; i++)
			ret->seen += t->seen(a, i);
		ret->rounds += BATCH;
	}
	atomic_store(&a->stop, true);
}

static int run_test(const struct test *t, struct arena *a, const cpu_set_t *cores, unsigned int ms,
		    struct litmus_result *ret, struct err *e)
{
	cleanup_fd int pidfd = -1;
	int status;
	pid_t pid;

	memset(a, 0, sizeof(*a));
	*ret = (struct litmus_result){ .name = t->name, .forbidden = t->forbidden };
	pid = process_clone(0, -1, &pidfd);
	if (pid == 0) {
		(void)pin_to(cores, 1); /* with one core alone it shares that */
		run_right(t, a);
		_exit(0);
	}
	if (pid < 0)
		return err_code(e, pid, "cannot start a process for a litmus test");
	run_left(t, a, ms, ret);
	return process_wait(pidfd, &status) < 0 || status != 0
		       ? err_set(e, -EIO, "a process of a litmus test ended with status %d", status)
		       : 0;
}

int litmus_run(unsigned int ms_each, struct litmus_result ret[LITMUS_TESTS], unsigned int *ret_cores,
	       struct err *e)
{
	struct arena *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cpu_set_t before;
	int r = 0;

	if (a == MAP_FAILED)
		return err_errno(e, "cannot get memory for litmus tests");
	if (sched_getaffinity(0, sizeof(before), &before) < 0) {
		(void)munmap(a, sizeof(*a));
		return err_errno(e, "cannot tell which cores there are");
	}
	*ret_cores = CPU_COUNT(&before) > 1 ? 2 : 1;
	(void)pin_to(&before, 0);
	for (size_t i = 0; i < LITMUS_TESTS && r == 0; i++)
		r = run_test(&TESTS[i], a, &before, ms_each, &ret[i], e);
	(void)sched_setaffinity(0, sizeof(before), &before); /* as it was, and allowed */
	(void)munmap(a, sizeof(*a));                         /* ours: cannot fail */
	return r;
}
