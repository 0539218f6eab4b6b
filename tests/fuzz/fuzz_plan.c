/* SPDX-License-Identifier: Apache-2.0 */
/* Any Dockerfile has a plan in which stages read earlier ones only and each step is whole, or an error with words. What stands behind a NUL
 * is a trigger of the base image. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/plan.h"
#include "common/cleanup.h"

#define STAGES_FUZZED_MAX 64 /* more of them take time, and show nothing new */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int base(void *arg, const char *reference, const struct platform *platform, struct image_config *ret,
		char **ret_name, struct err *e)
{
	const char *trigger = arg;

	(void)ret_name; /* it has no other name */
	if (strstr(reference, "missing"))
		return err_set(e, -ENOENT, "there is no image '%s'", reference);
	ret->platform = *platform;
	if (strvec_add(&ret->env, "A=1") < 0 || (trigger && strvec_add(&ret->on_build, trigger) < 0))
		return err_code(e, -ENOMEM, "base");
	return 0;
}

static void warn(void *arg, const struct plan_warning *w)
{
	const struct dockerfile *f = arg;

	if (!w->text || w->at > f->source_len || w->check > CHECK_COUNT)
		abort();
}

static void check_source(const struct plan_source *s, size_t index)
{
	if (s->kind == PLAN_STAGE && s->stage >= index)
		abort();
	if (s->kind == PLAN_IMAGE && !s->name)
		abort();
}

static void check_run(const struct plan_run *run, size_t index)
{
	if (run->argv.len == 0 || run->cwd[0] != '/' || !run->user || !run->network)
		abort();
	for (size_t i = 0; i < run->mounts_len; i++) {
		const struct run_mount *m = &run->mounts[i].mount;

		if (m->target ? m->target[0] != '/' : !m->env)
			abort();
		check_source(&run->mounts[i].from, index);
	}
}

static void check_copy(const struct plan_copy *c, size_t index)
{
	if (c->len == 0 || c->dest[0] != '/' || strstr(c->dest, "/../"))
		abort();
	for (size_t i = 0; i < c->len; i++)
		if (!c->sources[i].text ||
		    (c->sources[i].kind == PLAN_COPY_HEREDOC && !c->sources[i].content))
			abort();
	check_source(&c->from, index);
}

static void check_stage(const struct plan_stage *s, size_t index)
{
	check_source(&s->base, index);
	for (size_t i = 0; i < s->len; i++) {
		const struct plan_step *step = &s->steps[i];

		if (!step->text || step->history >= s->config.history_len ||
		    s->config.history[step->history].empty_layer)
			abort();
		if (step->kind == PLAN_RUN)
			check_run(&step->run, index);
		else if (step->kind == PLAN_COPY)
			check_copy(&step->copy, index);
		else if (step->directory[0] != '/')
			abort();
	}
}

static size_t count_stages(const struct dockerfile *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->len; i++)
		n += f->items[i].op == DOCKERFILE_FROM;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_dockerfile struct dockerfile f = { 0 };
	cleanup_build_plan struct build_plan plan = { 0 };
	cleanup_free char *text = malloc(size + 1);
	struct build_plan_options o = { .base = base, .warn = warn, .all_stages = size % 2 };
	struct err e = { 0 };
	size_t len;

	if (!text || size > 16384)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	len = strlen(text);
	if (dockerfile_parse(text, len, "f", &f, &e) < 0 || count_stages(&f) > STAGES_FUZZED_MAX)
		return 0;
	if (platform_parse("linux/amd64", &o.build_platform, &e) < 0 ||
	    platform_parse("linux/arm64", &o.target_platform, &e) < 0)
		abort();
	o.base_arg = len < size ? text + len + 1 : NULL;
	o.warn_arg = &f;
	if (build_plan_make(&f, &o, &plan, &e) < 0) {
		if (!e.text[0])
			abort();
		return 0;
	}
	if (plan.len == 0 || plan.target >= plan.len)
		abort();
	for (size_t i = 0; i < plan.len; i++)
		check_stage(&plan.stages[i], i);
	return 0;
}
