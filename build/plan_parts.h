/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the planner share; nobody else includes this. */
#ifndef SAMPAN_BUILD_PLAN_PARTS_H
#define SAMPAN_BUILD_PLAN_PARTS_H

#include "build/expand.h"
#include "build/plan.h"
#include "build/stages.h"
#include "common/buf.h"

#define PLAN_HISTORY_TEXT_MAX (4U << 20) /* bytes of one created_by */
#define PLAN_BYTES_MAX \
	(256U << 20) /* of all texts of a plan: a line that doubles a variable fills any memory */
#define PLAN_SCRATCH_NAME "scratch"

struct plan_base {
	bool needed, dispatched;
	char *name; /* of FROM, expanded */
	struct platform platform;
	bool has_platform; /* --platform */
	size_t stage;      /* or STAGE_NONE */
	bool replaced;
};

struct planner {
	const struct dockerfile *f;
	const struct build_plan_options *o;
	struct stages stages;
	size_t target;
	struct strvec global_args;  /* NAME=VALUE */
	struct strvec global_names; /* of ARGs before the first FROM */
	struct plan_base *bases;    /* one for each stage */
	struct plan_stage *out;     /* the same */
	struct check_options own_check;
	const struct check_options *check;
	struct plan_warning *warnings;
	size_t warnings_len;
	bool has_epoch;
	int64_t epoch;
	size_t bytes;  /* that were charged so far */
	char *created; /* of history entries; NULL: not known yet */
};

/* A stage whose instructions are being gone through. */
struct plan_state {
	struct planner *p;
	struct plan_stage *out;
	size_t index;
	const struct dockerfile *file; /* that the instruction is from: a trigger has its own */
	const struct dockerfile_instruction *i;
	bool trigger;
	const struct dockerfile_instruction *cmd, *entrypoint, *health; /* the last ones */
};

/* An error at a place of the file that the instruction is from. */
#define plan_error(s, at, e, ...) dockerfile_error((s)->file, at, -EINVAL, e, __VA_ARGS__)
/* Puts the place before an error that has none. */
int plan_place(const struct plan_state *s, size_t at, const struct err *cause, struct err *e);
static inline int plan_no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot plan the build");
}
/* Counts what a plan takes. -EFBIG over PLAN_BYTES_MAX. */
int plan_charge(struct planner *p, size_t bytes, struct err *e) MUST_CHECK;
int plan_charge_list(struct planner *p, const struct strvec *v, struct err *e) MUST_CHECK;

/* --- build/plan_env.c: variables --- */

/* The value of the last NAME=VALUE; NULL. */
const char *plan_value(const struct strvec *v, const char *name);
/* Takes NAME=VALUE out where it is, and appends it. */
int plan_set_last(struct strvec *v, const char *name, const char *value) MUST_CHECK;
/* A word of the instruction, with the variables of the stage, and the check of those that are not there. */
int plan_expand(const struct plan_state *s, const char *word, size_t at, char **ret,
		struct err *e) MUST_CHECK;
int plan_expand_list(const struct plan_state *s, const char *word, size_t at, struct strvec *ret,
		     struct err *e) MUST_CHECK;
int plan_expand_heredoc(const struct plan_state *s, const struct dockerfile_heredoc *h, char **ret,
			struct err *e) MUST_CHECK;
/* What FROM sees. `build_args` NULL: with the defaults that the file has. */
int plan_global_args(struct planner *p, const struct strvec *build_args, struct strvec *ret,
		     struct err *e) MUST_CHECK;
int plan_arg(struct plan_state *s, struct err *e) MUST_CHECK;
int plan_env(struct plan_state *s, struct err *e) MUST_CHECK;
int plan_unused_args(struct planner *p, struct err *e) MUST_CHECK;
int plan_epoch(struct planner *p, struct err *e) MUST_CHECK;

/* --- build/plan_from.c: bases --- */
int plan_bases(struct planner *p, struct err *e) MUST_CHECK;
int plan_start_stage(struct planner *p, size_t index, struct err *e) MUST_CHECK;
/* What a name means that is no stage. */
int plan_source_find(const struct planner *p, const char *name, const struct platform *platform,
		     struct plan_source *ret, struct err *e) MUST_CHECK;
/* What COPY --from or a mount reads, a stage of it being marked as needed. */
int plan_source_of(const struct plan_state *s, const char *name, size_t at, struct plan_source *ret,
		   struct err *e) MUST_CHECK;
void plan_source_done(struct plan_source *s);

/* --- build/plan_onbuild.c --- */
int plan_triggers(struct plan_state *s, struct err *e) MUST_CHECK;

/* --- steps --- */
int plan_dispatch(struct plan_state *s, struct err *e) MUST_CHECK;
int plan_config(struct plan_state *s, struct err *e) MUST_CHECK;
int plan_expose(struct plan_state *s, struct err *e) MUST_CHECK;
int plan_workdir(struct plan_state *s, struct err *e) MUST_CHECK;
int plan_run_step(struct plan_state *s, struct err *e) MUST_CHECK;
int plan_copy_step(struct plan_state *s, struct err *e) MUST_CHECK;
int plan_mounts(struct plan_state *s, struct plan_run *run, struct err *e) MUST_CHECK;
/* A path of the stage: absolute, clean, with its '/' at the end kept. Owned; NULL: out of memory. */
char *plan_absolute(const struct plan_state *s, const char *path, bool keep_slash) MUST_CHECK;
/* A new step of the stage, empty but for what all have. -EFBIG, -ENOMEM. */
int plan_step_add(struct plan_state *s, enum plan_step_kind kind, struct plan_step **ret,
		  struct err *e) MUST_CHECK;
void plan_step_done(struct plan_step *step);
void plan_stage_done(struct plan_stage *s);
/* "SHELL" of the stage, and `text` behind it. */
int plan_with_shell(const struct plan_state *s, const char *text, struct strvec *ret,
		    struct err *e) MUST_CHECK;
/* 1: `url` is git's, and *ret is filled; 0: it is not. -EINVAL without a place, -ENOMEM. build/plan_git.c */
int plan_git_parse(const char *url, struct plan_git *ret, struct err *e) MUST_CHECK;
void plan_git_done(struct plan_git *g);

/* --- history: build/plan_history.c --- */
int plan_history(struct plan_state *s, const char *created_by, bool has_layer, struct err *e) MUST_CHECK;
/* "NAME [a b]", and with quotes "NAME ["a" "b"]", as Go prints lists. */
int plan_history_list(struct plan_state *s, const char *name, const struct strvec *list, bool quoted,
		      struct err *e) MUST_CHECK;
int plan_history_health(struct plan_state *s, const struct image_healthcheck *h, struct err *e) MUST_CHECK;

/* --- checks: build/plan_checks.c --- */

/* Notes a finding about an instruction of the Dockerfile. What does not fit is dropped: it is advice. */
void plan_warn_at(struct planner *p, enum check_id id, const struct dockerfile_instruction *i, const char *w0,
		  const char *w1, const char *w2);
void plan_warn(const struct plan_state *s, enum check_id id, const char *w0, const char *w1);
void plan_warn_text(struct planner *p, const char *text);
/* What can be said of the file alone. */
void plan_check_file(struct planner *p);
int plan_check_report(struct planner *p, struct err *e) MUST_CHECK;
void plan_warnings_done(struct planner *p);

#endif
