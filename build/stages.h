/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of a Dockerfile, and what they need of each other, as far as it is written down without variables. */
#ifndef SAMPAN_BUILD_STAGES_H
#define SAMPAN_BUILD_STAGES_H

#include <stddef.h>
#include <stdint.h>

#include "build/dockerfile.h"
#include "common/err.h"

#define STAGES_MAX     1024
#define STAGE_NONE     SIZE_MAX       /* an image, "scratch", or a context that has a name */
#define STAGE_DEFERRED (SIZE_MAX - 1) /* there are variables in it: stages_find() when they are expanded */

/* Another stage or image that an instruction reads: COPY --from, RUN --mount=from=. */
struct stage_source {
	const struct dockerfile_instruction *instruction; /* borrowed from the Dockerfile */
	size_t mount;                                     /* of RUN: index of the mount; else 0 */
	char *name;                                       /* as it is written */
	size_t stage;
};

struct stage {
	const struct dockerfile_instruction *from; /* borrowed, as all that follows */
	const char *name;                          /* in lower case; NULL: none */
	const struct dockerfile_instruction *items;
	size_t len;                   /* without FROM */
	size_t base;                  /* an earlier stage, STAGE_NONE or STAGE_DEFERRED */
	struct stage_source *sources; /* in the order of the instructions */
	size_t sources_len;
};

struct stages {
	const struct dockerfile_instruction *args; /* ARGs before the first FROM */
	size_t args_len;
	struct stage *items;
	size_t len; /* one at least */
};

/* Splits a file, which must outlive *ret. -EINVAL, as dockerfile_error has it, where there is no FROM, where something else than ARG is
 * before it, and where a stage reads itself or a later one; -EFBIG over STAGES_MAX; -ENOMEM. */
int stages_split(const struct dockerfile *f, struct stages *ret, struct err *e) MUST_CHECK;
void stages_done(struct stages *s);
#define cleanup_stages __attribute__((cleanup(stages_done)))

/* The last of the first `before` stages with that name, in any case; STAGE_NONE. */
size_t stages_find(const struct stages *s, const char *name, size_t before);

/* What `name`, expanded, means to COPY --from and to mounts in stage `index`: a number or a name of an earlier stage, or STAGE_NONE.
 * -EINVAL, with the place `at`: this or a later one, or a number that no stage has. */
int stages_resolve(const struct dockerfile *f, const struct stages *s, size_t index, const char *name,
		   size_t at, size_t *ret, struct err *e) MUST_CHECK;

/* The stage that --target names, by number or name: the last one for NULL and "". -EINVAL with a suggestion: there is none. */
int stages_target(const struct stages *s, const char *target, size_t *ret, struct err *e) MUST_CHECK;

/* The name, or "stage-2" for the third where it has none. */
struct stage_label {
	char text[160];
};
struct stage_label stage_label(const struct stages *s, size_t index);

#endif
