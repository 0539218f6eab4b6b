/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of ADD that are not here: fetched once, before the step's key is known. Inside build/ only. */
#ifndef SAMPAN_BUILD_STEP_REMOTE_H
#define SAMPAN_BUILD_STEP_REMOTE_H

#include "build/execution.h"

/* Gets source `index` of the step into staging: job->fetched[index] has its directory and its digest. */
int step_remote_get(struct execution *x, struct step_job *job, size_t index, struct err *e) MUST_CHECK;

#endif
