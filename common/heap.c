/* SPDX-License-Identifier: Apache-2.0 */
#include "common/heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT   16
#define ARENA_BYTES ((size_t)256 << 10)
#define FINE_STEPS  8 /* classes of 16, 32, ... 128 bytes; then four to each doubling */
#define CLASSES     (FINE_STEPS + 4 * 8)
#define IN_USE      0x75736564u
#define FREE        0x66726565u

/* In front of each block. */
struct head {
	size_t size_bytes; /* what the block holds */
	uint32_t class;    /* CLASSES: it is a mapping of its own */
	uint32_t state;
};

struct free_block {
	struct head head;
	struct free_block *next;
};

/* A program has one heap. */
static struct {
	char *at, *end; /* what was never given out: all zero */
	struct free_block *free[CLASSES];
} heap;
static _Alignas(ALIGNMENT) char first[HEAP_FIRST_BYTES];

_Static_assert(sizeof(struct head) == ALIGNMENT, "what follows it must be aligned");

static uint32_t class_of(size_t size)
{
	unsigned int doubling;

	if (size <= (size_t)FINE_STEPS * ALIGNMENT)
		return size ? (uint32_t)((size - 1) / ALIGNMENT) : 0;
	/* 129 to 160 are the first of the four from 128 to 256 */
	doubling = 63 - (unsigned int)__builtin_clzll(size - 1);
	return FINE_STEPS + 4 * (doubling - 7) + (uint32_t)((size - 1) >> (doubling - 2) & 3);
}

static size_t class_size(uint32_t class)
{
	uint32_t coarse = class - FINE_STEPS;

	return class < FINE_STEPS ? (class + 1) * (size_t)ALIGNMENT
				  : (size_t)(5 + coarse % 4) << (5 + coarse / 4);
}

static void *mapped(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* What is left of the arena before is lost: less than the largest block. */
static bool find_room(size_t len)
{
	if (!heap.at) {
		heap.at = first;
		heap.end = first + sizeof(first);
	}
	if ((size_t)(heap.end - heap.at) >= len)
		return true;
	heap.at = mapped(ARENA_BYTES);
	heap.end = heap.at ? heap.at + ARENA_BYTES : NULL;
	return heap.at;
}

static void *alloc_mapping(size_t size)
{
	struct head *h = size > PTRDIFF_MAX - sizeof(*h) ? NULL : mapped(size + sizeof(*h));

	if (!h) {
		errno = ENOMEM;
		return NULL;
	}
	*h = (struct head){ .size_bytes = size, .class = CLASSES, .state = IN_USE };
	return h + 1;
}

static void *alloc(size_t size, bool *ret_zeroed)
{
	uint32_t class = class_of(size);
	struct free_block *reused;
	struct head *h;

	*ret_zeroed = true;
	if (size > HEAP_LARGEST_BYTES)
		return alloc_mapping(size);
	reused = heap.free[class];
	if (reused) {
		heap.free[class] = reused->next;
		reused->head.state = IN_USE;
		*ret_zeroed = false;
		return &reused->head + 1;
	}
	if (!find_room(sizeof(*h) + class_size(class))) {
		errno = ENOMEM;
		return NULL;
	}
	h = (struct head *)(void *)heap.at;
	*h = (struct head){ .size_bytes = class_size(class), .class = class, .state = IN_USE };
	heap.at += sizeof(*h) + h->size_bytes;
	return h + 1;
}

static struct head *head_of(void *p)
{
	struct head *h = (struct head *)p - 1;

	if (h->state != IN_USE || h->class > CLASSES)
		abort();
	return h;
}

void *heap_alloc(size_t size_bytes)
{
	bool zeroed;

	return alloc(size_bytes, &zeroed);
}

void *heap_alloc_zeroed(size_t count, size_t size_bytes)
{
	bool zeroed;
	size_t all;
	void *p;

	if (__builtin_mul_overflow(count, size_bytes, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	p = alloc(all, &zeroed);
	if (p && !zeroed)
		memset(p, 0, all);
	return p;
}

void heap_free(void *p)
{
	struct free_block *b;
	struct head *h;

	if (!p)
		return;
	h = head_of(p);
	if (h->class == CLASSES) {
		int saved = errno;

		(void)munmap(h, h->size_bytes + sizeof(*h)); /* as it was mapped */
		errno = saved;
		return;
	}
	b = (struct free_block *)(void *)h;
	b->head.state = FREE;
	b->next = heap.free[h->class];
	heap.free[h->class] = b;
}

/* The newest block is at the end of what was given out. */
static bool grow_in_place(struct head *h, size_t size)
{
	char *end = (char *)(h + 1) + h->size_bytes;
	size_t more;

	if (size > HEAP_LARGEST_BYTES || end != heap.at)
		return false;
	more = class_size(class_of(size)) - h->size_bytes;
	if ((size_t)(heap.end - heap.at) < more)
		return false;
	h->size_bytes += more;
	h->class = class_of(size);
	heap.at += more;
	return true;
}

void *heap_resize(void *p, size_t size_bytes)
{
	struct head *h = p ? head_of(p) : NULL;
	void *other;

	if (h && (size_bytes <= h->size_bytes || grow_in_place(h, size_bytes)))
		return p;
	other = heap_alloc(size_bytes);
	if (!other || !h)
		return other;
	memcpy(other, p, h->size_bytes);
	heap_free(p);
	return other;
}

#ifdef SAMPAN_STATIC

void *malloc(size_t size)
{
	return heap_alloc(size);
}

void *calloc(size_t count, size_t size)
{
	return heap_alloc_zeroed(count, size);
}

void *realloc(void *p, size_t size)
{
	return heap_resize(p, size);
}

void free(void *p)
{
	heap_free(p);
}

#endif
