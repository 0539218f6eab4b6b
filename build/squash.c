/* SPDX-License-Identifier: Apache-2.0 */
#include "build/squash.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/squash_merge.h"
#include "build/stoppable.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "store/layer.h"

#define STAGED "squash" /* in the build's staging */

/* Trees of layers, topmost first. */
struct trees {
	int *fds;
	size_t len;
};

static void trees_done(struct trees *t)
{
	for (size_t i = 0; i < t->len; i++)
		cleanup_fd_fn(&t->fds[i]);
	free(t->fds);
}
#define cleanup_trees __attribute__((cleanup(trees_done)))

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot squash layers");
}

static int open_tree(const struct store *s, const char *key, int *ret_fd, struct err *e)
{
	cleanup_fd int dir_fd = -1;
	int r = layer_open_dir(s, key, &dir_fd, e);

	if (r < 0)
		return r;
	*ret_fd = openat(dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? err_errno(e, "cannot open layer '%s'", key) : 0;
}

static int open_trees(const struct store *s, const struct strvec *keys, struct trees *ret, struct err *e)
{
	int r = 0;

	ret->fds = calloc(keys->len + 1, sizeof(*ret->fds));
	if (!ret->fds)
		return no_memory(e);
	for (size_t i = keys->len; r == 0 && i > 0; i--) {
		r = open_tree(s, keys->items[i - 1], &ret->fds[ret->len], e);
		if (r == 0)
			ret->len++;
	}
	return r;
}

/* Of another platform's build there may be one left, if its layer was known. */
static int make_place(const struct build *b, int *ret_fd, struct err *e)
{
	int r = tree_remove(b->staging.fd, STAGED, e);

	if (r < 0)
		return r;
	if (mkdirat(b->staging.fd, STAGED, 0700) < 0 || mkdirat(b->staging.fd, STAGED "/tree", 0755) < 0)
		return err_errno(e, "cannot make a directory in staging");
	*ret_fd = openat(b->staging.fd, STAGED "/tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? err_errno(e, "cannot open a directory in staging") : 0;
}

struct squashing {
	const struct build *build;
	const struct build_result *result;
	const int64_t *epoch;
	struct step_layer layer;
};

static int make_layer(void *arg, struct err *e)
{
	struct squashing *s = arg;
	const struct build *b = s->build;
	cleanup_trees struct trees trees = { 0 };
	cleanup_fd int to_fd = -1;
	int n = open_trees(b->store, &s->result->layers, &trees, e);

	if (n == 0)
		n = make_place(b, &to_fd, e);
	if (n == 0)
		n = squash_merge(trees.fds, trees.len, s->result->made_len, to_fd, e);
	return n < 0 ? n : step_layer_commit(b->store, &b->staging, STAGED, s->epoch, NULL, &s->layer, e);
}

/* --- the image ------------------------------------------------------------------------------------------ */

static int make_entry(const struct build_result *r, const struct step_layer *layer, struct image_history *ret)
{
	/* The time of the last step, which another build finds again. */
	ret->created = strdup(r->config.created ? r->config.created : layer->created);
	if (!ret->created)
		return -ENOMEM;
	if (asprintf(&ret->comment, "squashed %zu layers", r->made_len) < 0) {
		ret->comment = NULL;
		return -ENOMEM;
	}
	return 0;
}

static void entry_done(struct image_history *h)
{
	free(h->created);
	free(h->comment);
}
#define cleanup_entry __attribute__((cleanup(entry_done)))

/* Entries of the base keep their layers, as there are that many diff IDs of it: what comes behind those is this build's. */
static void empty_history(struct image_config *c, size_t base_layers)
{
	size_t layers = 0;

	for (size_t i = 0; i < c->history_len; i++) {
		if (c->history[i].empty_layer)
			continue;
		if (layers++ >= base_layers)
			c->history[i].empty_layer = true;
	}
}

/* Nothing fails after the first change. */
static int replace(struct build_result *r, const struct step_layer *layer, struct err *e)
{
	struct image_config *c = &r->config;
	size_t below = r->layers.len - r->made_len, ids = c->diff_ids_len - r->made_len;
	cleanup_entry struct image_history entry = { 0 };
	cleanup_strvec struct strvec layers = { 0 };
	struct image_history *history;

	for (size_t i = 0; i < below; i++)
		if (strvec_add(&layers, r->layers.items[i]) < 0)
			return no_memory(e);
	if (strvec_add(&layers, layer->key) < 0 || make_entry(r, layer, &entry) < 0)
		return no_memory(e);
	history = reallocarray(c->history, c->history_len + 1, sizeof(*history));
	if (!history)
		return no_memory(e);
	c->history = history;
	empty_history(c, ids);
	history[c->history_len++] = entry;
	entry = (struct image_history){ 0 };
	c->diff_ids[ids] = layer->diff_id;
	c->diff_ids_len = ids + 1;
	r->made[0] = *layer;
	r->made_len = 1;
	strvec_done(&r->layers);
	r->layers = layers;
	layers = (struct strvec){ 0 };
	return 0;
}

int build_squash(struct build *b, struct build_result *r, const int64_t *epoch, struct err *e)
{
	struct squashing s = { .build = b, .result = r, .epoch = epoch };
	int n;

	if (r->made_len < 2)
		return 0;
	if (r->layers.len < r->made_len || r->config.diff_ids_len < r->made_len)
		return err_set(e, -EINVAL, "there are more layers than the image has");
	n = build_stage(b, e); /* one that found all has none yet */
	if (n == 0)
		n = stoppable_run(make_layer, &s, &s.layer, sizeof(s.layer), b->cancel_fd, e);
	if (n == 0)
		n = replace(r, &s.layer, e);
	if (n == -EINTR)
		return n;
	return n < 0 ? err_wrap(e, "cannot squash %zu layers", r->made_len) : 0;
}
