/* SPDX-License-Identifier: Apache-2.0 */
#include "store/build_cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "common/cleanup.h"
#include "store/internal.h"
#include "store/layer.h"

#define ROUNDS_MAX 3 /* of freeing space: what a layer takes up on disk is known better when it has gone */

/* --- policies ------------------------------------------------------------------------------------------- */

struct build_cache_policy build_cache_policy_for(uint64_t file_system_bytes)
{
	struct build_cache_policy p = { .max_bytes = file_system_bytes / 100 * BUILD_CACHE_PERCENT,
					.min_free_bytes = file_system_bytes / 100 * BUILD_CACHE_FREE_PERCENT,
					.unused_since_s = INT64_MAX };

	if (p.max_bytes < BUILD_CACHE_MIN_BYTES)
		p.max_bytes = BUILD_CACHE_MIN_BYTES;
	if (p.max_bytes > BUILD_CACHE_MAX_BYTES)
		p.max_bytes = BUILD_CACHE_MAX_BYTES;
	return p;
}

static int look_at_disk(const struct store *s, struct statvfs *ret, struct err *e)
{
	if (fstatvfs(s->root_fd, ret) < 0)
		return err_errno(e, "cannot tell how much space '%s' has", s->root);
	return 0;
}

int build_cache_policy_default(const struct store *s, struct build_cache_policy *ret, struct err *e)
{
	struct statvfs st;
	int r = look_at_disk(s, &st, e);

	if (r == 0)
		*ret = build_cache_policy_for((uint64_t)st.f_blocks * st.f_frsize);
	return r;
}

/* How many bytes too few are free. */
static int find_deficit(const struct store *s, uint64_t min_free_bytes, uint64_t *ret, struct err *e)
{
	struct statvfs st;
	uint64_t available;
	int r = min_free_bytes > 0 ? look_at_disk(s, &st, e) : 0;

	if (r < 0)
		return r;
	available = min_free_bytes > 0 ? (uint64_t)st.f_bavail * st.f_frsize : 0;
	*ret = available < min_free_bytes ? min_free_bytes - available : 0;
	return 0;
}

/* --- which records may go --------------------------------------------------------------------------------- */

enum hold {
	HOLD_NOT,
	HOLD_SHARED, /* an image or a container has the layer, or that of a step which follows without another layer in between */
	HOLD_USED, /* it, or a step that follows, was used not long ago */
};

struct survey {
	struct step_record *items; /* owned; size_bytes is 0 where the layer is not the cache's alone */
	size_t len;
	enum hold *hold;
	size_t *by_key; /* indices of items */
};

static void survey_done(struct survey *v)
{
	step_cache_list_free(v->items, v->len);
	free(v->hold);
	free(v->by_key);
	*v = (struct survey){ 0 };
}
#define cleanup_survey __attribute__((cleanup(survey_done)))

static int compare_keys(const void *a, const void *b, void *items)
{
	const struct step_record *records = items;

	return strcmp(records[*(const size_t *)a].key.text, records[*(const size_t *)b].key.text);
}

static struct step_record *step_before(const struct survey *v, size_t index)
{
	size_t low = 0, high = v->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(v->items[v->by_key[middle]].key.text, v->items[index].before.text);

		if (order == 0)
			return &v->items[v->by_key[middle]];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Down from a step that is held. Each is met once for each kind of hold, so that circles, which only made-up files have, end too. */
static void hold_below(const struct survey *v, size_t index, enum hold hold)
{
	const struct step_record *before;

	while ((before = step_before(v, index))) {
		index = (size_t)(before - v->items);
		if (v->hold[index] >= hold || (hold == HOLD_SHARED && before->layer))
			return;
		v->hold[index] = hold;
	}
}

static void hold_items(const struct survey *v, enum hold hold)
{
	for (size_t i = 0; i < v->len; i++)
		if (v->hold[i] == hold)
			hold_below(v, i, hold);
}

/* `used`: what images and containers have. */
static void judge(const struct store *s, const struct survey *v, const struct strvec *used,
		  const struct build_cache_policy *p)
{
	for (size_t i = 0; i < v->len; i++) {
		struct step_record *r = &v->items[i];
		bool is_shared = r->layer && store_uses(used, r->layer);

		/* One that is gone, or in an additional store, is not ours to count. */
		if (is_shared || !r->layer || !store_has(s, "layers", r->layer))
			r->size_bytes = 0;
		if (is_shared && !p->all)
			v->hold[i] = HOLD_SHARED;
	}
	hold_items(v, HOLD_SHARED);
	for (size_t i = 0; i < v->len; i++)
		if (p->unused_since_s != INT64_MAX && v->items[i].used_s >= p->unused_since_s)
			v->hold[i] = HOLD_USED;
	hold_items(v, HOLD_USED);
}

static int survey(const struct store *s, const struct strvec *used, const struct build_cache_policy *p,
		  struct survey *v, struct err *e)
{
	int r = step_cache_list(s, &v->items, &v->len, e);

	if (r < 0)
		return r;
	v->hold = calloc(v->len + 1, sizeof(*v->hold));
	v->by_key = calloc(v->len + 1, sizeof(*v->by_key));
	if (!v->hold || !v->by_key)
		return err_code(e, -ENOMEM, "cannot sort the steps of builds");
	for (size_t i = 0; i < v->len; i++)
		v->by_key[i] = i;
	if (v->len > 1)
		qsort_r(v->by_key, v->len, sizeof(*v->by_key), compare_keys, v->items);
	judge(s, v, used, p);
	return 0;
}

/* --- sums ------------------------------------------------------------------------------------------------- */

struct layer_size {
	const char *layer;
	uint64_t bytes;
};

static int compare_layers(const void *a, const void *b)
{
	return strcmp(((const struct layer_size *)a)->layer, ((const struct layer_size *)b)->layer);
}

/* Of the layers of those that are not left out, each once. */
static int sum_layers(const struct step_record *items, size_t len, const bool *left_out, uint64_t *ret,
		      struct err *e)
{
	cleanup_free struct layer_size *sizes = calloc(len + 1, sizeof(*sizes));
	size_t n = 0;

	if (!sizes)
		return err_code(e, -ENOMEM, "cannot sum up the cache of builds");
	for (size_t i = 0; i < len; i++)
		if (items[i].layer && !(left_out && left_out[i]))
			sizes[n++] = (struct layer_size){ items[i].layer, items[i].size_bytes };
	if (n > 1)
		qsort(sizes, n, sizeof(*sizes), compare_layers);
	*ret = 0;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(sizes[i - 1].layer, sizes[i].layer) != 0)
			*ret += sizes[i].bytes;
	return 0;
}

/* --- dropping them ------------------------------------------------------------------------------------------ */

struct trim {
	const struct build_cache_policy *policy;
	uint64_t deficit;    /* bytes that have to become free */
	bool has_more;       /* there is what could go still */
	uint64_t left_bytes; /* of layers that only the cache has */
	struct strvec *dropped;
};

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Until when all must go so that there are not too many; INT64_MIN: there are not. */
static int find_since(const struct step_record *items, size_t len, int64_t *ret, struct err *e)
{
	cleanup_free int64_t *times = NULL;

	*ret = INT64_MIN;
	if (len <= STEP_RECORDS_MAX)
		return 0;
	times = calloc(len, sizeof(*times));
	if (!times)
		return err_code(e, -ENOMEM, "cannot sort the steps of builds");
	for (size_t i = 0; i < len; i++)
		times[i] = items[i].used_s;
	qsort(times, len, sizeof(*times), compare_times);
	*ret = times[len - STEP_RECORDS_MAX] + 1;
	return 0;
}

static uint64_t at_least_0(uint64_t from, uint64_t take)
{
	return from > take ? from - take : 0;
}

/* Which of those that may go do. `limit`: bytes of all that may stay. */
static int choose(const struct step_record *items, size_t len, uint64_t limit, bool *drop, struct err *e)
{
	int64_t since = INT64_MAX;
	int r = limit > 0 ? find_since(items, len, &since, e) : 0;

	return r < 0 ? r : step_cache_choose(items, len, limit, since, drop, e);
}

/* Those that may go first. Returns how many they are. They stay the survey's. */
static size_t list_free(const struct survey *v, struct step_record *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < v->len; i++)
		if (v->hold[i] == HOLD_NOT)
			ret[n++] = v->items[i];
	return n;
}

static int remove_records(const struct store *s, const struct step_record *items, size_t len,
			  const bool *drop, struct strvec *dropped, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++) {
		if (!drop[i])
			continue;
		r = step_cache_remove(s, &items[i].key, e);
		if (r == 0 && dropped && strvec_add(dropped, digest_hex(&items[i].key)) < 0)
			r = err_code(e, -ENOMEM, "cannot list what was removed");
	}
	return r;
}

/* A store_gc_choose_fn. */
static int drop_steps(const struct store *s, const struct strvec *used, void *arg, struct err *e)
{
	struct trim *t = arg;
	cleanup_survey struct survey v = { 0 };
	cleanup_free struct step_record *items = NULL;
	cleanup_free bool *drop = NULL;
	uint64_t total = 0, loose = 0, limit, held;
	size_t len;
	int r = survey(s, used, t->policy, &v, e);

	if (r == 0)
		r = sum_layers(v.items, v.len, NULL, &total, e);
	if (r < 0)
		return r;
	items = calloc(v.len + 1, sizeof(*items));
	drop = calloc(v.len + 1, sizeof(*drop));
	if (!items || !drop)
		return err_code(e, -ENOMEM, "cannot sort the steps of builds");
	len = list_free(&v, items);
	r = sum_layers(items, len, NULL, &loose, e);
	if (r < 0)
		return r;
	held = total - loose;
	limit = at_least_0(t->policy->max_bytes, held);
	if (t->deficit > 0 && limit > at_least_0(loose, t->deficit))
		limit = at_least_0(loose, t->deficit);
	r = choose(items, len, limit, drop, e);
	if (r == 0)
		r = remove_records(s, items, len, drop, t->dropped, e);
	if (r == 0)
		r = sum_layers(items, len, drop, &loose, e);
	t->has_more = loose > 0;
	t->left_bytes = held + loose;
	return r;
}

static int drop_mounts(const struct store *s, struct trim *t, uint64_t *freed_bytes, struct err *e)
{
	const struct build_cache_policy *p = t->policy;
	struct cache_mount_info *items = NULL;
	uint64_t left = t->left_bytes, deficit = 0;
	size_t len = 0;
	int r = cache_mount_list(s, true, &items, &len, e);

	for (size_t i = 0; i < len; i++)
		left += items[i].size_bytes;
	for (size_t i = 0; i < len && r == 0; i++) {
		r = find_deficit(s, p->min_free_bytes, &deficit, e);
		if (r < 0 || (p->max_bytes > 0 && left <= p->max_bytes && deficit == 0) ||
		    items[i].used_s >= p->unused_since_s)
			break;
		r = cache_mount_remove(s, items[i].name, e);
		if (r == 0) {
			left = at_least_0(left, items[i].size_bytes);
			*freed_bytes += items[i].size_bytes;
			if (t->dropped && strvec_add(t->dropped, items[i].name) < 0)
				r = err_code(e, -ENOMEM, "cannot list what was removed");
		} else if (r == -EBUSY) {
			r = 0;
		}
	}
	cache_mount_list_free(items, len);
	return r;
}

/* By the records alone, as if no layer was shared: is there nothing to be done? */
static int is_kept(const struct store *s, const struct build_cache_policy *p, bool *ret, struct err *e)
{
	struct step_record *items = NULL;
	uint64_t total = 0, deficit = 0;
	size_t len = 0;
	int r = 0;

	*ret = false;
	if (p->max_bytes == 0 || p->mounts)
		return 0;
	r = find_deficit(s, p->min_free_bytes, &deficit, e);
	if (r < 0 || deficit > 0)
		return r;
	r = step_cache_list(s, &items, &len, e);
	if (r == 0)
		r = sum_layers(items, len, NULL, &total, e);
	*ret = r == 0 && total <= p->max_bytes && len <= STEP_RECORDS_MAX;
	step_cache_list_free(items, len);
	return r;
}

/* What is garbage already may be enough, so that only the second round looks at what is free. */
static int drop_in_rounds(const struct store *s, struct trim *t, uint64_t *freed_bytes, bool *ret_done,
			  struct err *e)
{
	int r = 0;

	*ret_done = true;
	for (int round = 0; r == 0 && *ret_done && round < ROUNDS_MAX; round++) {
		uint64_t freed = 0;

		if (round > 0)
			r = find_deficit(s, t->policy->min_free_bytes, &t->deficit, e);
		if (r < 0 || (round > 0 && (t->deficit == 0 || !t->has_more)))
			break;
		r = store_gc_choosing(s, t->policy->wait, drop_steps, t, ret_done, &freed, e);
		*freed_bytes += freed;
	}
	return r;
}

int build_cache_trim(const struct store *s, const struct build_cache_policy *policy, struct strvec *dropped,
		     uint64_t *freed_bytes, struct err *e)
{
	struct trim t = { .policy = policy, .dropped = dropped };
	bool is_done = false;
	int r = is_kept(s, policy, &is_done, e);

	if (r == 0 && !is_done) {
		r = drop_in_rounds(s, &t, freed_bytes, &is_done, e);
		if (r == 0 && is_done && policy->mounts)
			r = drop_mounts(s, &t, freed_bytes, e);
	}
	return r < 0 ? err_wrap(e, "cannot trim the cache of builds") : 0;
}
