/* SPDX-License-Identifier: Apache-2.0 */
/* What a build reads: its context, the named ones, the Dockerfile, and what the ignore files leave out. */
#ifndef SAMPAN_CLI_BUILD_INPUT_H
#define SAMPAN_CLI_BUILD_INPUT_H

#include "build/build.h"
#include "build/dockerfile.h"
#include "build/remote_context.h"
#include "cli/build_flags.h"

#define BUILD_CONTEXTS_MAX 64

struct build_input_context {
	char *name; /* NULL: the context itself */
	int fd;
	struct ignore ignore;
	bool has_ignore;
	struct remote_context remote;
};

struct build_input {
	struct build_input_context items[BUILD_CONTEXTS_MAX];
	size_t len;
	struct build_folder folders[BUILD_CONTEXTS_MAX]; /* the same, for build_params */
	struct dockerfile dockerfile;
	const char *path;   /* where that was found; NULL: it came from standard input, or with an archive */
	bool is_in_context; /* `path` is one in the context, else from where we are */
};
#define cleanup_build_input __attribute__((cleanup(build_input_done)))
void build_input_done(struct build_input *i);

/* Opens them all; remote ones are brought into its place in staging/, with agents and secrets of `p`. `ret` is zeroed. The Dockerfile is parsed. Errors as those of the parts. */
int build_input_open(const struct build_flags *f, const char *context, struct build *build,
		     const struct build_params *p, struct build_input *ret, struct err *e) MUST_CHECK;

/* The ignore file of the context; NULL: there is none. */
const struct ignore *build_input_ignore(const struct build_input *i);

#endif
