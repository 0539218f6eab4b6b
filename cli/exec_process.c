/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exec_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_env.h"
#include "cli/run_security.h"
#include "oci/image_user.h"
#include "common/cleanup.h"

static const struct strvec NONE = { 0 };

void exec_flags_done(struct exec_flags *f)
{
	strvec_done(&f->env);
	strvec_done(&f->env_files);
}

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* The home of whom the container's own process runs as. Owned; NULL: there is none to be found. */
static char *usual_home(const struct exec_context *c, const struct spec_user *user)
{
	struct spec_user found = { 0 };
	char who[16], *home = NULL;
	struct err ignored; /* then HOME stays as it is */

	(void)snprintf(who, sizeof(who), "%u", user->uid);
	if (image_user_resolve(who, c->passwd, c->group, &NONE, &found, &home, &ignored) < 0)
		home = NULL;
	free(found.additional_gids);
	return home;
}

static int set_home(const struct exec_context *c, const struct spec_user *before, const char *home,
		    struct spec_process *p, struct err *e)
{
	cleanup_free char *usual = usual_home(c, before);
	cleanup_free char *text = NULL;
	const char *now = strvec_get_env(&p->env, "HOME");

	if (now && (!usual || strcmp(now, usual) != 0))
		return 0;
	if (asprintf(&text, "HOME=%s", home) < 0) {
		text = NULL;
		return no_memory(e);
	}
	return strvec_set_env(&p->env, text) < 0 ? no_memory(e) : 0;
}

static int set_user(const struct exec_flags *f, const struct exec_context *c, struct spec_process *p,
		    struct err *e)
{
	struct spec_user user = { .umask = p->user.umask };
	cleanup_free char *home = NULL;
	int r = image_user_resolve(f->user, c->passwd, c->group, &NONE, &user, &home, e);

	if (r == 0)
		r = set_home(c, &p->user, home, p, e);
	if (r < 0) {
		free(user.additional_gids);
		return r;
	}
	free(p->user.additional_gids);
	p->user = user;
	return 0;
}

/* All that we have ourselves. */
static int set_privileged(struct spec_process *p, struct err *e)
{
	struct spec_capabilities *c = p->capabilities;
	cleanup_strvec struct strvec all = { 0 };
	int r = run_capabilities(&NONE, &NONE, &NONE, true, &all, e);

	if (r < 0)
		return r;
	if (!c)
		c = p->capabilities = calloc(1, sizeof(*c));
	if (!c)
		return no_memory(e);
	strvec_done(&c->bounding);
	strvec_done(&c->permitted);
	strvec_done(&c->effective);
	if (strvec_add_all(&c->bounding, &all) < 0 || strvec_add_all(&c->permitted, &all) < 0 ||
	    strvec_add_all(&c->effective, &all) < 0)
		return no_memory(e);
	free(p->apparmor_profile);
	p->apparmor_profile = NULL;
	return 0;
}

static void set_terminal(const struct exec_flags *f, const struct exec_context *c, struct spec_process *p)
{
	p->terminal = f->tty && !f->detach;
	p->console_height = (struct opt_u64){ .set = p->terminal && c->rows > 0, .value = c->rows };
	p->console_width = (struct opt_u64){ .set = p->terminal && c->columns > 0, .value = c->columns };
}

int exec_process_adapt(const struct exec_flags *f, const struct exec_context *c, char *const *args,
		       struct spec_process *p, struct err *e)
{
	int r = 0;

	if (f->workdir && f->workdir[0] != '/')
		return err_set(e, -EINVAL, "cwd must be an absolute path");
	strvec_done(&p->args);
	for (; r == 0 && *args; args++)
		r = strvec_add(&p->args, *args);
	if (r == 0 && f->tty && !strvec_get_env(&p->env, "TERM"))
		r = strvec_add(&p->env, "TERM=xterm");
	if (r < 0)
		return no_memory(e);
	set_terminal(f, c, p);
	if (f->user)
		r = set_user(f, c, p, e);
	if (r == 0)
		r = run_env_change(&f->env_files, &f->env, c->own, &p->env, e);
	if (r == 0 && f->privileged)
		r = set_privileged(p, e);
	if (r == 0 && f->workdir) {
		free(p->cwd);
		p->cwd = strdup(f->workdir);
		r = p->cwd ? 0 : no_memory(e);
	}
	return r;
}
