/* SPDX-License-Identifier: Apache-2.0 */
#include "build/schedule.h"

#include <stdlib.h>

static bool is_made(const struct schedule *s, const struct plan_source *source)
{
	return source->kind != PLAN_STAGE ||
	       s->stages[source->stage].next == s->plan->stages[source->stage].len;
}

/* A stage without steps is made when its base is. */
static bool has_base(const struct schedule *s, size_t stage)
{
	const struct plan_source *base = &s->plan->stages[stage].base;

	while (base->kind == PLAN_STAGE && s->plan->stages[base->stage].len == 0)
		base = &s->plan->stages[base->stage].base;
	return is_made(s, base);
}

static bool has_source(const struct schedule *s, const struct plan_source *source)
{
	return source->kind != PLAN_STAGE || (is_made(s, source) && has_base(s, source->stage));
}

static bool may_begin(const struct schedule *s, size_t stage)
{
	const struct schedule_stage *here = &s->stages[stage];
	const struct plan_stage *p = &s->plan->stages[stage];
	const struct plan_step *step = &p->steps[here->next];

	if (here->running || here->next == p->len || !has_base(s, stage))
		return false;
	if (step->kind == PLAN_COPY)
		return has_source(s, &step->copy.from);
	for (size_t i = 0; step->kind == PLAN_RUN && i < step->run.mounts_len; i++)
		if (!has_source(s, &step->run.mounts[i].from))
			return false;
	return true;
}

/* `source` has to be there before what is `ahead` of its reader. */
static void put_ahead(struct schedule *s, const struct plan_source *source, size_t ahead)
{
	if (source->kind == PLAN_STAGE) {
		struct schedule_stage *from = &s->stages[source->stage];
		size_t length = s->plan->stages[source->stage].len;

		if (from->ahead < length + ahead)
			from->ahead = length + ahead;
	}
}

/* Stages come after what they read, so that backwards each is known before it is asked for. */
static void measure(struct schedule *s)
{
	const struct build_plan *p = s->plan;

	for (size_t i = p->len; i-- > 0;) {
		const struct plan_stage *stage = &p->stages[i];
		struct schedule_stage *here = &s->stages[i];

		if (here->ahead < stage->len)
			here->ahead = stage->len;
		put_ahead(s, &stage->base, here->ahead);
		for (size_t n = 0; n < stage->len; n++) {
			const struct plan_step *step = &stage->steps[n];

			if (step->kind == PLAN_COPY)
				put_ahead(s, &step->copy.from, here->ahead - n);
			for (size_t m = 0; step->kind == PLAN_RUN && m < step->run.mounts_len; m++)
				put_ahead(s, &step->run.mounts[m].from, here->ahead - n);
		}
	}
}

int schedule_make(const struct build_plan *plan, struct schedule *ret, struct err *e)
{
	struct schedule s = { .plan = plan, .stages = calloc(plan->len + 1, sizeof(*s.stages)) };

	if (!s.stages)
		return err_code(e, -ENOMEM, "cannot order the steps of the build");
	measure(&s);
	*ret = s;
	return 0;
}

void schedule_done(struct schedule *s)
{
	free(s->stages);
	*s = (struct schedule){ 0 };
}

size_t schedule_next(struct schedule *s, size_t *ret_step)
{
	size_t best = SCHEDULE_NONE, best_ahead = 0;

	for (size_t i = 0; i < s->plan->len; i++) {
		size_t ahead = s->stages[i].ahead - s->stages[i].next;

		if ((best == SCHEDULE_NONE || ahead > best_ahead) && may_begin(s, i)) {
			best = i;
			best_ahead = ahead;
		}
	}
	if (best == SCHEDULE_NONE)
		return best;
	s->stages[best].running = true;
	*ret_step = s->stages[best].next;
	return best;
}

void schedule_made(struct schedule *s, size_t stage)
{
	s->stages[stage].running = false;
	s->stages[stage].next++;
}

bool schedule_is_complete(const struct schedule *s)
{
	for (size_t i = 0; i < s->plan->len; i++)
		if (s->stages[i].next < s->plan->stages[i].len)
			return false;
	return true;
}
