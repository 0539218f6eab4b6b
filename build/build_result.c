/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of what was built: the plan's, with what only execution knows. */
#include <stdlib.h>
#include <string.h>

#include "build/execution.h"
#include "common/cleanup.h"

void build_result_done(struct build_result *r)
{
	image_config_done(&r->config);
	strvec_done(&r->layers);
	strvec_done(&r->hidden);
	strvec_done(&r->sources);
	free(r->made);
	free(r->steps);
	*r = (struct build_result){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot put an image together");
}

static int add_diff_ids(const struct stage_run *s, struct image_config *c, struct err *e)
{
	size_t len = c->diff_ids_len + s->made_len;
	struct digest *ids = reallocarray(c->diff_ids, len + 1, sizeof(*ids));

	if (!ids)
		return no_memory(e);
	c->diff_ids = ids;
	for (size_t i = 0; i < s->made_len; i++)
		ids[c->diff_ids_len + i] = s->made[i].diff_id;
	c->diff_ids_len = len;
	return 0;
}

static int set_time(char **member, const char *text, struct err *e)
{
	char *copy = strdup(text);

	if (!copy)
		return no_memory(e);
	free(*member);
	*member = copy;
	return 0;
}

/* A step has the time at which it was made, which another build finds again: so the same steps give the same image. */
static int time_layers(const struct stage_run *s, struct image_config *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->made_len; i++) {
		size_t n = s->made_steps[i].history;

		if (n < c->history_len && !c->history[n].created)
			r = set_time(&c->history[n].created, s->made[i].created, e);
	}
	return r;
}

/* An instruction without a layer has the time of what was before it, or of the first one that has a time of this build. */
static int time_rest(struct image_config *c, size_t first, const char *now, struct err *e)
{
	const char *last = now;
	int r = 0;

	for (size_t i = first; i < c->history_len; i++)
		if (c->history[i].created) {
			last = c->history[i].created;
			break;
		}
	for (size_t i = first; r == 0 && i < c->history_len; i++) {
		if (!c->history[i].created)
			r = set_time(&c->history[i].created, last, e);
		last = c->history[i].created;
	}
	return r < 0 || !last ? r : set_time(&c->created, last, e);
}

static size_t base_history(const struct stage_run *s)
{
	return s->base ? s->base->image.config.history_len : 0;
}

static int set_times(const struct stage_run *s, struct image_config *c, struct err *e)
{
	/* Nothing but metadata, on nothing that was made: as old as its base, so that it is the same each time. */
	const char *fallback = s->base && s->base->image.config.created ? s->base->image.config.created
									: "1970-01-01T00:00:00Z";
	int r = time_layers(s, c, e);

	return r < 0 ? r : time_rest(c, base_history(s), fallback, e);
}

static int copy_layers(const struct stage_run *s, struct build_result *ret, struct err *e)
{
	int r = strvec_add_all(&ret->layers, &s->layers);

	if (r == 0 && s->base)
		r = strvec_add_all(&ret->hidden, &s->base->image.record.hidden);
	ret->made = calloc(s->made_len + 1, sizeof(*ret->made));
	if (r < 0 || !ret->made)
		return no_memory(e);
	for (size_t i = 0; i < s->made_len; i++)
		ret->made[i] = s->made[i];
	ret->made_len = s->made_len;
	ret->base = s->base;
	return 0;
}

/* --- steps ---------------------------------------------------------------------------------------------- */

static void add_step(const struct stage_run *s, size_t n, bool in_image, struct build_result *ret)
{
	const struct made_step *made = &s->made_steps[n];

	if (!made->is_remembered)
		return;
	for (size_t i = 0; i < ret->steps_len; i++)
		if (digest_equal(&ret->steps[i].key,
				 &made->key)) { /* of the stage that this one is based on */
			ret->steps[i].in_image |= in_image;
			return;
		}
	ret->steps[ret->steps_len++] = (struct build_step){ .key = made->key,
							    .before = made->before,
							    .layer = s->made[n],
							    .text = made->text,
							    .in_image = in_image };
}

static int copy_steps(const struct execution *x, struct build_result *ret, struct err *e)
{
	size_t len = 0;

	for (size_t i = 0; i < x->plan->len; i++)
		len += x->stages[i].made_len;
	ret->steps = calloc(len + 1, sizeof(*ret->steps));
	if (!ret->steps)
		return no_memory(e);
	for (size_t i = 0; i < x->plan->len; i++)
		for (size_t n = 0; n < x->stages[i].made_len; n++)
			add_step(&x->stages[i], n, i == x->plan->target, ret);
	return 0;
}

int build_result_make(struct execution *x, struct build_result *ret, struct err *e)
{
	const struct stage_run *s = &x->stages[x->plan->target];
	cleanup_build_result struct build_result result = { .is_new = x->is_new };
	int r = image_config_copy(&x->plan->stages[x->plan->target].config, &result.config, e);

	if (r == 0)
		r = add_diff_ids(s, &result.config, e);
	if (r == 0)
		r = set_times(s, &result.config, e);
	if (r == 0)
		r = copy_layers(s, &result, e);
	if (r == 0)
		r = copy_steps(x, &result, e);
	if (r < 0)
		return r;
	result.sources = x->sources;
	x->sources = (struct strvec){ 0 };
	*ret = result;
	result = (struct build_result){ 0 };
	return 0;
}
