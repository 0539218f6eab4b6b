/* SPDX-License-Identifier: Apache-2.0 */
/* The git program, without the configuration, the hooks and the terminal of whoever runs it. */
#ifndef SAMPAN_BUILD_GIT_PROGRAM_H
#define SAMPAN_BUILD_GIT_PROGRAM_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"

#define GIT_ARGS_MAX 32
#define GIT_REMOTE \
	"sampan" /* what the remote is called; "origin" is another one for submodules, which get the same settings */
#define GIT_STDERR_MAX 65536 /* bytes that are kept of it */

struct git_program {
	int dir_fd;         /* where it runs, borrowed */
	const char *remote; /* the URL of GIT_REMOTE; never seen in the list of processes */
	const char *
		authorization; /* value of a header for that URL's host, which is sent nowhere else: where that redirects, all is done without it. NULL: none */
	const char *ssh_auth_sock; /* NULL: none */
	bool is_file;              /* the remote is one of this machine: file://; no other may be */
	int cancel_fd;             /* -1: none */
};

/* What we give to git: http, https, git, ssh and file URLs and "user@host:path", that no option begins like. -EINVAL. */
int git_program_check(const char *remote, const char *ref, struct err *e) MUST_CHECK;

/* Runs "git ARGS", a list that ends with NULL. What it says goes to `out`, up to its maximum (-EFBIG; NULL: nobody wants it). -ENOENT "git is not installed (apt install git)";
 * -EPROTO the last of its own words, without control characters or passwords; -EINTR: it has been killed, with all that it started. */
int git_program_run(const struct git_program *g, const char *const *args, struct buf *out,
		    struct err *e) MUST_CHECK;

#endif
