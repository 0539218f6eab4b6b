/* SPDX-License-Identifier: Apache-2.0 */
/* How a build is shown, on stderr, as BuildKit does it: "#5 [2/3] RUN make", then its output with its number and its time in front, then "#5 DONE 0.3s". */
#ifndef SAMPAN_CLI_BUILD_PROGRESS_H
#define SAMPAN_CLI_BUILD_PROGRESS_H

#include <stdio.h>

#include "build/build.h"
#include "cli/build_flags.h"
#include "common/buf.h"

#define BUILD_LINE_MAX (64u << 10) /* bytes of a line of output; longer ones are cut in pieces */

struct build_progress_step {
	unsigned int number; /* 0: not shown so far */
	int64_t begun_ms;
	struct buf line; /* what has no end so far */
};

struct build_progress {
	FILE *out;
	int mode; /* enum build_progress_mode, but not AUTO */
	bool quiet;
	const struct build_plan *plan;
	struct build_progress_step **steps; /* by stage and step */
	unsigned int last;
};
void build_progress_done(struct build_progress *p);
#define cleanup_build_progress __attribute__((cleanup(build_progress_done)))

/* -ENOMEM. */
int build_progress_begin(struct build_progress *p, const struct build_plan *plan, struct err *e) MUST_CHECK;

struct build_observer build_progress_observer(struct build_progress *p);

#endif
