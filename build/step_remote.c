/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_remote.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/remote.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/hash.h"

static int make_dir(struct execution *x, const struct step_job *job, size_t index, int *ret_fd, struct err *e)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "fetch-%zu-%zu-%zu", job->stage, job->step, index);
	return dir_make_open(x->build->staging.fd, name, 0700, ret_fd, e);
}

/* What a checkout will be is told by its commit. */
static int git_digest(const struct remote_commit *c, struct digest *ret, struct err *e)
{
	char text[REMOTE_COMMIT_MAX + 8];
	int len = snprintf(text, sizeof(text), "git %s", c->commit);

	return hash_bytes("sha256", text, (size_t)len, ret, e);
}

static int get_git(const struct plan_copy_source *s, int dir_fd, const struct remote_options *o,
		   struct fetched *f, struct err *e)
{
	struct remote_commit commit;
	int r = remote_git_resolve(&s->git, o, &commit, e);

	if (r == 0)
		r = remote_git(&s->git, &commit, dir_fd, o, &f->fd, e);
	return r < 0 ? r : git_digest(&commit, &f->digest, e);
}

static int get_url(const struct plan_copy_source *s, const struct plan_copy *c, int *dir_fd,
		   const struct remote_options *o, struct fetched *f, struct err *e)
{
	struct remote_file file;
	int r = remote_fetch_url(s->text, s->file_name, c->checksum, *dir_fd, o, &file, e);

	if (r < 0)
		return r;
	f->digest = file.digest;
	f->fd = fd_take(dir_fd);
	return 0;
}

int step_remote_get(struct execution *x, struct step_job *job, size_t index, struct err *e)
{
	const struct plan_copy *c = &execution_step(x, job->stage, job->step)->copy;
	const struct plan_copy_source *s = &c->sources[index];
	const struct remote_options o = { .cancel_fd = x->params->cancel_fd,
					  .ssh_auth_sock = x->params->ssh_len > 0 ?
								   x->params->ssh[0].socket_path :
								   NULL };
	cleanup_fd int dir_fd = -1;
	int r;

	if (!job->fetched) {
		job->fetched = calloc(c->len, sizeof(*job->fetched));
		if (!job->fetched)
			return err_code(e, -ENOMEM, "cannot fetch '%s'", s->text);
		for (job->fetched_len = 0; job->fetched_len < c->len; job->fetched_len++)
			job->fetched[job->fetched_len].fd = -1;
	}
	if (job->fetched[index].fd >= 0)
		return 0; /* it is looked at once more after the copy, and is the same */
	r = make_dir(x, job, index, &dir_fd, e);
	if (r < 0)
		return r;
	return s->kind == PLAN_COPY_GIT ? get_git(s, dir_fd, &o, &job->fetched[index], e) :
					  get_url(s, c, &dir_fd, &o, &job->fetched[index], e);
}
