/* SPDX-License-Identifier: Apache-2.0 */
/* Litmus tests of memory order on this machine's own processors: two processes on two cores, with the instructions that this build uses
 * for barriers. What may not happen is counted, and is a defect of the CPU or of the build where it does; what may happen without barriers
 * is counted to show that the tests can see it. */
#ifndef SAMPAN_ENGINE_LITMUS_H
#define SAMPAN_ENGINE_LITMUS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct litmus_result {
	const char *name; /* "message passing" */
	bool forbidden;   /* by C11, of what it counts */
	uint64_t rounds;
	uint64_t seen;
};

enum { LITMUS_TESTS = 8 };

/* Runs each for about so many milliseconds. *ret_cores: 1 where all of it ran on one core, which shows nothing. -ENOMEM, -EAGAIN, -errno:
 * cannot start a process. */
int litmus_run(unsigned int ms_each, struct litmus_result ret[LITMUS_TESTS], unsigned int *ret_cores,
	       struct err *e) MUST_CHECK;

#endif
