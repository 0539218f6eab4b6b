/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "store/build_cache.h"

void build_cache_done(struct build_cache *c)
{
	for (size_t i = 0; i < c->steps_len; i++)
		step_record_done(&c->steps[i].record);
	free(c->steps);
	cache_mount_list_free(c->mounts, c->mounts_len);
	*c = (struct build_cache){ 0 };
}

static int by_use(const void *a, const void *b)
{
	const struct build_cache_step *x = a, *y = b;

	if (x->record.used_s != y->record.used_s)
		return x->record.used_s < y->record.used_s ? -1 : 1;
	return strcmp(x->record.key.text, y->record.key.text);
}

static int take_steps(const struct store *s, struct usage *u, struct build_cache *c, struct err *e)
{
	struct step_record *items = NULL;
	size_t len = 0;
	int r = step_cache_list(s, &items, &len, e);

	if (r < 0)
		return r;
	c->steps = calloc(len + 1, sizeof(*c->steps));
	for (size_t i = 0; c->steps && i < len; i++) {
		struct build_cache_step *step = &c->steps[c->steps_len++];
		struct usage_layer *layer = items[i].layer ? usage_find_layer(u, items[i].layer) : NULL;

		step->record = items[i];
		items[i] = (struct step_record){ 0 };
		if (!layer)
			continue; /* none, or not in this store */
		layer->in_cache = true;
		step->shared = layer->images > 0 || layer->in_container;
	}
	step_cache_list_free(items, len);
	if (!c->steps)
		return err_code(e, -ENOMEM, "cannot list the cache of builds");
	if (c->steps_len > 1)
		qsort(c->steps, c->steps_len, sizeof(*c->steps), by_use);
	return 0;
}

static void sum_up(const struct usage *u, struct build_cache *c)
{
	for (size_t i = 0; i < u->layers_len; i++) {
		if (usage_layer_is_cache(&u->layers[i]))
			c->private_bytes += u->layers[i].size_bytes;
		else if (u->layers[i].in_cache)
			c->shared_bytes += u->layers[i].size_bytes;
	}
	for (size_t i = 0; i < c->mounts_len; i++) {
		c->private_bytes += c->mounts[i].size_bytes;
		c->in_use_bytes += c->mounts[i].in_use ? c->mounts[i].size_bytes : 0;
	}
}

int build_cache_read(const struct store *s, struct usage *u, struct build_cache *ret, struct err *e)
{
	cleanup_build_cache struct build_cache c = { 0 };
	int r = take_steps(s, u, &c, e);

	if (r == 0)
		r = cache_mount_list(s, true, &c.mounts, &c.mounts_len, e);
	if (r < 0)
		return r;
	sum_up(u, &c);
	*ret = c;
	c = (struct build_cache){ 0 };
	return 0;
}
