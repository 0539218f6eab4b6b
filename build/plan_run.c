/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "build/plan_parts.h"
#include "build/platform_args.h"
#include "common/cleanup.h"

#define PIPES "/dev/pipes/"

/* What the shell, or nobody, is to interpret: of heredocs their script, or the file that a program is put into. */
static int shell_form(struct plan_state *s, struct plan_run *run, struct err *e)
{
	const struct dockerfile_run *from = s->i->run;
	const char *text = from->script ? from->script : s->i->words.items[0].text;
	cleanup_buf struct buf path = BUF_INIT(DOCKERFILE_MAX_BYTES);

	if (!from->is_program)
		return plan_with_shell(s, text, &run->argv, e);
	run->program_name = strdup(s->i->heredocs.items[0].name);
	run->program_text = strdup(text);
	if (!run->program_name || !run->program_text || buf_printf(&path, PIPES "%s", run->program_name) < 0)
		return plan_no_memory(e);
	return plan_with_shell(s, path.data, &run->argv, e);
}

static int command(struct plan_state *s, struct plan_run *run, struct err *e)
{
	int r = 0;

	if (!s->i->json && s->i->words.len > 0)
		return shell_form(s, run, e);
	for (size_t i = 0; r == 0 && i < s->i->words.len; i++)
		r = strvec_add(&run->argv, s->i->words.items[i].text);
	if (r < 0)
		return plan_no_memory(e);
	return run->argv.len > 0 ? 0 : plan_error(s, s->i->at, e, "RUN has no command");
}

static int network(struct plan_state *s, struct plan_run *run, struct err *e)
{
	const struct dockerfile_word *w = &s->i->run->network;
	struct err cause = { 0 };
	int r;

	if (!w->text || !*w->text) {
		run->network = strdup("default");
		return run->network ? 0 : plan_no_memory(e);
	}
	r = plan_expand(s, w->text, w->at, &run->network, e);
	if (r < 0)
		return r;
	r = dockerfile_check_network(run->network, &cause);
	return r < 0 ? plan_place(s, w->at, &cause, e) : 0;
}

static int devices(struct plan_state *s, struct plan_run *run, struct err *e)
{
	const struct dockerfile_words *from = &s->i->run->devices;
	struct err cause = { 0 };
	int r = 0;

	if (from->len == 0)
		return 0;
	run->devices = calloc(from->len, sizeof(*run->devices));
	if (!run->devices)
		return plan_no_memory(e);
	for (size_t i = 0; r == 0 && i < from->len; i++) {
		r = run_device_parse(from->items[i].text, &run->devices[i], &cause);
		if (r < 0)
			return plan_place(s, from->items[i].at, &cause, e);
		run->devices_len++;
	}
	return r;
}

static int surroundings(struct plan_state *s, struct plan_run *run, struct err *e)
{
	const char *security = s->i->run->security.text;
	const struct image_config *c = &s->out->config;
	int r = plan_charge_list(s->p, &s->out->env, e);

	if (r < 0)
		return r;
	run->cwd = strdup(c->working_dir && *c->working_dir ? c->working_dir : "/");
	run->user = strdup(c->user ? c->user : "");
	run->insecure = security && strcmp(security, "insecure") == 0;
	if (!run->cwd || !run->user || strvec_add_all(&run->env, &s->out->env) < 0)
		return plan_no_memory(e);
	return s->p->o->build_args ? proxy_args_env(s->p->o->build_args, &run->proxy_env, e) : 0;
}

/* The arguments that the command sees, each once, in the order of their first declaration. */
static int visible_args(const struct plan_state *s, struct strvec *ret)
{
	const struct strvec *args = &s->out->build_args;
	int r = 0;

	for (size_t i = 0; r == 0 && i < args->len; i++) {
		const char *declared = strchr(args->items[i], '=');
		cleanup_free char *name = strndup(args->items[i], strcspn(args->items[i], "="));
		cleanup_buf struct buf item = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
		const char *value = name ? plan_value(&s->out->env, name) : NULL;

		if (!value)
			value = declared ? declared + 1 : "";
		r = name ? buf_printf(&item, "%s=%s", name, value) : -ENOMEM;
		if (r == 0)
			r = strvec_set_env(ret, item.data);
	}
	return r;
}

/* "RUN |1 A=b /bin/sh -c x # buildkit" */
static int history(struct plan_state *s, const struct strvec *argv, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	cleanup_strvec struct strvec args = { 0 };
	int r = visible_args(s, &args);

	if (r == 0)
		r = buf_add_str(&text, "RUN");
	if (r == 0 && args.len > 0)
		r = buf_printf(&text, " |%zu", args.len);
	for (size_t i = 0; r == 0 && i < args.len; i++)
		r = buf_printf(&text, " %s", args.items[i]);
	for (size_t i = 0; r == 0 && i < argv->len; i++)
		r = buf_printf(&text, " %s", argv->items[i]);
	if (r == 0)
		r = buf_add_str(&text, " # buildkit");
	return r < 0 ? err_code(e, r, "cannot write the history of RUN")
		     : plan_history(s, text.data, true, e);
}

int plan_run_step(struct plan_state *s, struct err *e)
{
	struct plan_step *step;
	struct plan_run *run;
	int r = plan_step_add(s, PLAN_RUN, &step, e);

	if (r < 0)
		return r;
	run = &step->run;
	r = command(s, run, e);
	if (r == 0)
		r = surroundings(s, run, e);
	if (r == 0)
		r = network(s, run, e);
	if (r == 0)
		r = devices(s, run, e);
	if (r == 0)
		r = plan_mounts(s, run, e);
	return r < 0 ? r : history(s, &run->argv, e);
}
