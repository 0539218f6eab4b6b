/* SPDX-License-Identifier: Apache-2.0 */
/* How a build is shown, on stderr, in BuildKit's ways:
 *
 *	plain     "#5 [2/3] RUN make", then its output with its number and its time in front, then "#5 DONE 0.3s"
 *	tty       a line for each step, drawn again in place, with the last lines of output below those that run
 *	rawjson   an object in each line: vertexes and logs, as BuildKit's SolveStatus has them
 */
#ifndef SAMPAN_CLI_BUILD_PROGRESS_H
#define SAMPAN_CLI_BUILD_PROGRESS_H

#include <stdio.h>

#include "build/build.h"
#include "cli/build_flags.h"
#include "common/buf.h"
#include "common/timestamp.h"

#define BUILD_LINE_MAX   (64u << 10) /* bytes of a line of output; longer ones are cut in pieces */
#define BUILD_TAIL_LINES 4           /* of a step that runs, on a terminal */
#define BUILD_TAIL_MAX   256         /* bytes of each */
#define BUILD_REDRAW_MS  100

enum build_progress_state { BUILD_STEP_RUNS, BUILD_STEP_CACHED_BEFORE, BUILD_STEP_DONE, BUILD_STEP_BROKEN };

struct build_progress_step {
	unsigned int number; /* 0: not shown so far */
	size_t stage, step;
	enum build_progress_state state;
	int64_t begun_ms, took_ms;
	char started[TIMESTAMP_MAX];
	struct buf line; /* what has no end so far */
	char tail[BUILD_TAIL_LINES][BUILD_TAIL_MAX];
	size_t tail_len; /* lines that there were; the last one is at (tail_len - 1) % BUILD_TAIL_LINES */
};

struct build_progress {
	FILE *out;
	int mode; /* enum build_progress_mode; AUTO is one of the others after build_progress_begin */
	bool quiet;
	const struct build_plan *plan;
	struct build_progress_step **steps; /* by stage and step */
	struct build_progress_step **shown; /* in the order of their numbers */
	unsigned int last;
	size_t total; /* steps of the plan */
	size_t drawn; /* lines on the terminal that are ours */
	int64_t begun_ms, drawn_ms;
};
void build_progress_done(struct build_progress *p);
#define cleanup_build_progress __attribute__((cleanup(build_progress_done)))

/* -ENOMEM. */
int build_progress_begin(struct build_progress *p, const struct build_plan *plan, struct err *e) MUST_CHECK;

struct build_observer build_progress_observer(struct build_progress *p);

/* --- for the three ways ------------------------------------------------------------------------------------- */

/* "[builder 2/3] RUN make": FROM is the first. Appends; what has no room is left out. */
void build_progress_title(const struct build_progress *p, const struct build_progress_step *s,
			  struct buf *out);

/* Draws all, but not more often than BUILD_REDRAW_MS unless `now`. */
void build_progress_draw(struct build_progress *p, bool now);

/* A line about a step's state, or about its output. */
void build_progress_json_step(const struct build_progress *p, const struct build_progress_step *s);
void build_progress_json_output(const struct build_progress *p, const struct build_progress_step *s,
				const char *data, size_t len);

#endif
