/* SPDX-License-Identifier: Apache-2.0 */
/* Build contexts that are no folder: "-" (a tar, or a Dockerfile, on standard input), git and http(s) URLs. */
#ifndef SAMPAN_BUILD_REMOTE_CONTEXT_H
#define SAMPAN_BUILD_REMOTE_CONTEXT_H

#include <stdbool.h>

#include "build/remote.h"
#include "common/err.h"

#define REMOTE_CONTEXT_DOCKERFILE "context" /* BuildKit's name of a Dockerfile that a URL is */

enum remote_context_kind {
	REMOTE_CONTEXT_FOLDER, /* a path: none of ours */
	REMOTE_CONTEXT_STDIN,
	REMOTE_CONTEXT_GIT,
	REMOTE_CONTEXT_URL,
};

/* Pure: what CONTEXT on the command line, or the value of a --build-context, is. */
enum remote_context_kind remote_context_kind(const char *text);

struct remote_context {
	int root_fd; /* of the context's root; -1: empty */
	/* If the input was nothing but a Dockerfile: it, open for reading, at its beginning; else -1. From standard input the context is empty, of a
	 * URL it is in there by the name REMOTE_CONTEXT_DOCKERFILE. */
	int dockerfile_fd;
	const char *dockerfile;   /* its name in messages; NULL: it is to be found in the context as usual */
	struct remote_commit git; /* of git: what was checked out; else empty */
	struct digest digest;     /* of a URL: of what was fetched; else unset */
};
void remote_context_done(struct remote_context *c);
#define cleanup_remote_context __attribute__((cleanup(remote_context_done)))

/* Brings a context that is no folder into the empty directory staging_fd (borrowed; on the same file system as layers, so that there is room), which the caller
 * removes when the build has ended, however this ends. `in_fd` is what "-" reads (borrowed; -1 where "-" may not be). All of it belongs to who we are.
 * -EINVAL "-" is empty, or is no folder; -EFBIG; errors of remote_fetch_url, remote_git and tree_unpack_wait. */
int remote_context_fetch(const char *text, int in_fd, int staging_fd, const struct remote_options *o,
			 struct remote_context *ret, struct err *e) MUST_CHECK;

#endif
