/* SPDX-License-Identifier: Apache-2.0 */
/* What `sampan build` says at its end: what the checks have found, the image's ID, --iidfile, --metadata-file. */
#ifndef SAMPAN_CLI_BUILD_REPORT_H
#define SAMPAN_CLI_BUILD_REPORT_H

#include <stdio.h>

#include "build/dockerfile.h"
#include "build/plan.h"
#include "cli/build_flags.h"
#include "common/digest.h"

struct build_warnings {
	struct plan_warning *items; /* owned, with their texts */
	size_t len;
};
void build_warnings_done(struct build_warnings *w);
#define cleanup_build_warnings __attribute__((cleanup(build_warnings_done)))

/* For build_plan_options.warn; `arg` is the struct. What there is no memory for is not shown. */
void build_warnings_add(void *arg, const struct plan_warning *w);

/* In short, at the end of a build. */
void build_warnings_show(const struct build_warnings *w, FILE *out);

/* All of --check. Returns the exit code: 1 where there are some. */
int build_warnings_report(const struct build_warnings *w, const struct dockerfile *f, FILE *out);

/* The lines of the Dockerfile that something is about, with a mark before them, and some around them. */
void build_excerpt(FILE *out, const struct dockerfile *f, uint32_t first_line, uint32_t last_line);

struct build_summary {
	struct digest id, digest; /* of the configuration; of the manifest or the index */
	const struct strvec *names;
};

/* --iidfile, --metadata-file, and with -q the ID on stdout. */
int build_summary_tell(const struct build_summary *s, const struct build_flags *f, struct err *e) MUST_CHECK;

#endif
