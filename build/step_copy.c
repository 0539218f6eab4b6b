/* SPDX-License-Identifier: Apache-2.0 */
/* COPY, ADD and WORKDIR, in a process of their own. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/chmod_expr.h"
#include "build/copy.h"
#include "build/execution.h"
#include "build/owner.h"
#include "build/step_archive.h"
#include "build/step_remote.h"
#include "build/tree_view.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/rootfd.h"

#define HEREDOC_MODE 0644
#define UMASK        0022 /* of symbolic --chmod, where nobody is named */

/* --- what all sources share ----------------------------------------------------------------------------- */

struct copying {
	const struct step_place *place;
	const struct plan_copy *copy;
	int root_fd;
	struct copy_options options;
	struct chmod_expr chmod;
	struct ignore exclude;
	struct timespec time;
};

static int set_chmod(struct copying *c, struct err *e)
{
	int r;

	if (!c->copy->chmod)
		return 0;
	r = chmod_expr_parse(c->copy->chmod, UMASK, &c->chmod, e);
	c->options.chmod = &c->chmod;
	return r;
}

/* A name that nobody has is no error to BuildKit: the step's output says it. */
static int find_owner(const struct step_place *p, const char *who, uid_t *ret_uid, gid_t *ret_gid,
		      struct err *e)
{
	bool unknown = false;
	int r = owner_of_chown(p->below_fd, who, ret_uid, ret_gid, &unknown, e);

	if (r == 0 && unknown)
		(void)dprintf(STDERR_FILENO, "'%s' is not known in this image: taken as %u:%u\n", who,
			      (unsigned int)*ret_uid, (unsigned int)*ret_gid);
	return r;
}

static int set_chown(struct copying *c, struct err *e)
{
	if (!c->copy->chown)
		return 0;
	c->options.chown = true;
	return find_owner(c->place, c->copy->chown, &c->options.uid, &c->options.gid, e);
}

static int set_exclude(struct copying *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->copy->exclude.len; i++)
		r = ignore_add(&c->exclude, c->copy->exclude.items[i], e);
	c->options.exclude = c->copy->exclude.len > 0 ? &c->exclude : NULL;
	return r;
}

static int set_options(struct copying *c, struct err *e)
{
	const int64_t *epoch = execution_epoch(c->place->x);
	int r;

	c->options.dest = c->copy->dest;
	c->options.parents = c->copy->parents;
	c->options.later = c->place->later;
	if (epoch) {
		c->time.tv_sec = (time_t)*epoch;
		c->options.time = &c->time;
	}
	r = set_chmod(c, e);
	if (r == 0)
		r = set_chown(c, e);
	return r == 0 ? set_exclude(c, e) : r;
}

/* --- sources of all kinds ------------------------------------------------------------------------------- */

/* Made beside the layer, and copied from there like any other file. */
static int copy_heredoc(const struct copying *c, size_t index, struct err *e)
{
	const struct plan_copy_source *s = &c->copy->sources[index];
	cleanup_fd int dir_fd = -1;
	const char *const source = s->text;
	char name[96];
	int r;

	(void)snprintf(name, sizeof(name), "%s.doc%zu", c->place->job->name, index);
	r = dir_make_open(c->place->x->build->staging.fd, name, 0700, &dir_fd, e);
	if (r == 0)
		r = file_write_atomic(dir_fd, s->text, s->content, strlen(s->content), HEREDOC_MODE, e);
	if (r == 0 && fchmodat(dir_fd, s->text, HEREDOC_MODE, 0) < 0) /* whatever the umask is */
		r = err_errno(e, "cannot write '%s'", s->text);
	if (r == 0) {
		const struct context from = { .fd = dir_fd };

		r = copy_sources(&from, &source, 1, c->root_fd, &c->options, e);
	}
	return r;
}

static int copy_path(const struct copying *c, size_t index, struct err *e)
{
	const struct plan_copy_source *s = &c->copy->sources[index];
	const char *const source = s->text;
	struct tree_ref from;
	int r = execution_source(c->place->x, &c->copy->from, &from, e);

	if (r == 0 && s->unpack)
		return step_archive_copy(&from.context, source, c->root_fd, &c->options, e);
	return r < 0 ? r : copy_sources(&from.context, &source, 1, c->root_fd, &c->options, e);
}

/* What was fetched: a file of its name, or a whole working tree. */
static int copy_fetched(const struct copying *c, size_t index, struct err *e)
{
	const struct plan_copy_source *s = &c->copy->sources[index];
	const char *const all = s->kind == PLAN_COPY_GIT ? "." : "*";
	struct context from = { .fd = -1 };
	int r = step_remote_get(c->place->x, c->place->job, index, e);

	if (r < 0)
		return r;
	from.fd = c->place->job->fetched[index].fd;
	if (s->unpack)
		return step_archive_copy(&from, all, c->root_fd, &c->options, e);
	return copy_sources(&from, &all, 1, c->root_fd, &c->options, e);
}

static int copy_one(const struct copying *c, size_t index, struct err *e)
{
	switch (c->copy->sources[index].kind) {
	case PLAN_COPY_HEREDOC:
		return copy_heredoc(c, index, e);
	case PLAN_COPY_URL:
	case PLAN_COPY_GIT:
		return copy_fetched(c, index, e);
	case PLAN_COPY_PATH:
	default:
		return copy_path(c, index, e);
	}
}

static int copy_all(struct copying *c, struct err *e)
{
	struct tree_ref from;
	int r = set_options(c, e);

	if (r == 0 && c->copy->from.kind != PLAN_SCRATCH) {
		r = execution_source(c->place->x, &c->copy->from, &from, e);
		c->options.keep_owners = r == 0 && from.owners && !c->copy->chown;
	}
	for (size_t i = 0; r == 0 && i < c->copy->len; i++)
		r = copy_one(c, i, e);
	return r;
}

int step_copy_make(const struct step_place *p, struct err *e)
{
	struct copying c = { .place = p, .copy = &p->step->copy, .root_fd = -1 };
	int r;

	if (p->step->copy.link) /* a layer that goes on any other: it is made on nothing */
		strvec_done(&p->overlay->lower);
	r = tree_view_mount(p->overlay, &c.root_fd, e);
	if (r == 0)
		r = copy_all(&c, e);
	cleanup_fd_fn(&c.root_fd);
	ignore_done(&c.exclude);
	return r;
}

/* --- WORKDIR -------------------------------------------------------------------------------------------- */

/* One directory, which is the user's if it is new. */
static int make_dir(int root_fd, const char *path, uid_t uid, gid_t gid, struct err *e)
{
	cleanup_fd int fd = rootfd_try_open(root_fd, path, O_PATH | O_DIRECTORY);
	int r;

	if (fd >= 0)
		return 0;
	r = rootfd_mkdir_p(root_fd, path, 0755, &fd, e);
	if (r == 0 && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return err_errno(e, "cannot change the owner of '%s'", path);
	return r;
}

/* What is missing of `path`, which is clean, from the top on. */
static int make_dirs(int root_fd, char *path, uid_t uid, gid_t gid, struct err *e)
{
	int r = 0;

	for (char *slash = strchr(path + 1, '/'); r == 0 && slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = make_dir(root_fd, path, uid, gid, e);
		*slash = '/';
	}
	return r < 0 ? r : make_dir(root_fd, path, uid, gid, e);
}

int step_workdir_make(const struct step_place *p, struct err *e)
{
	cleanup_free char *path = strdup(p->step->directory);
	cleanup_fd int root_fd = -1;
	uid_t uid = 0;
	gid_t gid = 0;
	int r = path ? tree_view_mount(p->overlay, &root_fd, e)
		     : err_code(e, -ENOMEM, "cannot make a directory");

	if (r == 0 && p->step->directory_user[0])
		r = find_owner(p, p->step->directory_user, &uid, &gid, e);
	return r < 0 ? r : make_dirs(root_fd, path, uid, gid, e);
}
