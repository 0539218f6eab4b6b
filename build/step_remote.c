/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_remote.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/remote.h"
#include "build/remote_auth.h"
#include "build/url_record.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/hash.h"

static int make_dir(const struct execution *x, const struct step_job *job, size_t index, int *ret_fd,
		    struct err *e)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "%s.get%zu", job->name, index);
	return dir_make_open(x->build->staging.fd, name, 0700, ret_fd, e);
}

const char *build_git_agent(const struct build_params *p)
{
	for (size_t i = 0; i < p->ssh_len; i++)
		if (strcmp(p->ssh[i].id, "default") == 0)
			return p->ssh[i].socket_path;
	return p->ssh_len > 0 ? p->ssh[0].socket_path : NULL;
}

static struct remote_options options_of(const struct execution *x)
{
	return (struct remote_options){ .cancel_fd = x->params->cancel_fd,
					.ssh_auth_sock = build_git_agent(x->params) };
}

static const struct plan_copy *copy_of(const struct execution *x, const struct step_job *job)
{
	return &execution_step(x, job->stage, job->step)->copy;
}

/* Never in the key of a step: what comes of it is. */
static int authorize(const struct execution *x, const struct plan_copy_source *s, char **ret, struct err *e)
{
	return s->kind == PLAN_COPY_GIT ? remote_auth_git(x->params, s->git.remote, ret, e)
					: remote_auth_url(x->params, s->text, ret, e);
}

/* What a checkout will be is told by its commit. */
static int look_git(const struct plan_copy_source *s, const struct remote_options *o, struct fetched *f,
		    struct err *e)
{
	char text[REMOTE_COMMIT_MAX + 8];
	int len, r = remote_git_resolve(&s->git, o, &f->commit, e);

	if (r < 0)
		return r;
	len = snprintf(text, sizeof(text), "git %s", f->commit.commit);
	return hash_bytes("sha256", text, (size_t)len, &f->digest, e);
}

/* Its name and its time become those of the copy. */
static int url_digest(const struct remote_file *file, struct digest *ret, struct err *e)
{
	char text[DIGEST_TEXT_MAX + DOWNLOAD_NAME_MAX + 32];
	int len = snprintf(text, sizeof(text), "%s %lld %s", file->digest.text, (long long)file->mtime,
			   file->name);

	return hash_bytes("sha256", text, (size_t)len, ret, e);
}

/* Into staging, or, where it is what the cache knows, nowhere. */
static int look_url(const struct execution *x, struct step_job *job, size_t index,
		    const struct remote_options *options, struct err *e)
{
	const struct plan_copy *c = copy_of(x, job);
	const char *url = c->sources[index].text;
	struct fetched *f = &job->fetched[index];
	struct remote_options o = *options;
	struct remote_file file = { 0 }, known;
	cleanup_fd int dir_fd = -1;
	int r = build_stage(x->build, e);

	if (!job->fetches_all && execution_may_look(x, job->stage) &&
	    url_record_find(x->build->store, url, x->now_s, &known))
		o.known = &known;
	if (r == 0)
		r = make_dir(x, job, index, &dir_fd, e);
	if (r == 0)
		r = remote_fetch_url(url, c->sources[index].file_name, c->checksum, dir_fd, &o, &file, e);
	if (r == 0 && !file.not_modified)
		r = url_record_put(x->build->store, url, &file, e);
	if (r == 0)
		r = url_digest(&file, &f->digest, e);
	if (r < 0)
		return r;
	f->content = file.digest;
	if (!file.not_modified)
		f->fd = fd_take(&dir_fd);
	return 0;
}

bool step_remote_forget(const struct execution *x, struct step_job *job)
{
	const struct plan_step *step = execution_step(x, job->stage, job->step);
	bool found = false;

	for (size_t i = 0; step->kind == PLAN_COPY && i < job->fetched_len; i++) {
		if (step->copy.sources[i].kind != PLAN_COPY_URL || job->fetched[i].fd >= 0)
			continue;
		job->fetched[i].digest = (struct digest){ 0 };
		found = true;
	}
	job->fetches_all = true;
	return found;
}

static int make_list(const struct execution *x, struct step_job *job, struct err *e)
{
	size_t len = copy_of(x, job)->len;

	if (job->fetched)
		return 0;
	job->fetched = calloc(len, sizeof(*job->fetched));
	if (!job->fetched)
		return err_code(e, -ENOMEM, "cannot fetch what is to be added");
	for (job->fetched_len = 0; job->fetched_len < len; job->fetched_len++)
		job->fetched[job->fetched_len].fd = -1;
	return 0;
}

int step_remote_look(struct execution *x, struct step_job *job, size_t index, struct err *e)
{
	const struct plan_copy_source *s = &copy_of(x, job)->sources[index];
	cleanup_remote_auth char *authorization = NULL;
	struct remote_options o = options_of(x);
	int r = make_list(x, job, e);

	if (r < 0 || digest_is_set(&job->fetched[index].digest))
		return r; /* it is looked at once more after the copy, and is the same */
	r = authorize(x, s, &authorization, e);
	if (r < 0)
		return r;
	o.authorization = authorization;
	return s->kind == PLAN_COPY_GIT ? look_git(s, &o, &job->fetched[index], e)
					: look_url(x, job, index, &o, e);
}

static int note(const struct plan_copy_source *s, const struct fetched *f, struct strvec *to)
{
	bool is_git = s->kind == PLAN_COPY_GIT, has_ref = is_git && s->git.ref;
	cleanup_free char *shown = download_redact(is_git ? s->git.remote : s->text);
	int r = shown ? strvec_addf(to, "%s%s%s", shown, has_ref ? "#" : "", has_ref ? s->git.ref : "")
		      : -ENOMEM;

	if (r < 0)
		return r;
	return is_git ? strvec_addf(to, "%s:%s", strlen(f->commit.commit) == 40 ? "sha1" : "sha256",
				    f->commit.commit)
		      : strvec_add(to, f->content.text);
}

int step_remote_note(struct execution *x, const struct step_job *job, struct err *e)
{
	for (size_t i = 0; i < job->fetched_len; i++)
		if (digest_is_set(&job->fetched[i].digest) &&
		    note(&copy_of(x, job)->sources[i], &job->fetched[i], &x->sources) < 0)
			return err_code(e, -ENOMEM, "cannot note what was fetched");
	return 0;
}

int step_remote_get(const struct execution *x, struct step_job *job, size_t index, struct err *e)
{
	const struct plan_copy_source *s = &copy_of(x, job)->sources[index];
	struct fetched *f = &job->fetched[index];
	cleanup_remote_auth char *authorization = NULL;
	struct remote_options o = options_of(x);
	cleanup_fd int dir_fd = -1;
	int r;

	if (f->fd >= 0)
		return 0;
	r = authorize(x, s, &authorization, e);
	if (r == 0)
		r = make_dir(x, job, index, &dir_fd, e);
	o.authorization = authorization;
	o.cancel_fd = -1; /* who cancels ends this process */
	return r < 0 ? r : remote_git(&s->git, &f->commit, dir_fd, &o, &f->fd, e);
}
