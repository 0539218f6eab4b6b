/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of `sampan commit`, which two programs read: one that pauses the container, and one that makes the image. */
#ifndef SAMPAN_CLI_COMMIT_FLAGS_H
#define SAMPAN_CLI_COMMIT_FLAGS_H

#include "cli/options.h"

struct commit_flags {
	bool pause, no_pause; /* the first is true unless it is said otherwise */
	const char *author, *message;
	struct strvec changes;
};
void commit_flags_done(struct commit_flags *f);
#define cleanup_commit_flags __attribute__((cleanup(commit_flags_done)))

/* For a struct commit_flags. */
extern const struct command_def COMMIT_COMMAND;

#endif
