/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "build/plan_parts.h"
#include "build/platform_args.h"
#include "build/suggest.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "common/timestamp.h"

#define EPOCH_ARG "SOURCE_DATE_EPOCH"
/* 9999-12-31T23:59:59Z, the last one that RFC 3339 can write. */
#define EPOCH_MAX 253402300799

/* BuildKit's scanners are told by these, and commands do not see them. */
static const char *const NO_VARIABLES[] = { "BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE" };

static bool is_no_variable(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(NO_VARIABLES); i++)
		if (strcmp(NO_VARIABLES[i], name) == 0)
			return true;
	return false;
}

static bool is_named(const char *item, const char *name, size_t len)
{
	return strncmp(item, name, len) == 0 && (item[len] == '=' || item[len] == '\0');
}

const char *plan_value(const struct strvec *v, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = v ? v->len : 0; i > 0; i--)
		if (strncmp(v->items[i - 1], name, len) == 0 && v->items[i - 1][len] == '=')
			return v->items[i - 1] + len + 1;
	return NULL;
}

int plan_set_last(struct strvec *v, const char *name, const char *value)
{
	size_t len = strlen(name);
	cleanup_free char *item = malloc(len + strlen(value) + 2);

	if (!item)
		return -ENOMEM;
	(void)stpcpy(stpcpy(stpcpy(item, name), "="), value);
	for (size_t i = v->len; i > 0; i--)
		if (is_named(v->items[i - 1], name, len))
			strvec_remove(v, i - 1);
	return strvec_take(v, ptr_take(item));
}

/* --- expansion ------------------------------------------------------------------------------------ */

static struct expand_options options_of(const struct plan_state *s)
{
	return (struct expand_options){ .escape = s->file->directives.escape };
}

/* Names of NAME=VALUE. */
static int names_of(const struct strvec *v, struct strvec *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->len; i++)
		r = strvec_addf(ret, "%.*s", (int)strcspn(v->items[i], "="), v->items[i]);
	return r;
}

static bool is_declared(const struct plan_state *s, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < s->out->build_args.len; i++)
		if (is_named(s->out->build_args.items[i], name, len))
			return true;
	return is_no_variable(name);
}

static void check_unset(const struct plan_state *s, const struct strvec *unset)
{
	cleanup_strvec struct strvec names = { 0 };

	if (unset->len == 0 || names_of(&s->out->env, &names) < 0)
		return;
	for (size_t i = 0; i < unset->len; i++) {
		const char *near =
			suggest_nearest(unset->items[i], (const char *const *)names.items, names.len, false);

		if (!is_declared(s, unset->items[i]))
			plan_warn(s, CHECK_UNDEFINED_VAR, unset->items[i], near ? near : "");
	}
}

int plan_place(const struct plan_state *s, size_t at, const struct err *cause, struct err *e)
{
	if (cause->code == -ENOMEM)
		return err_set(e, cause->code, "%s", cause->text);
	return dockerfile_error(s->file, at, cause->code, e, "%s", cause->text);
}

static int expand_with(const struct plan_state *s, const struct expand_options *o, const char *word,
		       size_t at, char **ret, struct err *e)
{
	cleanup_expand_names struct expand_names names = { 0 };
	struct err cause = { 0 };
	int r = expand_word(o, word, &s->out->env, &names, ret, &cause);

	check_unset(s, &names.unset);
	return r < 0 ? plan_place(s, at, &cause, e) : 0;
}

int plan_expand(const struct plan_state *s, const char *word, size_t at, char **ret, struct err *e)
{
	struct expand_options o = options_of(s);

	return expand_with(s, &o, word, at, ret, e);
}

int plan_expand_list(const struct plan_state *s, const char *word, size_t at, struct strvec *ret,
		     struct err *e)
{
	cleanup_expand_names struct expand_names names = { 0 };
	struct expand_options o = options_of(s);
	struct err cause = { 0 };
	int r = expand_words(&o, word, &s->out->env, &names, ret, &cause);

	check_unset(s, &names.unset);
	return r < 0 ? plan_place(s, at, &cause, e) : 0;
}

int plan_expand_heredoc(const struct plan_state *s, const struct dockerfile_heredoc *h, char **ret,
			struct err *e)
{
	struct expand_options o = { .escape = '\\', .skip_quotes = true };
	cleanup_free char *text = dockerfile_heredoc_text(h);

	if (!text)
		return plan_no_memory(e);
	if (h->expand)
		return expand_with(s, &o, text, h->at, ret, e);
	*ret = ptr_take(text);
	return 0;
}

/* --- ARG ------------------------------------------------------------------------------------------ */

/* `build_args` may be NULL. */
static int global_arg(struct planner *p, const struct dockerfile_pair *pair, const struct strvec *build_args,
		      struct strvec *ret, struct err *e)
{
	struct expand_options o = { .escape = p->f->directives.escape };
	const char *given = plan_value(build_args, pair->key);
	cleanup_free char *value = NULL;
	struct err cause = { 0 };
	int r = strvec_has(&p->global_names, pair->key) ? 0 : strvec_add(&p->global_names, pair->key);

	if (r < 0)
		return plan_no_memory(e);
	if (!given && pair->value) {
		r = expand_word(&o, pair->value, ret, NULL, &value, &cause);
		if (r < 0)
			return dockerfile_error(p->f, pair->at, r, e, "%s", cause.text);
		given = value;
	}
	if (!given)
		return 0;
	r = plan_set_last(ret, pair->key, given);
	return r < 0 ? plan_no_memory(e) : 0;
}

int plan_global_args(struct planner *p, const struct strvec *build_args, struct strvec *ret, struct err *e)
{
	const struct build_plan_options *o = p->o;
	const char *name = o->target && *o->target ? o->target : p->stages.items[p->stages.len - 1].name;
	int r = platform_args_add(&o->target_platform, &o->build_platform, name, o->build_args, ret, e);

	for (size_t i = 0; r == 0 && i < p->stages.args_len; i++)
		for (size_t n = 0; r == 0 && n < p->stages.args[i].pairs.len; n++)
			r = global_arg(p, &p->stages.args[i].pairs.items[n], build_args, ret, e);
	return r;
}

/* One of ARG's: *ret is its value, owned; NULL: it has none. */
static int arg_value(struct plan_state *s, const struct dockerfile_pair *pair, char **ret, struct err *e)
{
	const char *value = plan_value(s->p->o->build_args, pair->key);

	if (!value && pair->value)
		return plan_expand(s, pair->value, pair->at, ret, e);
	if (!value)
		value = plan_value(&s->p->global_args, pair->key);
	if (!value)
		return 0;
	*ret = strdup(value);
	return *ret ? 0 : plan_no_memory(e);
}

static int one_arg(struct plan_state *s, const struct dockerfile_pair *pair, struct buf *text, struct err *e)
{
	cleanup_free char *value = NULL;
	int r;

	if (check_name_is_secret(pair->key))
		plan_warn(s, CHECK_SECRETS_USED_IN_ARG_OR_ENV, "ARG", pair->key);
	r = arg_value(s, pair, &value, e);
	if (r < 0)
		return r;
	r = buf_printf(text, " %s", pair->key);
	if (r == 0 && value)
		r = buf_printf(text, "=%s", value);
	if (r == 0 && value && !is_no_variable(pair->key))
		r = plan_set_last(&s->out->env, pair->key, value);
	if (r == 0)
		r = value ? strvec_addf(&s->out->build_args, "%s=%s", pair->key, value)
			  : strvec_add(&s->out->build_args, pair->key);
	return r < 0 ? err_code(e, r, "cannot keep the argument '%.100s'", pair->key) : 0;
}

int plan_arg(struct plan_state *s, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	int r = buf_add_str(&text, "ARG");

	if (r < 0)
		return plan_no_memory(e);
	for (size_t i = 0; r == 0 && i < s->i->pairs.len; i++)
		r = one_arg(s, &s->i->pairs.items[i], &text, e);
	return r < 0 ? r : plan_history(s, text.data, false, e);
}

/* --- arguments that nobody takes ------------------------------------------------------------------ */

static bool declares(const struct dockerfile_instruction *i, const char *name)
{
	if (i->op == DOCKERFILE_ONBUILD)
		i = i->trigger;
	for (size_t n = 0; i->op == DOCKERFILE_ARG && n < i->pairs.len; n++)
		if (strcmp(i->pairs.items[n].key, name) == 0)
			return true;
	return false;
}

static bool is_used(const struct planner *p, const char *name)
{
	size_t len = strlen(name);

	if (platform_args_has(name) || proxy_arg_is(name) || strncmp(name, "BUILDKIT_", 9) == 0 ||
	    strcmp(name, EPOCH_ARG) == 0)
		return true;
	for (size_t i = 0; i < p->f->len; i++)
		if (declares(&p->f->items[i], name))
			return true;
	for (size_t i = 0; i < p->stages.len; i++)
		for (size_t n = 0; n < p->out[i].build_args.len; n++)
			if (is_named(p->out[i].build_args.items[n], name, len))
				return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int unused_args(const struct planner *p, struct strvec *ret)
{
	cleanup_strvec struct strvec names = { 0 };
	int r = p->o->build_args ? names_of(p->o->build_args, &names) : 0;

	for (size_t i = 0; r == 0 && i < names.len; i++)
		if (!is_used(p, names.items[i]) && !strvec_has(ret, names.items[i]))
			r = strvec_add(ret, names.items[i]);
	if (ret->len > 1)
		qsort(ret->items, ret->len, sizeof(*ret->items), compare);
	return r;
}

int plan_unused_args(struct planner *p, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	cleanup_strvec struct strvec unused = { 0 };
	int r = unused_args(p, &unused);

	if (r == 0 && unused.len == 0)
		return 0;
	if (r == 0)
		r = buf_add_str(&text, "[Warning] One or more build-args [");
	for (size_t i = 0; r == 0 && i < unused.len; i++)
		r = buf_printf(&text, "%s%s", i > 0 ? " " : "", unused.items[i]);
	if (r == 0)
		r = buf_add_str(&text, "] were not consumed");
	if (r < 0)
		return plan_no_memory(e);
	plan_warn_text(p, text.data);
	return 0;
}

/* --- SOURCE_DATE_EPOCH ---------------------------------------------------------------------------- */

int plan_epoch(struct planner *p, struct err *e)
{
	const char *text = plan_value(p->o->build_args, EPOCH_ARG);
	char created[TIMESTAMP_MAX];
	struct timespec t = { 0 };
	size_t dot;

	if (!text)
		text = plan_value(&p->global_args, EPOCH_ARG);
	if (!text || !*text)
		return 0;
	if (parse_i64(text, 0, EPOCH_MAX, &p->epoch) < 0)
		return err_set(e, -EINVAL, "invalid %s: %.100s (seconds since 1970 are expected)", EPOCH_ARG,
			       text);
	p->has_epoch = true;
	t.tv_sec = (time_t)p->epoch;
	timestamp_format(&t, created);
	dot = strcspn(created, ".");
	p->created = strndup(created, dot + 1);
	if (!p->created)
		return plan_no_memory(e);
	p->created[dot] = 'Z';
	return 0;
}
