/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that change nothing but the image's configuration. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "build/plan_parts.h"
#include "common/cleanup.h"
#include "common/names.h"
#include "common/parse.h"

static int keep_error(int r, const struct plan_state *s, struct err *e)
{
	return err_code(e, r, "cannot keep %s", dockerfile_op_name(s->i->op));
}

/* Takes `text`. */
static void set_text(char **member, char **text)
{
	free(*member);
	*member = ptr_take(*text);
}

static int history_text(struct plan_state *s, const char *name, const char *text, struct err *e)
{
	cleanup_buf struct buf out = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	int r = buf_printf(&out, "%s %s", name, text);

	return r < 0 ? keep_error(r, s, e) : plan_history(s, out.data, false, e);
}

/* --- ENV and LABEL -------------------------------------------------------------------------------- */

static int expand_one(struct plan_state *s, const char *word, size_t at, struct strvec *ret, struct err *e)
{
	char *text = NULL;
	int r = plan_expand(s, word, at, &text, e);

	if (r < 0)
		return r;
	return strvec_take(ret, text) < 0 ? plan_no_memory(e) : 0;
}

/* Keys and values in turn. All of them see what was there before the instruction. */
static int expand_pairs(struct plan_state *s, struct strvec *ret, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->i->pairs.len; i++) {
		const struct dockerfile_pair *pair = &s->i->pairs.items[i];

		r = expand_one(s, pair->key, pair->at, ret, e);
		if (r == 0)
			r = expand_one(s, pair->value ? pair->value : "", pair->at, ret, e);
	}
	return r;
}

static int set_pair(struct plan_state *s, const char *key, const char *value)
{
	cleanup_buf struct buf item = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	struct image_config *c = &s->out->config;
	int r = buf_printf(&item, "%s=%s", key, value);

	if (r < 0)
		return r;
	if (s->i->op == DOCKERFILE_LABEL)
		return strvec_set_env(&c->labels, item.data);
	r = strvec_set_env(&c->env, item.data);
	return r < 0 ? r : plan_set_last(&s->out->env, key, value);
}

static void check_pair(const struct plan_state *s, const struct dockerfile_pair *pair, const char *key)
{
	if (pair->legacy)
		plan_warn(s, CHECK_LEGACY_KEY_VALUE_FORMAT, s->i->name, NULL);
	if (s->i->op == DOCKERFILE_ENV && check_name_is_secret(key))
		plan_warn(s, CHECK_SECRETS_USED_IN_ARG_OR_ENV, "ENV", key);
}

static int pairs(struct plan_state *s, struct err *e)
{
	cleanup_strvec struct strvec texts = { 0 };
	cleanup_buf struct buf text = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	int r = expand_pairs(s, &texts, e);

	if (r < 0)
		return r;
	r = buf_add_str(&text, dockerfile_op_name(s->i->op));
	for (size_t i = 0; r == 0 && i + 1 < texts.len; i += 2) {
		const char *key = texts.items[i], *value = texts.items[i + 1];

		check_pair(s, &s->i->pairs.items[i / 2], key);
		r = set_pair(s, key, value);
		if (r == 0)
			r = buf_printf(&text, " %s=%s", key, value);
	}
	return r < 0 ? keep_error(r, s, e) : plan_history(s, text.data, false, e);
}

/* --- CMD, ENTRYPOINT, SHELL, HEALTHCHECK ---------------------------------------------------------- */

int plan_with_shell(const struct plan_state *s, const char *text, struct strvec *ret, struct err *e)
{
	static const char *const DEFAULT[] = { "/bin/sh", "-c" };
	const struct strvec *shell = &s->out->config.shell;
	int r = 0;

	if (shell->len == 0)
		shell = s->p->o->shell;
	if (shell && shell->len > 0)
		r = strvec_add_all(ret, shell);
	else
		for (size_t i = 0; r == 0 && i < ARRAY_LEN(DEFAULT); i++)
			r = strvec_add(ret, DEFAULT[i]);
	if (r == 0)
		r = strvec_add(ret, text);
	return r < 0 ? keep_error(r, s, e) : 0;
}

static int add_words(const struct plan_state *s, struct strvec *ret, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->i->words.len; i++)
		r = strvec_add(ret, s->i->words.items[i].text);
	return r < 0 ? keep_error(r, s, e) : 0;
}

/* The one that was there before counts no more. */
static void check_once(struct plan_state *s, const struct dockerfile_instruction **last)
{
	const struct dockerfile_instruction *place = s->p->stages.items[s->index].from;

	if (*last)
		plan_warn_at(s->p, CHECK_MULTIPLE_INSTRUCTIONS_DISALLOWED, *last, s->i->name, NULL, NULL);
	*last = s->trigger ? place : s->i; /* a trigger does not stay */
}

static int command(struct plan_state *s, const struct dockerfile_instruction **last, struct strvec *member,
		   struct err *e)
{
	cleanup_strvec struct strvec args = { 0 };
	struct strvec old = *member;
	int r;

	check_once(s, last);
	if (!s->i->json && s->out->config.shell.len == 0)
		plan_warn(s, CHECK_JSON_ARGS_RECOMMENDED, s->i->name, NULL);
	if (s->i->json)
		r = add_words(s, &args, e);
	else
		r = plan_with_shell(s, s->i->words.len > 0 ? s->i->words.items[0].text : "", &args, e);
	if (r < 0)
		return r;
	*member = args;
	args = old;
	return plan_history_list(s, dockerfile_op_name(s->i->op), member, true, e);
}

static int cmd(struct plan_state *s, struct err *e)
{
	s->out->config.args_escaped = true;
	return command(s, &s->cmd, &s->out->config.cmd, e);
}

static int entrypoint(struct plan_state *s, struct err *e)
{
	int r = command(s, &s->entrypoint, &s->out->config.entrypoint, e);

	/* The base's CMD was meant for the base's ENTRYPOINT. */
	if (r == 0 && !s->cmd)
		strvec_done(&s->out->config.cmd);
	return r;
}

static int shell(struct plan_state *s, struct err *e)
{
	int r;

	strvec_done(&s->out->config.shell);
	r = add_words(s, &s->out->config.shell, e);
	return r < 0 ? r : plan_history_list(s, "SHELL", &s->out->config.shell, false, e);
}

static const char *health_kind(const struct dockerfile_instruction *i)
{
	if (i->health->none)
		return "NONE";
	return i->json ? "CMD" : "CMD-SHELL";
}

static int healthcheck(struct plan_state *s, struct err *e)
{
	const struct dockerfile_health *from = s->i->health;
	struct image_config *c = &s->out->config;
	int r;

	check_once(s, &s->health);
	if (!c->healthcheck)
		c->healthcheck = calloc(1, sizeof(*c->healthcheck));
	if (!c->healthcheck)
		return plan_no_memory(e);
	strvec_done(&c->healthcheck->test);
	*c->healthcheck = (struct image_healthcheck){ .interval_ns = from->interval_ns,
						      .timeout_ns = from->timeout_ns,
						      .start_period_ns = from->start_period_ns,
						      .start_interval_ns = from->start_interval_ns,
						      .retries = from->retries };
	r = strvec_add(&c->healthcheck->test, health_kind(s->i));
	if (r < 0)
		return keep_error(r, s, e);
	r = from->none ? 0 : add_words(s, &c->healthcheck->test, e);
	return r < 0 ? r : plan_history_health(s, c->healthcheck, e);
}

/* --- one word ------------------------------------------------------------------------------------- */

/* Expands the only word of the instruction. */
static int only_word(const struct plan_state *s, char **ret, struct err *e)
{
	const struct dockerfile_word *w = &s->i->words.items[0];

	return plan_expand(s, w->text, w->at, ret, e);
}

static int maintainer(struct plan_state *s, struct err *e)
{
	cleanup_free char *author = strdup(s->i->words.len > 0 ? s->i->words.items[0].text : "");

	if (!author)
		return plan_no_memory(e);
	set_text(&s->out->config.author, &author);
	return history_text(s, "MAINTAINER", s->out->config.author, e);
}

static int user(struct plan_state *s, struct err *e)
{
	cleanup_free char *text = NULL;
	int r = only_word(s, &text, e);

	if (r < 0)
		return r;
	set_text(&s->out->config.user, &text);
	return history_text(s, "USER", s->out->config.user, e);
}

/* Without the "SIG" in front. */
static bool is_signal_name(const char *name)
{
	static const char *const OTHERS[] = { "IO", "IOT", "CLD", "POLL", "RTMIN", "RTMAX" };
	uint64_t offset;

	for (int i = 1; i < SIGNAL_RT_MIN; i++)
		if (signal_abbreviation(i) && strcasecmp(signal_abbreviation(i), name) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++)
		if (strcasecmp(OTHERS[i], name) == 0)
			return true;
	if (strncasecmp(name, "RTMIN+", 6) == 0)
		return parse_u64(name + 6, 1, 15, &offset) == 0;
	return strncasecmp(name, "RTMAX-", 6) == 0 && parse_u64(name + 6, 1, 14, &offset) == 0;
}

static int stop_signal(struct plan_state *s, struct err *e)
{
	cleanup_free char *text = NULL;
	uint64_t number;
	int r = only_word(s, &text, e);

	if (r < 0)
		return r;
	if (parse_u64(text, 1, INT32_MAX, &number) < 0 &&
	    !is_signal_name(strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text))
		return plan_error(s, s->i->words.items[0].at, e, "invalid signal: %s", text);
	set_text(&s->out->config.stop_signal, &text);
	return history_text(s, "STOPSIGNAL", s->out->config.stop_signal, e);
}

/* --- others --------------------------------------------------------------------------------------- */

static int volume(struct plan_state *s, struct err *e)
{
	cleanup_strvec struct strvec volumes = { 0 };
	struct strvec *all = &s->out->config.volumes;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->i->words.len; i++) {
		const struct dockerfile_word *w = &s->i->words.items[i];
		cleanup_free char *text = NULL;

		r = plan_expand(s, w->text, w->at, &text, e);
		if (r < 0)
			return r;
		if (!*text)
			return plan_error(s, w->at, e, "VOLUME specified can not be an empty string");
		r = strvec_has(all, text) ? 0 : strvec_add(all, text);
		if (r == 0)
			r = strvec_take(&volumes, ptr_take(text));
	}
	return r < 0 ? keep_error(r, s, e) : plan_history_list(s, "VOLUME", &volumes, false, e);
}

/* Stays out of the history: nothing happens in this image. */
static int onbuild(struct plan_state *s, struct err *e)
{
	int r = strvec_add(&s->out->config.on_build, s->i->trigger_text);

	return r < 0 ? keep_error(r, s, e) : 0;
}

int plan_config(struct plan_state *s, struct err *e)
{
	switch (s->i->op) {
	case DOCKERFILE_CMD:
		return cmd(s, e);
	case DOCKERFILE_ENTRYPOINT:
		return entrypoint(s, e);
	case DOCKERFILE_ENV:
	case DOCKERFILE_LABEL:
		return pairs(s, e);
	case DOCKERFILE_HEALTHCHECK:
		return healthcheck(s, e);
	case DOCKERFILE_MAINTAINER:
		return maintainer(s, e);
	case DOCKERFILE_ONBUILD:
		return onbuild(s, e);
	case DOCKERFILE_SHELL:
		return shell(s, e);
	case DOCKERFILE_STOPSIGNAL:
		return stop_signal(s, e);
	case DOCKERFILE_USER:
		return user(s, e);
	default:
		return volume(s, e);
	}
}
