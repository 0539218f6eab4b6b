/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of an execution share: build/executor.c (order, cache), build/step_job.c (a step's process), build/step_copy.c, build/step_run.c. Inside
 * build/ only. */
#ifndef SAMPAN_BUILD_EXECUTION_H
#define SAMPAN_BUILD_EXECUTION_H

#include <sys/types.h>

#include "build/build.h"
#include "build/remote.h"
#include "build/schedule.h"

/* A tree that is read: of a stage or an image mounted, of a folder as it is. */
struct tree {
	int fd;
	char *path; /* where it is mounted, in this process's mount namespace; NULL: nowhere so far */
	const struct strvec *layers; /* that it is made of */
	struct digest id;            /* what tells it from all others; unset: a folder, which may change */
	size_t layers_len;           /* of a stage: how many of its layers are in it */
};

/* Where a source of a step is, and what is left out. */
struct tree_ref {
	struct context context;
	struct tree *tree; /* NULL: a folder */
	bool owners;       /* are its own */
};

/* What a layer was made by. */
struct made_step {
	size_t history; /* index of its entry in the configuration */
	struct digest key, before;
	const char *text; /* the plan's */
	bool is_remembered;
};

struct stage_run {
	struct digest key; /* of what has been made so far */
	struct strvec layers;
	struct step_layer *made;
	struct made_step *made_steps; /* for each */
	size_t made_len;
	const struct base_image *base;
	struct tree tree;
	bool begun;
};

struct image_tree {
	const struct base_image *image;
	struct tree tree;
};

/* What a step gets from elsewhere, as far as it was looked at before its key was known. */
struct fetched {
	int fd;                      /* of the directory that it is in; -1: nothing so far */
	struct digest digest;        /* for the key */
	struct digest content;       /* of a URL's file */
	struct remote_commit commit; /* of git: to be checked out by the step itself */
};

struct step_job;

struct execution {
	struct build *build;
	const struct build_plan *plan;
	struct base_images *bases;
	const struct build_params *params;
	struct stage_run *stages; /* as in the plan */
	struct image_tree *images;
	size_t images_len;
	struct schedule schedule;
	struct step_job *jobs;
	size_t jobs_len;
	struct strvec sources; /* see struct build_result */
	int64_t now_s;
	bool is_new;
};

/* What a stage begins with is known from then on; once is enough. Its base has been made by now. */
int execution_begin_stage(struct execution *x, size_t stage, struct err *e) MUST_CHECK;

/* The tree of what a stage has so far, mounted if need be. Borrowed. */
int execution_stage_tree(struct execution *x, size_t stage, struct tree **ret, struct err *e) MUST_CHECK;

/* Mounts it, if need be, at a path, from where it can be bound to other places. */
int execution_mount_tree(struct execution *x, struct tree *t, struct err *e) MUST_CHECK;

/* Where a source is. */
int execution_source(struct execution *x, const struct plan_source *source, struct tree_ref *ret,
		     struct err *e) MUST_CHECK;

const struct build_folder *execution_folder(const struct execution *x, const char *name);

static inline const struct plan_step *execution_step(const struct execution *x, size_t stage, size_t step)
{
	return &x->plan->stages[stage].steps[step];
}

/* The key of a job's step, of what it sees. */
int execution_key(const struct execution *x, const struct step_job *j, const struct digest *contents,
		  size_t len, struct digest *ret, struct err *e) MUST_CHECK;

/* Whether what was made before may be taken: --no-cache, --no-cache-filter. */
bool execution_may_look(const struct execution *x, size_t stage);

/* SOURCE_DATE_EPOCH; NULL: none. */
static inline const int64_t *execution_epoch(const struct execution *x)
{
	return x->plan->has_epoch ? &x->plan->epoch : NULL;
}

/* --- build_result.c --- */

int build_result_make(struct execution *x, struct build_result *ret, struct err *e) MUST_CHECK;

/* --- step_job.c: a step in a process of its own ----------------------------------------------------------- */

struct step_report {
	struct err error; /* code 0: it is made */
	int32_t exit_code;
	bool found;         /* somebody else has made it meanwhile */
	bool is_remembered; /* the cache has it: what the step saw is what its key says */
	struct step_layer layer;
};

struct step_job {
	size_t stage, step;
	struct digest before, key;
	struct fetched *fetched; /* for each source that was fetched, by its index; NULL: none */
	size_t fetched_len;
	bool fetches_all; /* whatever the cache knows of URLs */
	char name[48];    /* of its directory in staging */
	int pidfd;        /* -1: none */
	int report_fd, output_fd;
	int64_t begun_ms;
};
void step_job_done(struct step_job *j);

/* Starts it. The trees that it reads are open. */
int step_job_start(struct execution *x, struct step_job *j, struct err *e) MUST_CHECK;

/* It has ended: what it says. -EPROTO it died. */
int step_job_finish(struct step_job *j, struct step_report *ret, struct err *e) MUST_CHECK;

/* --- in that process ---------------------------------------------------------------------------------------- */

struct overlay_plan;
struct copy_later;

/* What a step writes goes into the tree of `overlay`; below_fd is the stage's tree so far. */
struct step_place {
	struct execution *x; /* this process's own */
	struct step_job *job;
	const struct plan_step *step;
	struct overlay_plan *overlay;
	int below_fd;             /* -1: the stage is empty */
	struct copy_later *later; /* what COPY leaves to step_layer_commit */
};

int step_copy_make(const struct step_place *p, struct err *e) MUST_CHECK;
int step_workdir_make(const struct step_place *p, struct err *e) MUST_CHECK;

/* *ret_exit is not 0: the command has failed, and *e says so. */
int step_run_make(const struct step_place *p, int32_t *ret_exit, struct err *e) MUST_CHECK;

/* --- step_contents.c: before that ----------------------------------------------------------------------------- */

/* Digests of what the step sees, as step_key_next wants them (owned array of *ret_len); fetches what has to be fetched, into `job`. */
int step_contents(struct execution *x, struct step_job *job, struct digest **ret, size_t *ret_len,
		  struct err *e) MUST_CHECK;

#endif
