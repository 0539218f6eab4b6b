/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build/path_clean.h"
#include "build/plan_parts.h"
#include "build/suggest.h"
#include "common/cleanup.h"
#include "oci/reference.h"

#define DEFAULT_PATH  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define IMAGE_SCHEME  "docker-image://"
#define LAYOUT_SCHEME "oci-layout://"

void plan_source_done(struct plan_source *s)
{
	free(s->name);
	free(s->value);
	*s = (struct plan_source){ 0 };
}

/* --- what a name means ---------------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *context_value(const struct planner *p, const char *name)
{
	if (strcasecmp(name, "scratch") == 0 || strcasecmp(name, "context") == 0)
		return NULL;
	return plan_value(p->o->contexts, name);
}

/* By the name as it is, or as people write the image: "alpine" is "docker.io/library/alpine:latest" too. */
static int find_context(const struct planner *p, const char *name, const struct reference *ref,
			const char **ret_value, char **ret_name, struct err *e)
{
	const char *value = context_value(p, name);
	cleanup_free char *familiar = ref && !value ? reference_familiar(ref) : strdup(name);
	size_t len, latest = strlen(":latest");

	if (!familiar)
		return plan_no_memory(e);
	len = strlen(familiar);
	if (!value && len > latest && strcmp(familiar + len - latest, ":latest") == 0)
		familiar[len - latest] = '\0';
	if (!value)
		value = context_value(p, familiar);
	*ret_name = ptr_take(familiar);
	*ret_value = value;
	return 0;
}

static int image_source(const char *reference, const struct platform *platform, struct plan_source *ret,
			struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	int r = starts_with(reference, LAYOUT_SCHEME) ? 0 : reference_parse(reference, &ref, e);

	if (r < 0)
		return r;
	*ret = (struct plan_source){ .kind = PLAN_IMAGE, .platform = *platform };
	ret->name = ref.path ? reference_canonical(&ref) : strdup(reference);
	return ret->name ? 0 : plan_no_memory(e);
}

static int named_source(char **name, const char *value, const struct platform *platform,
			struct plan_source *ret, struct err *e)
{
	if (starts_with(value, IMAGE_SCHEME))
		return image_source(value + strlen(IMAGE_SCHEME), platform, ret, e);
	if (starts_with(value, LAYOUT_SCHEME))
		return image_source(value, platform, ret, e);
	*ret = (struct plan_source){ .kind = PLAN_NAMED, .value = strdup(value), .platform = *platform };
	ret->name = ptr_take(*name);
	if (ret->value)
		return 0;
	plan_source_done(ret);
	return plan_no_memory(e);
}

int plan_source_find(const struct planner *p, const char *name, const struct platform *platform,
		     struct plan_source *ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *familiar = NULL;
	const char *value = NULL;
	struct err cause = { 0 };
	int r, bad;

	if (strcmp(name, PLAN_SCRATCH_NAME) == 0) {
		*ret = (struct plan_source){ .kind = PLAN_SCRATCH };
		return 0;
	}
	bad = reference_parse(name, &ref, &cause);
	r = find_context(p, name, bad ? NULL : &ref, &value, &familiar, e);
	if (r < 0)
		return r;
	if (value)
		return named_source(&familiar, value, platform, ret, e);
	if (bad < 0)
		return err_set(e, bad, "failed to parse stage name \"%.100s\": %s", name, cause.text);
	return image_source(name, platform, ret, e);
}

int plan_source_of(const struct plan_state *s, const char *name, size_t at, struct plan_source *ret,
		   struct err *e)
{
	struct planner *p = s->p;
	struct err cause = { 0 };
	size_t stage;
	int r = stages_resolve(s->file, &p->stages, s->index, name, at, &stage, e);

	if (r < 0)
		return r;
	if (stage != STAGE_NONE) {
		p->bases[stage].needed = true;
		*ret = (struct plan_source){ .kind = PLAN_STAGE, .stage = stage };
		return 0;
	}
	r = plan_source_find(p, name, &p->o->target_platform, ret, &cause);
	return r < 0 ? plan_place(s, at, &cause, e) : 0;
}

/* --- FROM ----------------------------------------------------------------------------------------- */

/* Names that FROM uses and that nobody has declared. */
static void check_from_args(struct planner *p, const struct dockerfile_instruction *from,
			    const struct strvec *unset)
{
	cleanup_strvec struct strvec known = { 0 };
	int r = strvec_add_all(&known, &p->global_names);

	for (size_t i = 0; r == 0 && i < p->global_args.len; i++)
		r = strvec_addf(&known, "%.*s", (int)strcspn(p->global_args.items[i], "="),
				p->global_args.items[i]);
	for (size_t i = 0; r == 0 && i < unset->len; i++) {
		const char *near =
			suggest_nearest(unset->items[i], (const char *const *)known.items, known.len, false);

		if (!strvec_has(&known, unset->items[i]))
			plan_warn_at(p, CHECK_UNDEFINED_ARG_IN_FROM, from, unset->items[i], near ? near : "",
				     NULL);
	}
}

static int expand_from(struct planner *p, const struct dockerfile_instruction *from,
		       const struct dockerfile_word *w, struct expand_names *names, char **ret, struct err *e)
{
	struct expand_options o = { .escape = p->f->directives.escape };
	struct err cause = { 0 };
	int r = expand_word(&o, w->text, &p->global_args, names, ret, &cause);

	check_from_args(p, from, &names->unset);
	return r < 0 ? dockerfile_error(p->f, w->at, r, e, "%s", cause.text) : 0;
}

static void check_platform(struct planner *p, const struct dockerfile_instruction *from,
			   const struct expand_names *names, const char *text,
			   const struct platform *platform)
{
	const char *name = from->from->name.text ? from->from->name.text : "";
	const char *target = plan_value(&p->global_args, "TARGETPLATFORM");

	if (names->set.len == 1 && names->unset.len == 0 &&
	    strcmp(names->set.items[0], "TARGETPLATFORM") == 0 && target && strcmp(target, text) == 0)
		plan_warn_at(p, CHECK_REDUNDANT_TARGET_PLATFORM, from, from->from->platform.text, NULL, NULL);
	if (names->set.len + names->unset.len == 0 &&
	    !check_stage_names_platform(name, platform->os, platform->architecture))
		plan_warn_at(p, CHECK_FROM_PLATFORM_FLAG_CONST_DISALLOWED, from, text, NULL, NULL);
}

static int read_platform(struct planner *p, size_t index, struct err *e)
{
	const struct dockerfile_instruction *from = p->stages.items[index].from;
	const struct dockerfile_word *w = &from->from->platform;
	cleanup_expand_names struct expand_names names = { 0 };
	struct plan_base *base = &p->bases[index];
	cleanup_free char *text = NULL;
	struct err cause = { 0 };
	int r;

	if (!w->text || !*w->text)
		return 0;
	r = expand_from(p, from, w, &names, &text, e);
	if (r < 0)
		return r;
	if (!*text)
		return dockerfile_error(p->f, w->at, -EINVAL, e, "empty platform value from expression %s",
					w->text);
	if (platform_parse(text, &base->platform, &cause) < 0)
		return dockerfile_error(p->f, w->at, -EINVAL, e, "failed to parse platform %s: %s", w->text,
					cause.text);
	base->has_platform = true;
	check_platform(p, from, &names, text, &base->platform);
	return 0;
}

static int read_base(struct planner *p, size_t index, struct err *e)
{
	const struct stage *stage = &p->stages.items[index];
	const struct dockerfile_word *w = &stage->from->from->base;
	cleanup_expand_names struct expand_names names = { 0 };
	struct plan_base *base = &p->bases[index];
	int r = expand_from(p, stage->from, w, &names, &base->name, e);

	if (r < 0)
		return r;
	if (!*base->name)
		return dockerfile_error(p->f, w->at, -EINVAL, e, "base name (%s) should not be blank",
					w->text);
	base->platform = p->o->target_platform;
	r = read_platform(p, index, e);
	base->stage = stages_find(&p->stages, base->name, index);
	if (stage->name && context_value(p, stage->name)) {
		base->replaced = true;
		base->stage = STAGE_NONE;
	}
	return r;
}

/* Whether all bases have a name where no --build-arg is given. */
static void check_defaults(struct planner *p)
{
	struct expand_options o = { .escape = p->f->directives.escape };
	cleanup_strvec struct strvec args = { 0 };
	struct err e = { 0 };

	if (plan_global_args(p, NULL, &args, &e) < 0)
		return; /* is an error later on, or would be one only without the arguments */
	for (size_t i = 0; i < p->stages.len; i++) {
		const struct dockerfile_instruction *from = p->stages.items[i].from;
		cleanup_reference struct reference ref = { 0 };
		cleanup_free char *name = NULL;

		if (expand_word(&o, from->from->base.text, &args, NULL, &name, &e) < 0)
			return;
		if (reference_parse(name, &ref, &e) < 0)
			plan_warn_at(p, CHECK_INVALID_DEFAULT_ARG_IN_FROM, from, from->from->base.text, NULL,
				     NULL);
	}
}

int plan_bases(struct planner *p, struct err *e)
{
	int r = 0;

	check_defaults(p);
	for (size_t i = 0; r == 0 && i < p->stages.len; i++)
		r = read_base(p, i, e);
	return r;
}

/* --- what a stage begins with --------------------------------------------------------------------- */

static int set_text(char **member, const char *text, struct err *e)
{
	free(*member);
	*member = strdup(text);
	return *member ? 0 : plan_no_memory(e);
}

static int empty_config(struct plan_stage *out, const struct platform *platform, struct err *e)
{
	out->config.platform = *platform;
	return set_text(&out->config.working_dir, "/", e);
}

/* The platform that a base turns out to have counts, where nobody asked for one. */
static void take_platform(struct planner *p, size_t index)
{
	const struct platform *has = &p->out[index].config.platform, *build = &p->o->build_platform;
	struct platform *wanted = &p->out[index].platform;
	char has_text[3 * PLATFORM_FIELD_MAX], wanted_text[3 * PLATFORM_FIELD_MAX];

	if (!has->os[0] || !has->architecture[0] ||
	    (strcmp(has->os, wanted->os) == 0 && strcmp(has->architecture, wanted->architecture) == 0))
		return;
	if (!p->bases[index].has_platform && p->o->platform_is_implicit && strcmp(has->os, build->os) == 0 &&
	    strcmp(has->architecture, build->architecture) == 0) {
		*wanted = *build;
		return;
	}
	platform_format(has, has_text);
	platform_format(wanted, wanted_text);
	plan_warn_at(p, CHECK_INVALID_BASE_IMAGE_PLATFORM, p->stages.items[index].from, p->bases[index].name,
		     has_text, wanted_text);
}

static int from_image(struct planner *p, size_t index, struct err *e)
{
	size_t at = p->stages.items[index].from->from->base.at;
	struct plan_stage *out = &p->out[index];
	struct err cause = { 0 };
	int r = p->o->base(p->o->base_arg, out->base.name, &out->platform, &out->config, &out->base_name,
			   &cause);

	if (r < 0)
		return dockerfile_error(p->f, at, r, e, "%s", cause.text);
	free(out->config.created);
	out->config.created = NULL;
	take_platform(p, index);
	return out->base_name ? 0 : set_text(&out->base_name, out->base.name, e);
}

static int from_stage(struct planner *p, size_t index, struct err *e)
{
	size_t base = p->bases[index].stage;
	struct plan_stage *out = &p->out[index];
	const struct plan_stage *from = &p->out[base];
	int r = image_config_copy(&from->config, &out->config, e);

	out->base = (struct plan_source){ .kind = PLAN_STAGE, .stage = base };
	out->platform = from->platform;
	out->workdir_set = from->workdir_set;
	if (r == 0)
		r = set_text(&out->base_name, from->name, e);
	if (r == 0 && (strvec_add_all(&out->env, &from->env) < 0 ||
		       strvec_add_all(&out->build_args, &from->build_args) < 0))
		r = plan_no_memory(e);
	for (size_t i = 0; r == 0 && i < out->config.history_len; i++)
		r = plan_charge(p, sizeof(*out->config.history), e);
	return r < 0 ? r : plan_charge_list(p, &out->env, e);
}

static int from_other(struct planner *p, size_t index, struct err *e)
{
	const struct dockerfile_instruction *from = p->stages.items[index].from;
	const struct plan_base *base = &p->bases[index];
	struct plan_stage *out = &p->out[index];
	const char *name = base->replaced ? p->stages.items[index].name : base->name;
	struct err cause = { 0 };
	int r = plan_source_find(p, name, &out->platform, &out->base, &cause);

	if (r < 0)
		return dockerfile_error(p->f, from->from->base.at, r, e, "%s", cause.text);
	if (out->base.kind == PLAN_IMAGE)
		return from_image(p, index, e);
	if (out->base.kind == PLAN_SCRATCH)
		out->platform = p->o->target_platform;
	r = set_text(&out->base_name, name, e);
	return r < 0 ? r : empty_config(out, &out->platform, e);
}

/* The environment of commands begins with that of the image. */
static int start_env(struct plan_stage *out, struct err *e)
{
	struct image_config *c = &out->config;
	int r = 0;

	if (!strvec_get_env(&c->env, "PATH") && strcmp(out->platform.os, "windows") != 0)
		r = strvec_add(&c->env, DEFAULT_PATH);
	for (size_t i = 0; r == 0 && i < c->env.len; i++) {
		const char *item = c->env.items[i], *equals = strchr(item, '=');
		cleanup_free char *name = strndup(item, strcspn(item, "="));

		r = name ? plan_set_last(&out->env, name, equals ? equals + 1 : "") : -ENOMEM;
	}
	return r < 0 ? err_code(e, r, "cannot keep the environment of '%.100s'", out->base_name) : 0;
}

static int start_workdir(struct plan_stage *out, struct err *e)
{
	cleanup_buf struct buf rooted = BUF_INIT(EXPAND_MAX);
	char *clean;

	if (!out->config.working_dir || !*out->config.working_dir)
		return 0;
	if (buf_printf(&rooted, "/%s", out->config.working_dir) < 0)
		return plan_no_memory(e);
	clean = path_clean(rooted.data);
	if (!clean)
		return plan_no_memory(e);
	free(out->config.working_dir);
	out->config.working_dir = clean;
	return 0;
}

int plan_start_stage(struct planner *p, size_t index, struct err *e)
{
	const struct plan_base *base = &p->bases[index];
	struct plan_stage *out = &p->out[index];
	int r;

	out->index = index;
	out->platform = base->platform;
	out->replaced = base->replaced;
	out->name = strdup(stage_label(&p->stages, index).text);
	if (!out->name)
		return plan_no_memory(e);
	r = base->stage != STAGE_NONE ? from_stage(p, index, e) : from_other(p, index, e);
	if (r == 0)
		r = start_env(out, e);
	return r < 0 ? r : start_workdir(out, e);
}
