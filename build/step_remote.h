/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of ADD that are not here: fetched once, before the step's key is known. Inside build/ only. */
#ifndef SAMPAN_BUILD_STEP_REMOTE_H
#define SAMPAN_BUILD_STEP_REMOTE_H

#include "build/execution.h"

/* Finds out what source `index` of the step is: job->fetched[index] has its digest. A file of a web server is in staging then, unless the server says that it is
 * what the cache knows of it; of a repository it is known which commit it will be. */
int step_remote_look(struct execution *x, struct step_job *job, size_t index, struct err *e) MUST_CHECK;

/* The step is to be made after all: files that are not in staging are to be fetched, and may be others by now. False: there are none; else their digests are unset. */
bool step_remote_forget(const struct execution *x, struct step_job *job);

/* Adds what was looked at, and is what the step has now, to x->sources. */
int step_remote_note(struct execution *x, const struct step_job *job, struct err *e) MUST_CHECK;

/* In the step's process: job->fetched[index] has its directory after it. */
int step_remote_get(const struct execution *x, struct step_job *job, size_t index, struct err *e) MUST_CHECK;

#endif
