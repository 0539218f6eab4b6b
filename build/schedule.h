/* SPDX-License-Identifier: Apache-2.0 */
/* Which steps of a plan may begin: those whose stage has its base and all steps before, and all stages that they read. Pure.
 *
 *	while (!schedule_is_complete(&s)) {
 *		while (workers are free && (stage = schedule_next(&s, &step)) != SCHEDULE_NONE)
 *			begin that step
 *		wait for one; schedule_made(&s, its stage)
 *	}
 */
#ifndef SAMPAN_BUILD_SCHEDULE_H
#define SAMPAN_BUILD_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

#include "build/plan.h"

#define SCHEDULE_NONE SIZE_MAX

struct schedule_stage {
	size_t next;  /* step; that of the stage's length: all have been made */
	bool running; /* step `next` is */
	size_t ahead; /* steps from the stage's beginning to the target's end, on the longest way */
};

struct schedule {
	const struct build_plan *plan; /* borrowed */
	struct schedule_stage *stages;
};

/* -ENOMEM. *ret is owned. */
int schedule_make(const struct build_plan *plan, struct schedule *ret, struct err *e) MUST_CHECK;
void schedule_done(struct schedule *s);
#define cleanup_schedule __attribute__((cleanup(schedule_done)))

/* A stage of which a step may begin now, and that step: of several the one with the longest way to the end before it. It counts as begun.
 * SCHEDULE_NONE: there is none as long as no other one is done. */
size_t schedule_next(struct schedule *s, size_t *ret_step);

/* The step of `stage` that was begun has been made. */
void schedule_made(struct schedule *s, size_t stage);

/* All steps of all stages have been made. A plan has no circles: as long as they have not, one is running or may begin. */
bool schedule_is_complete(const struct schedule *s);

#endif
