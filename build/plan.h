/* SPDX-License-Identifier: Apache-2.0 */
/* What a build has to do: the stages that the target needs, each with its base, its steps and the configuration of its image, as
 * BuildKit has it (dockerfile2llb). Pure: base images come through a callback, and nothing is read, fetched or run.
 *
 *	struct build_plan_options o = { .target_platform = ..., .base = ..., .base_arg = ... };
 *	build_plan_make(&file, &o, &plan, e)        then walk plan.stages in order: none reads a later one
 */
#ifndef SAMPAN_BUILD_PLAN_H
#define SAMPAN_BUILD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build/checks_text.h"
#include "build/dockerfile.h"
#include "build/ignore.h"
#include "build/run_mount.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/image_config.h"
#include "oci/platform.h"

#define PLAN_STEPS_MAX    16384 /* of one stage; triggers count too */
#define PLAN_TRIGGERS_MAX 1024  /* of one base */
#define PLAN_WARNINGS_MAX 4096  /* later ones are dropped */
#define PLAN_PORTS_MAX    65536 /* of one image */

/* --- what is asked for -------------------------------------------------------------------------------- */

struct plan_warning {
	enum check_id check;            /* CHECK_COUNT: none of BuildKit's checks, `text` says all */
	size_t at;                      /* in the Dockerfile */
	uint32_t first_line, last_line; /* 0: about no line */
	char *text;
};

struct build_plan_options {
	const struct strvec *
		build_args; /* NAME=VALUE; SOURCE_DATE_EPOCH and BUILDKIT_DOCKERFILE_CHECK are obeyed. NULL: none */
	const struct strvec *labels;   /* --label, KEY=VALUE. NULL: none */
	const struct strvec *contexts; /* --build-context, NAME=VALUE. NULL: none */
	const char *target;            /* a stage; NULL: the last one */
	struct platform build_platform, target_platform;
	bool platform_is_implicit;  /* nobody asked for target_platform: the image is of its base's */
	bool all_stages;            /* --check without --target: those too that nothing needs */
	const struct strvec *shell; /* of shell forms where no SHELL is set. NULL: /bin/sh -c */
	const struct ignore
		*ignore; /* of the context, for the check of sources that are left out. NULL: none */

	/* The configuration of a base image, which the caller of the callback owns, and what messages call it with its digest (owned; may
	 * stay NULL). `reference` is canonical, or "oci-layout://..." of a named context. Errors are reported at FROM. */
	int (*base)(void *arg, const char *reference, const struct platform *platform,
		    struct image_config *ret_config, char **ret_name, struct err *e);
	void *base_arg;

	/* In the order of the lines, after all is known, before the error if there is one. NULL: nobody listens. */
	void (*warn)(void *arg, const struct plan_warning *warning);
	void *warn_arg;
};

/* --- what is to be done ------------------------------------------------------------------------------- */

enum plan_source_kind {
	PLAN_SCRATCH, /* nothing */
	PLAN_CONTEXT, /* the build context */
	PLAN_STAGE,   /* an earlier stage of the plan */
	PLAN_IMAGE,
	PLAN_NAMED, /* a --build-context that is no image: a folder, git or tar URL */
};

struct plan_source {
	enum plan_source_kind kind;
	size_t stage; /* PLAN_STAGE: index in build_plan.stages */
	char *name; /* PLAN_IMAGE: canonical reference, or "oci-layout://..."; PLAN_NAMED: the context's name; else NULL */
	char *value;              /* PLAN_NAMED: what it was set to; else NULL */
	struct platform platform; /* PLAN_IMAGE: to be pulled */
};

struct plan_run_mount {
	/* As it is to be mounted: `target` is absolute (NULL: a secret that is a variable only), `source` is as written; `id` is set for
	 * caches, secrets and ssh sockets. Modes that nobody said are not set. */
	struct run_mount mount;
	struct plan_source from; /* bind: what; cache: what it begins with; else PLAN_SCRATCH */
};

struct plan_run {
	struct strvec argv;
	struct strvec env;             /* all of it, in order, with ARGs */
	struct strvec proxy_env;       /* goes behind env; is not part of what the step is to the cache */
	char *cwd;                     /* absolute */
	char *user;                    /* as USER has it; "" for root */
	struct plan_run_mount *mounts; /* in the order of the flags */
	size_t mounts_len;
	struct run_device *devices;
	size_t devices_len;
	char *network; /* "default", "none" or "host" */
	bool insecure; /* --security=insecure */
	char *program_name; /* a heredoc with "#!": /dev/pipes/NAME, mode 0755, read-only, holds program_text. Else NULL */
	char *program_text;
};

enum plan_copy_kind { PLAN_COPY_PATH, PLAN_COPY_HEREDOC, PLAN_COPY_URL, PLAN_COPY_GIT };

struct plan_git {
	char *remote;       /* without fragment and query */
	char *ref, *subdir; /* NULL: not said */
	char *checksum;     /* of the commit, or its beginning, by the URL or --checksum; NULL: not said */
	struct dockerfile_bool keep_git_dir; /* of the URL; then of the flag */
	bool no_submodules;
};

struct plan_copy_source {
	enum plan_copy_kind kind;
	char *text;          /* a path or pattern in `from`; the heredoc's name; the URL */
	char *content;       /* of a heredoc */
	struct plan_git git; /* PLAN_COPY_GIT */
	char *file_name;     /* PLAN_COPY_URL: of what is fetched, as far as the URL says */
	bool unpack;         /* if it is an archive: local ones of ADD, and what --unpack says */
};

struct plan_copy {
	bool is_add;
	struct plan_copy_source *sources;
	size_t len;
	char *dest; /* absolute and clean; ends in '/' where it was said to be a directory */
	struct plan_source from;
	char *chown, *chmod, *checksum; /* expanded and, but for chown, checked; NULL: not given */
	struct strvec exclude;          /* patterns */
	bool link, parents;
};

/* What touches the file system. */
enum plan_step_kind { PLAN_RUN, PLAN_COPY, PLAN_WORKDIR };

struct plan_step {
	enum plan_step_kind kind;
	const struct dockerfile_instruction
		*instruction; /* borrowed from the Dockerfile; NULL: of a trigger */
	char *text;     /* for people: the instruction in one line, with its variables as they are written */
	bool trigger;   /* of the base's ONBUILD */
	size_t history; /* index of its entry in the configuration of its stage */
	struct platform platform;
	struct plan_run run;
	struct plan_copy copy;
	char *directory; /* PLAN_WORKDIR: to be made where it is not there, 0755, of the user `directory_user` */
	char *directory_user; /* "" for root */
};

struct plan_stage {
	size_t index; /* in the Dockerfile */
	char *name;   /* "stage-2" where it has none */
	struct platform platform;
	struct plan_source base;
	char *base_name; /* of an image, as the callback names it; "scratch", the name of a stage */
	struct plan_step *steps;
	size_t len;
	/* What its image is to have, if nothing is said about times but by SOURCE_DATE_EPOCH: history entries of this build have no `created`
	 * without it. diff_ids are the base's. Of a base stage it is there too. */
	struct image_config config;
	struct strvec env;        /* at its end, with ARGs */
	struct strvec build_args; /* that were declared so far: NAME=VALUE, or NAME */
	bool workdir_set;
	bool replaced; /* a --build-context of its name stands in for it: no steps */
};

struct build_plan {
	struct plan_stage *stages; /* each after what it reads */
	size_t len;
	size_t target; /* index in `stages` */
	bool has_epoch;
	int64_t epoch; /* SOURCE_DATE_EPOCH, seconds */
};

/* `f` must outlive *ret. -EINVAL, as dockerfile_error has it, for whatever is wrong in the file; what the callback returns; -EFBIG over a
 * limit; -ENOMEM. With the error mode of checks: -EINVAL "lint violation found for rules: ...". */
int build_plan_make(const struct dockerfile *f, const struct build_plan_options *o, struct build_plan *ret,
		    struct err *e) MUST_CHECK;
void build_plan_done(struct build_plan *p);
#define cleanup_build_plan __attribute__((cleanup(build_plan_done)))

#endif
