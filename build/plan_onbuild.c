/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "build/plan_parts.h"

#define NAME_MAX_BYTES 128

static int trigger(struct plan_state *s, const char *text, struct err *e)
{
	struct plan_state own = *s;
	cleanup_dockerfile struct dockerfile f = { 0 };
	char name[NAME_MAX_BYTES];
	int r;

	(void)snprintf(name, sizeof(name), "ONBUILD of %.100s", s->out->base_name);
	r = dockerfile_parse_trigger(text, strlen(text), name, &f, e);
	if (r < 0)
		return r;
	own.file = &f;
	own.i = &f.items[0];
	own.trigger = true;
	r = plan_dispatch(&own, e);
	s->cmd = own.cmd;
	s->entrypoint = own.entrypoint;
	s->health = own.health;
	return r;
}

int plan_triggers(struct plan_state *s, struct err *e)
{
	const struct dockerfile_instruction *from = s->p->stages.items[s->index].from;
	cleanup_strvec struct strvec triggers = s->out->config.on_build;
	int r = 0;

	/* They are this image's only if it has an ONBUILD of its own. */
	s->out->config.on_build = (struct strvec){ 0 };
	if (triggers.len > PLAN_TRIGGERS_MAX)
		return dockerfile_error(s->p->f, from->from->base.at, -EFBIG, e,
					"the base has more than %d ONBUILD triggers", PLAN_TRIGGERS_MAX);
	for (size_t i = 0; r == 0 && i < triggers.len; i++)
		r = trigger(s, triggers.items[i], e);
	return r;
}
