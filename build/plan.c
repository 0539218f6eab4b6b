/* SPDX-License-Identifier: Apache-2.0 */
#include "build/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/plan_parts.h"
#include "common/cleanup.h"

#define CHECK_ARG "BUILDKIT_DOCKERFILE_CHECK"

/* --- freeing -------------------------------------------------------------------------------------- */

static void run_done(struct plan_run *run)
{
	strvec_done(&run->argv);
	strvec_done(&run->env);
	strvec_done(&run->proxy_env);
	free(run->cwd);
	free(run->user);
	for (size_t i = 0; i < run->mounts_len; i++) {
		run_mount_done(&run->mounts[i].mount);
		plan_source_done(&run->mounts[i].from);
	}
	free(run->mounts);
	for (size_t i = 0; i < run->devices_len; i++)
		run_device_done(&run->devices[i]);
	free(run->devices);
	free(run->network);
	free(run->program_name);
	free(run->program_text);
}

static void copy_done(struct plan_copy *c)
{
	for (size_t i = 0; i < c->len; i++) {
		free(c->sources[i].text);
		free(c->sources[i].content);
		free(c->sources[i].file_name);
		plan_git_done(&c->sources[i].git);
	}
	free(c->sources);
	free(c->dest);
	plan_source_done(&c->from);
	free(c->chown);
	free(c->chmod);
	free(c->checksum);
	strvec_done(&c->exclude);
}

void plan_step_done(struct plan_step *step)
{
	free(step->text);
	run_done(&step->run);
	copy_done(&step->copy);
	free(step->directory);
	free(step->directory_user);
	*step = (struct plan_step){ 0 };
}

void plan_stage_done(struct plan_stage *s)
{
	free(s->name);
	plan_source_done(&s->base);
	free(s->base_name);
	for (size_t i = 0; i < s->len; i++)
		plan_step_done(&s->steps[i]);
	free(s->steps);
	image_config_done(&s->config);
	strvec_done(&s->env);
	strvec_done(&s->build_args);
	*s = (struct plan_stage){ 0 };
}

void build_plan_done(struct build_plan *p)
{
	for (size_t i = 0; i < p->len; i++)
		plan_stage_done(&p->stages[i]);
	free(p->stages);
	*p = (struct build_plan){ 0 };
}

static void planner_done(struct planner *p)
{
	for (size_t i = 0; p->bases && i < p->stages.len; i++)
		free(p->bases[i].name);
	free(p->bases);
	for (size_t i = 0; p->out && i < p->stages.len; i++)
		plan_stage_done(&p->out[i]);
	free(p->out);
	stages_done(&p->stages);
	strvec_done(&p->global_args);
	strvec_done(&p->global_names);
	check_options_done(&p->own_check);
	plan_warnings_done(p);
	free(p->created);
}

/* --- stages --------------------------------------------------------------------------------------- */

int plan_charge(struct planner *p, size_t bytes, struct err *e)
{
	if (bytes > PLAN_BYTES_MAX - p->bytes)
		return err_set(e, -EFBIG, "the texts of the build are over %u bytes", PLAN_BYTES_MAX);
	p->bytes += bytes;
	return 0;
}

int plan_charge_list(struct planner *p, const struct strvec *v, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->len; i++)
		r = plan_charge(p, strlen(v->items[i]) + sizeof(char *), e);
	return r;
}

int plan_step_add(struct plan_state *s, enum plan_step_kind kind, struct plan_step **ret, struct err *e)
{
	struct plan_stage *out = s->out;
	struct plan_step *steps;

	if (out->len >= PLAN_STEPS_MAX)
		return dockerfile_error(s->file, s->i->at, -EFBIG, e, "more than %d steps", PLAN_STEPS_MAX);
	steps = reallocarray(out->steps, out->len + 1, sizeof(*steps));
	if (!steps)
		return plan_no_memory(e);
	out->steps = steps;
	*ret = &steps[out->len++];
	**ret = (struct plan_step){ .kind = kind,
				    .instruction = s->trigger ? NULL : s->i,
				    .text = strdup(s->i->text),
				    .trigger = s->trigger,
				    .history = out->config.history_len,
				    .platform = out->platform };
	return (*ret)->text ? 0 : plan_no_memory(e);
}

int plan_dispatch(struct plan_state *s, struct err *e)
{
	switch (s->i->op) {
	case DOCKERFILE_ADD:
	case DOCKERFILE_COPY:
		return plan_copy_step(s, e);
	case DOCKERFILE_RUN:
		return plan_run_step(s, e);
	case DOCKERFILE_WORKDIR:
		return plan_workdir(s, e);
	case DOCKERFILE_ARG:
		return plan_arg(s, e);
	case DOCKERFILE_EXPOSE:
		return plan_expose(s, e);
	default:
		return plan_config(s, e);
	}
}

/* FROM of a folder: scratch, and all that is in it as the first step. */
static int begin_with_folder(struct plan_state *s, struct err *e)
{
	cleanup_free char *text = NULL;
	struct plan_step *step = NULL;
	int r = plan_step_add(s, PLAN_COPY, &step, e);

	if (r < 0 || !step)
		return r;
	step->copy.from = s->out->base;
	s->out->base = (struct plan_source){ .kind = PLAN_SCRATCH };
	step->copy.dest = strdup("/");
	step->copy.sources = calloc(1, sizeof(*step->copy.sources));
	if (!step->copy.sources || !step->copy.dest)
		return plan_no_memory(e);
	step->copy.len = 1;
	step->copy.sources[0].text = strdup("/");
	if (!step->copy.sources[0].text || asprintf(&text, "FROM %s", s->out->base_name) < 0) {
		text = NULL;
		return plan_no_memory(e);
	}
	return plan_history(s, text, true, e);
}

static int dispatch_stage(struct planner *p, size_t index, struct err *e)
{
	const struct stage *stage = &p->stages.items[index];
	struct plan_state s = { .p = p, .out = &p->out[index], .index = index, .file = p->f };
	int r = plan_start_stage(p, index, e);

	p->bases[index].dispatched = true;
	s.i = stage->from;
	if (r == 0 && !s.out->replaced && s.out->base.kind == PLAN_NAMED)
		r = begin_with_folder(&s, e);
	if (r == 0 && !s.out->replaced)
		r = plan_triggers(&s, e);
	for (size_t i = 0; r == 0 && !s.out->replaced && i < stage->len; i++) {
		s.i = &stage->items[i];
		r = plan_dispatch(&s, e);
	}
	return r;
}

/* A stage, and before it those that it is based on. */
static int dispatch_chain(struct planner *p, size_t index, struct err *e)
{
	int r = 0;

	while (r == 0 && !p->bases[index].dispatched) {
		size_t root = index;

		while (p->bases[root].stage != STAGE_NONE && !p->bases[p->bases[root].stage].dispatched)
			root = p->bases[root].stage;
		if (p->bases[root].stage != STAGE_NONE)
			p->bases[p->bases[root].stage].needed = true;
		p->bases[root].needed = true;
		r = dispatch_stage(p, root, e);
	}
	return r;
}

/* From the last one on: a stage reads earlier ones only, and while it is gone through it says which. */
static int dispatch(struct planner *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; p->o->all_stages && i < p->stages.len; i++)
		p->bases[i].needed = true;
	p->bases[p->target].needed = true;
	for (size_t i = p->stages.len; r == 0 && i > 0; i--)
		if (p->bases[i - 1].needed)
			r = dispatch_chain(p, i - 1, e);
	return r;
}

/* --- the whole ------------------------------------------------------------------------------------ */

static int read_check(struct planner *p, struct err *e)
{
	const char *given = plan_value(p->o->build_args, CHECK_ARG);

	p->check = &p->f->directives.check;
	if (!given)
		return 0;
	p->check = &p->own_check;
	return check_options_parse(given, &p->own_check, e) < 0 ? err_wrap(e, "failed to parse check options")
								: 0;
}

/* What was asked for, and of what the base says more only what holds for that too. */
static void finish_platform(struct image_config *c, const struct platform *wanted)
{
	struct platform has = c->platform;
	bool same = strcmp(has.os, wanted->os) == 0 && strcmp(has.architecture, wanted->architecture) == 0;

	c->platform = *wanted;
	if (same && !wanted->variant[0])
		c->platform = has;
	if (!same) {
		free(c->os_version);
		c->os_version = NULL;
	}
}

static int finish_target(struct planner *p, struct err *e)
{
	struct image_config *c = &p->out[p->target].config;
	const struct build_plan_options *o = p->o;
	int r = 0;

	for (size_t i = 0; r == 0 && o->labels && i < o->labels->len; i++)
		r = strvec_set_env(&c->labels, o->labels->items[i]);
	if (r < 0)
		return err_code(e, r, "cannot keep the labels");
	if (!o->platform_is_implicit || !c->platform.os[0])
		finish_platform(c, &o->target_platform);
	platform_normalize(&c->platform);
	if (!p->created)
		return 0;
	free(c->created);
	c->created = strdup(p->created);
	return c->created ? 0 : plan_no_memory(e);
}

static int make(struct planner *p, struct err *e)
{
	int r = read_check(p, e);

	if (r == 0)
		r = stages_split(p->f, &p->stages, e);
	if (r < 0)
		return r;
	plan_check_file(p);
	p->bases = calloc(p->stages.len, sizeof(*p->bases));
	p->out = calloc(p->stages.len, sizeof(*p->out));
	if (!p->bases || !p->out)
		return plan_no_memory(e);
	r = plan_global_args(p, p->o->build_args, &p->global_args, e);
	if (r == 0)
		r = plan_epoch(p, e);
	if (r == 0)
		r = plan_bases(p, e);
	if (r == 0)
		r = stages_target(&p->stages, p->o->target, &p->target, e);
	if (r == 0)
		r = dispatch(p, e);
	if (r == 0)
		r = finish_target(p, e);
	return r < 0 ? r : plan_unused_args(p, e);
}

static void renumber_source(struct plan_source *s, const size_t *new_index)
{
	if (s->kind == PLAN_STAGE)
		s->stage = new_index[s->stage];
}

static void renumber_stage(struct plan_stage *stage, const size_t *new_index)
{
	renumber_source(&stage->base, new_index);
	for (size_t i = 0; i < stage->len; i++) {
		struct plan_run *run = &stage->steps[i].run;

		renumber_source(&stage->steps[i].copy.from, new_index);
		for (size_t n = 0; n < run->mounts_len; n++)
			renumber_source(&run->mounts[n].from, new_index);
	}
}

/* What is not needed has no number in the plan. */
static int take_stages(struct planner *p, struct build_plan *ret, struct err *e)
{
	cleanup_free size_t *new_index = calloc(p->stages.len, sizeof(*new_index));
	struct plan_stage *stages = calloc(p->stages.len, sizeof(*stages));
	size_t n = 0;

	if (!new_index || !stages) {
		free(stages);
		return plan_no_memory(e);
	}
	for (size_t i = 0; i < p->stages.len; i++) {
		if (!p->bases[i].needed)
			continue;
		new_index[i] = n;
		stages[n++] = p->out[i];
		p->out[i] = (struct plan_stage){ 0 };
	}
	for (size_t i = 0; i < n; i++)
		renumber_stage(&stages[i], new_index);
	*ret = (struct build_plan){ .stages = stages,
				    .len = n,
				    .target = new_index[p->target],
				    .has_epoch = p->has_epoch,
				    .epoch = p->epoch };
	return 0;
}

int build_plan_make(const struct dockerfile *f, const struct build_plan_options *o, struct build_plan *ret,
		    struct err *e)
{
	struct planner p = { .f = f, .o = o, .check = &f->directives.check };
	struct err finding = { 0 };
	int r = make(&p, e), found = plan_check_report(&p, &finding);

	if (r == 0 && found < 0)
		r = err_set(e, found, "%s", finding.text);
	if (r == 0)
		r = take_stages(&p, ret, e);
	planner_done(&p);
	return r;
}
