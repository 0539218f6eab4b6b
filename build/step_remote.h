/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of ADD that are not here: fetched once, before the step's key is known. Inside build/ only. */
#ifndef SAMPAN_BUILD_STEP_REMOTE_H
#define SAMPAN_BUILD_STEP_REMOTE_H

#include "build/execution.h"

/* Finds out what source `index` of the step is: job->fetched[index] has its digest. A file of a web server is in staging then; of a repository it is known which
 * commit it will be. */
int step_remote_look(struct execution *x, struct step_job *job, size_t index, struct err *e) MUST_CHECK;

/* In the step's process: job->fetched[index] has its directory after it. */
int step_remote_get(const struct execution *x, struct step_job *job, size_t index, struct err *e) MUST_CHECK;

#endif
