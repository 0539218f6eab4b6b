/* SPDX-License-Identifier: Apache-2.0 */
/* Findings of build checks: they are gathered, and told at the end in the order of the lines. */
#include <stdlib.h>
#include <string.h>

#include "build/plan_parts.h"
#include "common/cleanup.h"

#define CHECK_COMMENT "check="

void plan_warnings_done(struct planner *p)
{
	for (size_t i = 0; i < p->warnings_len; i++)
		free(p->warnings[i].text);
	free(p->warnings);
	p->warnings = NULL;
	p->warnings_len = 0;
}

/* Takes `text`. */
static void add(struct planner *p, const struct plan_warning *w)
{
	struct plan_warning *items = NULL;

	if (w->text && p->warnings_len < PLAN_WARNINGS_MAX)
		items = reallocarray(p->warnings, p->warnings_len + 1, sizeof(*items));
	if (!items) {
		free(w->text);
		return;
	}
	p->warnings = items;
	items[p->warnings_len++] = *w;
}

/* "# check=skip=NAME" above an instruction is for that one. */
static bool is_on_here(const struct dockerfile_instruction *i, enum check_id id)
{
	for (size_t n = 0; n < i->comments.len; n++) {
		const char *comment = i->comments.items[n] + strspn(i->comments.items[n], " \t");
		cleanup_check_options struct check_options o = { 0 };
		struct err e = { 0 };

		if (strncmp(comment, CHECK_COMMENT, strlen(CHECK_COMMENT)) != 0 ||
		    check_options_parse(comment + strlen(CHECK_COMMENT), &o, &e) < 0)
			continue;
		if (check_options_skip(&o, check_info(id)->name, false))
			return false;
	}
	return true;
}

static bool is_repeated(const struct planner *p, const struct plan_warning *w)
{
	for (size_t i = p->warnings_len; i > 0; i--)
		if (p->warnings[i - 1].check == w->check && p->warnings[i - 1].at == w->at &&
		    strcmp(p->warnings[i - 1].text, w->text) == 0)
			return true;
	return false;
}

void plan_warn_at(struct planner *p, enum check_id id, const struct dockerfile_instruction *i, const char *w0,
		  const char *w1, const char *w2)
{
	const char *const words[CHECK_WORDS_MAX] = { w0 ? w0 : "", w1 ? w1 : "", w2 ? w2 : "" };
	cleanup_buf struct buf text = BUF_INIT(CHECK_MESSAGE_MAX);
	struct plan_warning w = {
		.check = id, .at = i->at, .first_line = i->first_line, .last_line = i->last_line
	};

	if (!check_is_on(p->check, id) || !is_on_here(i, id) || check_message(id, words, &text) < 0)
		return;
	w.text = text.data;
	if (is_repeated(p, &w))
		return;
	w.text = buf_take(&text);
	add(p, &w);
}

void plan_warn(const struct plan_state *s, enum check_id id, const char *w0, const char *w1)
{
	plan_warn_at(s->p, id, s->trigger ? s->p->stages.items[s->index].from : s->i, w0, w1, NULL);
}

void plan_warn_text(struct planner *p, const char *text)
{
	struct plan_warning w = { .check = CHECK_COUNT, .at = p->f->source_len, .text = strdup(text) };

	add(p, &w);
}

/* --- what the file alone says --------------------------------------------------------------------- */

/* The name of a stage and the "AS" before it, as they are written. */
struct written_as {
	char *text; /* owned; the others are parts of it */
	const char *as, *name;
};

static void written_as_done(struct written_as *w)
{
	free(w->text);
}
#define cleanup_written_as __attribute__((cleanup(written_as_done)))

static char *last_word(char *text)
{
	char *at = text + strlen(text);

	while (at > text && strchr(" \t", at[-1]))
		*--at = '\0';
	while (at > text && !strchr(" \t", at[-1]))
		at--;
	return at;
}

static bool read_as(const struct dockerfile_instruction *from, struct written_as *ret)
{
	char *name;

	ret->text = strdup(from->text);
	if (!ret->text)
		return false;
	name = last_word(ret->text);
	if (name == ret->text)
		return false;
	name[-1] = '\0';
	ret->name = name;
	ret->as = last_word(ret->text);
	return strcasecmp(ret->as, "as") == 0;
}

static void check_stage_name(struct planner *p, size_t index)
{
	const struct dockerfile_instruction *from = p->stages.items[index].from;
	const char *name = from->from->name.text;
	cleanup_written_as struct written_as written = { 0 };
	bool found;

	if (!name)
		return;
	found = read_as(from, &written);
	if (found && strcmp(written.name, name) != 0)
		plan_warn_at(p, CHECK_STAGE_NAME_CASING, from, written.name, NULL, NULL);
	if (found && !check_from_as_agree(from->name, written.as))
		plan_warn_at(p, CHECK_FROM_AS_CASING, from, from->name, written.as, NULL);
	if (check_stage_is_reserved(name))
		plan_warn_at(p, CHECK_RESERVED_STAGE_NAME, from, name, NULL, NULL);
	if (stages_find(&p->stages, name, index) != STAGE_NONE)
		plan_warn_at(p, CHECK_DUPLICATE_STAGE_NAME, from, name, NULL, NULL);
}

static void check_description(struct planner *p, const struct dockerfile_instruction *i)
{
	cleanup_strvec struct strvec names = { 0 };
	int r = 0;

	if (i->from && i->from->name.text)
		r = strvec_add(&names, i->from->name.text);
	for (size_t n = 0; r == 0 && i->op == DOCKERFILE_ARG && n < i->pairs.len; n++)
		r = strvec_add(&names, i->pairs.items[n].key);
	if (r < 0 || names.len == 0 || i->comments.len == 0)
		return;
	if (!check_comment_names_one(i->comments.items[i->comments.len - 1], &names))
		plan_warn_at(p, CHECK_INVALID_DEFINITION_DESCRIPTION, i, i->from ? "FROM" : "ARG",
			     names.len > 1 ? "<arg_key>" : names.items[0], NULL);
}

/* ARGs before the first FROM are not counted, as with BuildKit. */
static bool most_are_lower(const struct planner *p)
{
	size_t lower = 0, upper = 0;

	for (size_t i = p->stages.args_len; i < p->f->len; i++) {
		const char *name = p->f->items[i].name;

		if (!check_one_case(name))
			continue;
		if (check_wanted_case(name, true))
			upper++;
		else
			lower++;
	}
	return lower > upper;
}

void plan_check_file(struct planner *p)
{
	bool lower = most_are_lower(p);

	for (size_t n = 0; n < p->f->len; n++) {
		const struct dockerfile_instruction *i = &p->f->items[n];
		const char *wanted = check_wanted_case(i->name, lower);

		if (i->empty_line)
			plan_warn_at(p, CHECK_NO_EMPTY_CONTINUATION, i, NULL, NULL, NULL);
		if (wanted && n >= p->stages.args_len)
			plan_warn_at(p, CHECK_CONSISTENT_INSTRUCTION_CASING, i, i->name, wanted, NULL);
		if (i->op == DOCKERFILE_MAINTAINER)
			plan_warn_at(p, CHECK_MAINTAINER_DEPRECATED, i, NULL, NULL, NULL);
		check_description(p, i);
	}
	for (size_t n = 0; n < p->stages.len; n++)
		check_stage_name(p, n);
}

/* --- telling -------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct plan_warning *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->check != y->check)
		return x->check < y->check ? -1 : 1;
	return strcmp(x->text, y->text);
}

/* Each rule once. */
static int violations(const struct planner *p, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(CHECK_MESSAGE_MAX);
	bool seen[CHECK_COUNT] = { false };
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->warnings_len; i++) {
		enum check_id id = p->warnings[i].check;

		if (id == CHECK_COUNT || seen[id])
			continue;
		seen[id] = true;
		r = buf_printf(&text, "%s%s", text.len > 0 ? ", " : "", check_info(id)->name);
	}
	if (r < 0)
		return plan_no_memory(e);
	return text.len > 0 ? err_set(e, -EINVAL, "lint violation found for rules: %s", text.data) : 0;
}

int plan_check_report(struct planner *p, struct err *e)
{
	if (p->warnings_len > 1)
		qsort(p->warnings, p->warnings_len, sizeof(*p->warnings), compare);
	for (size_t i = 0; p->o->warn && i < p->warnings_len; i++)
		p->o->warn(p->o->warn_arg, &p->warnings[i]);
	return p->check->error ? violations(p, e) : 0;
}
