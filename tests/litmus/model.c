/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/litmus/model.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STORES_MAX  32 /* of a location, in one run */
#define CHOICES_MAX 256
#define STACK_BYTES 65536
#define LINES_MAX   64

/* For each location the index of a store: that one and later ones may be seen. */
struct view {
	unsigned char seen[MODEL_LOCATIONS_MAX];
};

struct store {
	uint64_t value;
	struct view carried;
};

struct location {
	const volatile void *address;
	struct store stores[STORES_MAX];
	unsigned int len;
};

enum state { READY, ASLEEP, ENDED };

struct thread {
	jmp_buf at; /* where it goes on */
	char stack[STACK_BYTES];
	enum state state;
	size_t sleeps_on;
	struct view now;      /* what it knows */
	struct view acquired; /* what an acquire fence would add to that */
	struct view released; /* what relaxed stores carry: what it knew at its last release fence */
};

/* Everything that one exploration is about. The coroutines' entry points take no argument, so there is one. */
static struct {
	const struct model_test *test;
	int weakened;
	struct location locations[MODEL_LOCATIONS_MAX];
	size_t locations_len;
	struct thread threads[MODEL_THREADS_MAX];
	size_t threads_len, current;
	struct view sequential; /* of sequentially consistent fences and of the kernel */
	jmp_buf scheduler;
	/* The path through the tree of choices: what was taken, and out of how many. */
	unsigned char taken[CHOICES_MAX], out_of[CHOICES_MAX];
	size_t depth, len;
	const char *broken;
	int lines[LINES_MAX];
	size_t lines_len;
} m;

/* --- choices -------------------------------------------------------------------------------------------- */

static unsigned int choose(unsigned int n)
{
	if (n == 1)
		return 0;
	if (m.depth == CHOICES_MAX)
		abort();
	if (m.depth == m.len) {
		m.taken[m.len] = 0;
		m.out_of[m.len++] = (unsigned char)n;
	}
	return m.taken[m.depth++];
}

/* The next path in order; false after the last one. */
static bool next_path(void)
{
	while (m.len > 0) {
		if (++m.taken[m.len - 1] < m.out_of[m.len - 1])
			return true;
		m.len--;
	}
	return false;
}

/* --- views ---------------------------------------------------------------------------------------------- */

static void join(struct view *into, const struct view *v)
{
	for (size_t i = 0; i < MODEL_LOCATIONS_MAX; i++)
		if (into->seen[i] < v->seen[i])
			into->seen[i] = v->seen[i];
}

static size_t find(const volatile void *address)
{
	for (size_t i = 0; i < m.locations_len; i++)
		if (m.locations[i].address == address)
			return i;
	if (m.locations_len == MODEL_LOCATIONS_MAX)
		abort();
	m.locations[m.locations_len] = (struct location){ .address = address, .len = 1 };
	return m.locations_len++;
}

static bool acquires(memory_order o)
{
	return o == memory_order_acquire || o == memory_order_acq_rel || o == memory_order_seq_cst;
}

static bool releases(memory_order o)
{
	return o == memory_order_release || o == memory_order_acq_rel || o == memory_order_seq_cst;
}

static memory_order order_of(memory_order order, int line)
{
	bool known = order == memory_order_relaxed;

	for (size_t i = 0; i < m.lines_len && !known; i++)
		known = m.lines[i] == line;
	if (!known && m.lines_len < LINES_MAX)
		m.lines[m.lines_len++] = line;
	return line == m.weakened ? memory_order_relaxed : order;
}

size_t model_ordered_lines(int *lines, size_t max)
{
	size_t n = m.lines_len < max ? m.lines_len : max;

	memcpy(lines, m.lines, n * sizeof(*lines));
	return n;
}

/* --- operations ----------------------------------------------------------------------------------------- */

/* Threads change places by _longjmp(3): swapcontext(3) makes two system calls each time. */
static void switch_to(jmp_buf from, jmp_buf to)
{
	if (_setjmp(from) == 0)
		_longjmp(to, 1);
}

/* Before each operation that others can see, or that sees others, another thread may have its turn. */
static struct thread *turn(void)
{
	switch_to(m.threads[m.current].at, m.scheduler);
	return &m.threads[m.current];
}

uint64_t model_load(const volatile void *address, memory_order order, int line)
{
	struct thread *t = turn();
	size_t at = find(address);
	const struct location *l = &m.locations[at];
	unsigned int oldest = t->now.seen[at];
	const struct store *s = &l->stores[oldest + choose(l->len - oldest)];

	t->now.seen[at] = (unsigned char)(s - l->stores);
	join(&t->acquired, &s->carried);
	if (acquires(order_of(order, line)))
		join(&t->now, &s->carried);
	return s->value;
}

void model_store(volatile void *address, uint64_t value, memory_order order, int line)
{
	struct thread *t = turn();
	size_t at = find(address);
	struct location *l = &m.locations[at];
	struct store *s;

	if (l->len == STORES_MAX)
		abort();
	s = &l->stores[l->len];
	t->now.seen[at] = (unsigned char)l->len++;
	*s = (struct store){ value, releases(order_of(order, line)) ? t->now : t->released };
	s->carried.seen[at] = t->now.seen[at];
}

static void full_barrier(struct thread *t)
{
	join(&t->now, &t->acquired);
	join(&t->now, &m.sequential);
	m.sequential = t->now;
	t->released = t->now;
}

void model_fence(memory_order order, int line)
{
	struct thread *t = &m.threads[m.current];

	order = order_of(order, line);
	if (order == memory_order_seq_cst) {
		full_barrier(turn());
		return;
	}
	if (acquires(order))
		join(&t->now, &t->acquired);
	if (releases(order))
		t->released = t->now;
}

void model_futex_wait(const volatile void *address, uint64_t expected)
{
	struct thread *t = turn();
	size_t at = find(address);
	const struct location *l = &m.locations[at];
	unsigned int oldest;

	full_barrier(t);
	/* The kernel's own load is as any: it may be given an old value, as far as the barrier allows one. */
	oldest = t->now.seen[at];
	if (l->stores[oldest + choose(l->len - oldest)].value != expected)
		return;
	t->state = ASLEEP;
	t->sleeps_on = at;
	(void)turn();
}

void model_futex_wake(const volatile void *address)
{
	struct thread *t = turn();
	size_t at = find(address);

	full_barrier(t);
	for (size_t i = 0; i < m.threads_len; i++)
		if (m.threads[i].state == ASLEEP && m.threads[i].sleeps_on == at)
			m.threads[i].state = READY;
}

void model_assert(bool condition, const char *what)
{
	if (!condition && !m.broken)
		m.broken = what;
}

/* --- runs ----------------------------------------------------------------------------------------------- */

static void entry(void)
{
	(void)turn();
	m.test->threads[m.current]();
	m.threads[m.current].state = ENDED;
	_longjmp(m.scheduler, 1);
}

/* To its first turn. */
static void enter(struct thread *t)
{
	ucontext_t context;

	(void)getcontext(&context);
	context.uc_stack.ss_sp = t->stack;
	context.uc_stack.ss_size = sizeof(t->stack);
	context.uc_link = NULL;
	makecontext(&context, entry, 0);
	if (_setjmp(m.scheduler) == 0)
		(void)setcontext(&context);
}

static void start_thread(size_t i)
{
	struct thread *t = &m.threads[i];

	t->state = READY;
	t->now = t->acquired = t->released = (struct view){ { 0 } };
	m.current = i;
	enter(t);
}

/* Gives turns until all have ended, or all sleep. */
static void run_once(void)
{
	size_t ready[MODEL_THREADS_MAX], n;

	m.depth = 0;
	m.locations_len = 0;
	m.sequential = (struct view){ { 0 } };
	if (m.test->at_start)
		m.test->at_start();
	for (size_t i = 0; i < m.threads_len; i++)
		start_thread(i);
	for (;;) {
		n = 0;
		for (size_t i = 0; i < m.threads_len; i++)
			if (m.threads[i].state == READY)
				ready[n++] = i;
		if (n == 0 || m.broken)
			break;
		m.current = ready[choose((unsigned int)n)];
		switch_to(m.scheduler, m.threads[m.current].at);
	}
	for (size_t i = 0; i < m.threads_len; i++)
		model_assert(m.threads[i].state != ASLEEP, "a thread sleeps for ever");
	if (m.test->at_end && !m.broken)
		m.test->at_end();
}

struct model_result model_check(const struct model_test *test, int weakened)
{
	struct model_result result = { 0 };

	m.test = test;
	m.weakened = weakened;
	m.broken = NULL;
	m.len = m.lines_len = 0;
	for (m.threads_len = 0; m.threads_len < MODEL_THREADS_MAX && test->threads[m.threads_len];)
		m.threads_len++;
	do {
		run_once();
		result.runs++;
	} while (!m.broken && next_path());
	result.broken = m.broken != NULL;
	result.what = m.broken;
	return result;
}
