/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of `sampan build`, docker's and buildah's, as they were typed. */
#ifndef SAMPAN_CLI_BUILD_FLAGS_H
#define SAMPAN_CLI_BUILD_FLAGS_H

#include <stdbool.h>

#include "build/attest_options.h"
#include "build/base_images.h"
#include "cli/options.h"
#include "cli/run_flags.h"

enum build_progress_mode {
	BUILD_PROGRESS_AUTO,
	BUILD_PROGRESS_PLAIN,
	BUILD_PROGRESS_TTY,
	BUILD_PROGRESS_RAWJSON
};

struct build_flags {
	const char *file, *target, *iidfile, *metadata_file, *auth_file, *network, *call;
	struct strvec tags, build_args, labels, annotations, contexts, platforms, secrets, ssh, outputs,
		allow, no_cache_filters, add_hosts, cache_from, cache_to;
	bool no_cache, quiet, check, push, load, squash, tls_verify, locked;
	bool ignored; /* --rm, --force-rm, --compress: nothing of ours depends on them */
	int pull;     /* enum base_pull */
	int progress; /* enum build_progress_mode */
	struct attest_options attest;
	struct opt_u64 jobs;
	struct opt_i64 timestamp; /* seconds; SOURCE_DATE_EPOCH */
	struct run_flags limits;  /* memory and the like, ulimits, --shm-size, --cgroup-parent, --add-host */
};
void build_flags_done(struct build_flags *f);
#define cleanup_build_flags __attribute__((cleanup(build_flags_done)))

/* For a struct build_flags. */
extern const struct command_def BUILD_COMMAND;

#endif
