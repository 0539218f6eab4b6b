/* SPDX-License-Identifier: Apache-2.0 */
/* What a step sees, as digests: the content that is part of its key. */
#include "build/execution.h"

#include <stdlib.h>
#include <string.h>

#include "build/step_key.h"
#include "build/step_remote.h"
#include "common/cleanup.h"

/* --- COPY ----------------------------------------------------------------------------------------------- */

static int add_exclude(const struct strvec *patterns, struct ignore *out, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < patterns->len; i++)
		r = ignore_add(out, patterns->items[i], e);
	return r;
}

/* Of all that lies in one place: the sources that are paths. */
static int paths_digest(struct execution *x, const struct plan_copy *c, struct digest *ret, struct err *e)
{
	cleanup_free const char **paths = calloc(c->len + 1, sizeof(*paths));
	cleanup_ignore struct ignore exclude = { 0 };
	struct context_digest_options o = { .parents = c->parents,
					    .cache = x->build->stat_cache,
					    .cancel_fd = &x->params->cancel_fd };
	struct tree_ref from;
	size_t len = 0;
	int r;

	if (!paths)
		return err_code(e, -ENOMEM, "cannot look at what is copied");
	for (size_t i = 0; i < c->len; i++)
		if (c->sources[i].kind == PLAN_COPY_PATH)
			paths[len++] = c->sources[i].text;
	if (len == 0)
		return 0;
	r = execution_source(x, &c->from, &from, e);
	if (r == 0)
		r = add_exclude(&c->exclude, &exclude, e);
	if (r < 0)
		return r;
	o.exclude = c->exclude.len > 0 ? &exclude : NULL;
	o.owners = from.owners && !c->chown;
	if (from.tree) /* what is mounted has another device number each time */
		o.cache = NULL;
	return context_digest(&from.context, paths, len, &o, ret, e);
}

static int copy_contents(struct execution *x, struct step_job *job, const struct plan_copy *c,
			 struct digest *ret, struct err *e)
{
	size_t n = 0;
	int r = paths_digest(x, c, &ret[n++], e);

	for (size_t i = 0; r == 0 && i < c->len; i++) {
		if (c->sources[i].kind != PLAN_COPY_URL && c->sources[i].kind != PLAN_COPY_GIT)
			continue;
		r = step_remote_look(x, job, i, e);
		if (r == 0)
			ret[n++] = job->fetched[i].digest;
	}
	return r;
}

/* --- RUN ------------------------------------------------------------------------------------------------ */

/* What is mounted of a stage or an image is told by what that is; of a folder by what is in it. */
static int mount_digest(struct execution *x, const struct plan_run_mount *m, struct digest *ret,
			struct err *e)
{
	const char *source = m->mount.source ? m->mount.source : "/";
	const struct context_digest_options o = { .cache = x->build->stat_cache,
						  .cancel_fd = &x->params->cancel_fd };
	struct tree_ref from;
	int r;

	if (m->from.kind == PLAN_SCRATCH)
		return 0;
	r = execution_source(x, &m->from, &from, e);
	if (r < 0)
		return r;
	if (!from.tree)
		return context_digest(&from.context, &source, 1, &o, ret, e);
	*ret = from.tree->id;
	return 0;
}

static int run_contents(struct execution *x, const struct plan_run *run, struct digest *ret, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->mounts_len; i++)
		r = mount_digest(x, &run->mounts[i], &ret[i], e);
	return r;
}

int step_contents(struct execution *x, struct step_job *job, struct digest **ret, size_t *ret_len,
		  struct err *e)
{
	const struct plan_step *step = execution_step(x, job->stage, job->step);
	size_t len = step_key_contents(step);
	cleanup_free struct digest *digests = calloc(len + 1, sizeof(*digests));
	int r = 0;

	if (!digests)
		return err_code(e, -ENOMEM, "cannot look at what a step sees");
	if (step->kind == PLAN_COPY)
		r = copy_contents(x, job, &step->copy, digests, e);
	else if (step->kind == PLAN_RUN)
		r = run_contents(x, &step->run, digests, e);
	if (r < 0)
		return r;
	*ret = ptr_take(digests);
	*ret_len = len;
	return 0;
}
