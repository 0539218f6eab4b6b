/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stages.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build/run_mount.h"
#include "build/suggest.h"
#include "common/cleanup.h"
#include "common/parse.h"

#define LABEL_SHOWN_MAX 150

void stages_done(struct stages *s)
{
	for (size_t i = 0; i < s->len; i++) {
		for (size_t n = 0; n < s->items[i].sources_len; n++)
			free(s->items[i].sources[n].name);
		free(s->items[i].sources);
	}
	free(s->items);
	*s = (struct stages){ 0 };
}

struct stage_label stage_label(const struct stages *s, size_t index)
{
	struct stage_label l;

	if (s->items[index].name)
		(void)snprintf(l.text, sizeof(l.text), "%.*s", LABEL_SHOWN_MAX, s->items[index].name);
	else
		(void)snprintf(l.text, sizeof(l.text), "stage-%zu", index);
	return l;
}

size_t stages_find(const struct stages *s, const char *name, size_t before)
{
	for (size_t i = before < s->len ? before : s->len; i > 0; i--)
		if (s->items[i - 1].name && strcasecmp(s->items[i - 1].name, name) == 0)
			return i - 1;
	return STAGE_NONE;
}

/* The first stage of that name from `index` on. */
static size_t find_later(const struct stages *s, const char *name, size_t index)
{
	for (size_t i = index; i < s->len; i++)
		if (s->items[i].name && strcasecmp(s->items[i].name, name) == 0)
			return i;
	return STAGE_NONE;
}

static bool is_number(const char *name)
{
	return *name && name[strspn(name, "0123456789")] == '\0';
}

int stages_resolve(const struct dockerfile *f, const struct stages *s, size_t index, const char *name,
		   size_t at, size_t *ret, struct err *e)
{
	size_t found = stages_find(s, name, index);
	uint64_t number;

	if (found == STAGE_NONE && is_number(name)) {
		if (parse_u64(name, 0, s->len - 1, &number) < 0)
			return dockerfile_error(f, at, -EINVAL, e, "invalid stage index %s", name);
		found = (size_t)number;
	} else if (found == STAGE_NONE) {
		found = find_later(s, name, index);
	}
	if (found == index)
		return dockerfile_error(f, at, -EINVAL, e, "circular dependency detected on stage: %s",
					stage_label(s, index).text);
	if (found != STAGE_NONE && found > index)
		return dockerfile_error(
			f, at, -EINVAL, e,
			"cannot copy from stage \"%s\", it needs to be defined before current stage \"%s\"",
			name, stage_label(s, index).text);
	*ret = found;
	return 0;
}

/* --- splitting ------------------------------------------------------------------------------------ */

static int out_of_memory(const struct dockerfile *f, struct err *e)
{
	return err_code(e, -ENOMEM, "cannot read '%s'", f->name);
}

static int add_stage(const struct dockerfile *f, struct stages *s, const struct dockerfile_instruction *from,
		     struct err *e)
{
	struct stage *items;

	if (s->len >= STAGES_MAX)
		return dockerfile_error(f, from->at, -EFBIG, e, "more than %d stages", STAGES_MAX);
	items = reallocarray(s->items, s->len + 1, sizeof(*items));
	if (!items)
		return out_of_memory(f, e);
	s->items = items;
	s->items[s->len++] = (struct stage){
		.from = from, .name = from->from->name.text, .items = from + 1, .base = STAGE_NONE
	};
	return 0;
}

static int split(const struct dockerfile *f, struct stages *s, struct err *e)
{
	s->args = f->items;
	for (size_t n = 0; n < f->len; n++) {
		const struct dockerfile_instruction *i = &f->items[n];
		int r = 0;

		if (i->op == DOCKERFILE_FROM)
			r = add_stage(f, s, i, e);
		else if (s->len > 0)
			s->items[s->len - 1].len++;
		else if (i->op == DOCKERFILE_ARG)
			s->args_len++;
		else
			r = dockerfile_error(
				f, i->at, -EINVAL, e,
				"no build stage in current context (only ARG may be before the first FROM)");
		if (r < 0)
			return r;
	}
	if (s->len == 0)
		return dockerfile_error(f, f->items[f->len - 1].at, -EINVAL, e,
					"dockerfile contains no stages to build");
	return 0;
}

/* --- who needs whom ------------------------------------------------------------------------------- */

static bool has_variable(const char *text)
{
	return strchr(text, '$') != NULL;
}

/* Flags have lost their quotes, the base still has them. */
static bool is_literal(const struct dockerfile *f, const char *base)
{
	return !strpbrk(base, "$'\"") && !strchr(base, f->directives.escape);
}

/* Takes `name`. */
static int add_source(const struct dockerfile *f, struct stages *s, size_t index, struct stage_source *source,
		      size_t at, struct err *e)
{
	struct stage *stage = &s->items[index];
	struct stage_source *sources;
	int r = 0;

	source->stage = STAGE_DEFERRED;
	if (!has_variable(source->name))
		r = stages_resolve(f, s, index, source->name, at, &source->stage, e);
	if (r < 0) {
		free(source->name);
		return r;
	}
	sources = reallocarray(stage->sources, stage->sources_len + 1, sizeof(*sources));
	if (!sources) {
		free(source->name);
		return out_of_memory(f, e);
	}
	sources[stage->sources_len++] = *source;
	stage->sources = sources;
	return 0;
}

static int add_copy(const struct dockerfile *f, struct stages *s, size_t index,
		    const struct dockerfile_instruction *i, struct err *e)
{
	struct stage_source source = { .instruction = i };

	if (!i->copy->from.text || !*i->copy->from.text)
		return 0;
	source.name = strdup(i->copy->from.text);
	return source.name ? add_source(f, s, index, &source, i->copy->from.at, e) : out_of_memory(f, e);
}

static int add_mounts(const struct dockerfile *f, struct stages *s, size_t index,
		      const struct dockerfile_instruction *i, struct err *e)
{
	int r = 0;

	for (size_t n = 0; r == 0 && n < i->run->mounts.len; n++) {
		const struct dockerfile_word *w = &i->run->mounts.items[n];
		struct stage_source source = { .instruction = i, .mount = n };

		r = run_mount_from(w->text, &source.name, e);
		if (r == 0 && source.name)
			r = add_source(f, s, index, &source, w->at, e);
	}
	return r;
}

static int link_stage(const struct dockerfile *f, struct stages *s, size_t index, struct err *e)
{
	struct stage *stage = &s->items[index];
	const char *base = stage->from->from->base.text;
	int r = 0;

	stage->base = is_literal(f, base) ? stages_find(s, base, index) : STAGE_DEFERRED;
	for (size_t n = 0; r == 0 && n < stage->len; n++) {
		if (stage->items[n].copy)
			r = add_copy(f, s, index, &stage->items[n], e);
		else if (stage->items[n].run)
			r = add_mounts(f, s, index, &stage->items[n], e);
	}
	return r;
}

int stages_split(const struct dockerfile *f, struct stages *ret, struct err *e)
{
	cleanup_stages struct stages s = { 0 };
	int r = split(f, &s, e);

	for (size_t n = 0; r == 0 && n < s.len; n++)
		r = link_stage(f, &s, n, e);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct stages){ 0 };
	return 0;
}

int stages_target(const struct stages *s, const char *target, size_t *ret, struct err *e)
{
	const char *names[STAGES_MAX];
	size_t found, n = 0;
	uint64_t number;

	if (!target || !*target) {
		*ret = s->len - 1;
		return 0;
	}
	found = stages_find(s, target, s->len);
	if (found == STAGE_NONE && parse_u64(target, 0, s->len - 1, &number) == 0)
		found = (size_t)number;
	if (found != STAGE_NONE) {
		*ret = found;
		return 0;
	}
	for (size_t i = 0; i < s->len; i++)
		if (s->items[i].name)
			names[n++] = s->items[i].name;
	return err_set(e, -EINVAL, "target stage \"%.100s\" could not be found%s", target,
		       suggest(target, names, n, false).text);
}
