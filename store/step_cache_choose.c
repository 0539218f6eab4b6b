/* SPDX-License-Identifier: Apache-2.0 */
/* Which records go first. A step counts as used when anything was that is made on it, so that by that time, and among equals by how many steps are below, no
 * step stands before what is made on it. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "store/step_cache.h"

#define NONE SIZE_MAX

struct candidate {
	size_t item;   /* index in the caller's list */
	size_t before; /* index in the list by keys; NONE */
	size_t depth;  /* steps below it */
	int64_t used_s;
};

static const struct step_record *record_of(const struct step_record *items, const struct candidate *c)
{
	return &items[c->item];
}

static int by_key(const void *a, const void *b, void *arg)
{
	return strcmp(record_of(arg, a)->key.text, record_of(arg, b)->key.text);
}

static int by_layer(const void *a, const void *b, void *arg)
{
	const struct step_record *items = arg;
	const char *x = items[*(const size_t *)a].layer, *y = items[*(const size_t *)b].layer;

	return strcmp(x ? x : "", y ? y : "");
}

static int deepest_first(const void *a, const void *b)
{
	size_t x = ((const struct candidate *)a)->depth, y = ((const struct candidate *)b)->depth;

	return (x < y) - (x > y);
}

static int first_to_go(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->used_s != y->used_s)
		return x->used_s < y->used_s ? -1 : 1;
	return deepest_first(a, b);
}

static size_t find(const struct step_record *items, const struct candidate *sorted, size_t len,
		   const struct digest *key)
{
	size_t low = 0, high = len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(record_of(items, &sorted[middle])->key.text, key->text);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NONE;
}

/* Records are hashes of what is before them, so there is no circle, but in files that somebody has made up: then it is cut. */
static void measure_depth(struct candidate *sorted, size_t len, size_t *path)
{
	for (size_t i = 0; i < len; i++) {
		size_t n = 0, at = i;

		while (at != NONE && sorted[at].depth == NONE && n < len) {
			sorted[at].depth = NONE - 1; /* on the way */
			path[n++] = at;
			at = sorted[at].before;
		}
		if (at != NONE && sorted[at].depth == NONE - 1)
			at = sorted[path[n - 1]].before = NONE;
		for (size_t depth = at == NONE ? 0 : sorted[at].depth + 1; n > 0; depth++)
			sorted[path[--n]].depth = depth;
	}
}

/* Deepest first: whoever is made on others tells them when it was used. */
static void hand_down_use(struct candidate *sorted, const struct candidate *order, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const struct candidate *c = &sorted[order[i].before]; /* its place by key */
		size_t before = c->before;

		if (before != NONE && sorted[before].used_s < c->used_s)
			sorted[before].used_s = c->used_s;
	}
}

/* How many records have each record's layer: holders[i] is the first of them by the layer, which counts for all. */
static uint64_t count_holders(const struct step_record *items, size_t len, size_t *sorted, size_t *first,
			      size_t *holders)
{
	uint64_t total = 0;

	for (size_t i = 0; i < len; i++)
		sorted[i] = i;
	qsort_r(sorted, len, sizeof(*sorted), by_layer, (void *)(uintptr_t)items);
	for (size_t i = 0; i < len; i++) {
		bool same = i > 0 && items[sorted[i]].layer &&
			    by_layer(&sorted[i - 1], &sorted[i], (void *)(uintptr_t)items) == 0;

		first[sorted[i]] = same ? first[sorted[i - 1]] : sorted[i];
		holders[first[sorted[i]]]++;
		if (!same && items[sorted[i]].layer)
			total += items[sorted[i]].size_bytes;
	}
	return total;
}

struct work {
	struct candidate *sorted, *order;
	size_t *numbers, *first, *holders;
};

static void work_done(struct work *w)
{
	free(w->sorted);
	free(w->order);
	free(w->numbers);
	free(w->first);
	free(w->holders);
}
#define cleanup_work __attribute__((cleanup(work_done)))

static bool work_begin(struct work *w, size_t len)
{
	w->sorted = calloc(len + 1, sizeof(*w->sorted));
	w->order = calloc(len + 1, sizeof(*w->order));
	w->numbers = calloc(len + 1, sizeof(*w->numbers));
	w->first = calloc(len + 1, sizeof(*w->first));
	w->holders = calloc(len + 1, sizeof(*w->holders));
	return w->sorted && w->order && w->numbers && w->first && w->holders;
}

static void put_in_order(const struct step_record *items, size_t len, struct work *w)
{
	for (size_t i = 0; i < len; i++)
		w->sorted[i] = (struct candidate){ .item = i, .depth = NONE, .used_s = items[i].used_s };
	qsort_r(w->sorted, len, sizeof(*w->sorted), by_key, (void *)(uintptr_t)items);
	for (size_t i = 0; i < len; i++) {
		const struct digest *before = &record_of(items, &w->sorted[i])->before;

		w->sorted[i].before = digest_is_set(before) ? find(items, w->sorted, len, before) : NONE;
	}
	measure_depth(w->sorted, len, w->numbers);
	for (size_t i = 0; i < len; i++)
		w->order[i] = (struct candidate){ .before = i, .depth = w->sorted[i].depth };
	qsort(w->order, len, sizeof(*w->order), deepest_first);
	hand_down_use(w->sorted, w->order, len);
	memcpy(w->order, w->sorted, len * sizeof(*w->order));
	qsort(w->order, len, sizeof(*w->order), first_to_go);
}

int step_cache_choose(const struct step_record *items, size_t len, uint64_t max_bytes, int64_t since_s,
		      bool *drop, struct err *e)
{
	cleanup_work struct work w = { 0 };
	uint64_t total;

	if (!work_begin(&w, len))
		return err_code(e, -ENOMEM, "cannot sort the steps of builds");
	put_in_order(items, len, &w);
	total = count_holders(items, len, w.numbers, w.first, w.holders);
	memset(drop, 0, len * sizeof(*drop));
	for (size_t i = 0; i < len; i++) {
		const struct candidate *c = &w.order[i];
		const struct step_record *r = record_of(items, c);

		if (total <= max_bytes && c->used_s >= since_s)
			break; /* whoever follows was used later */
		drop[c->item] = true;
		if (--w.holders[w.first[c->item]] == 0 && r->layer)
			total -= items[w.first[c->item]].size_bytes;
	}
	return 0;
}
