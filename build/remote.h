/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that are not on this machine: ADD of URLs and of git repositories. */
#ifndef SAMPAN_BUILD_REMOTE_H
#define SAMPAN_BUILD_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "build/plan.h"
#include "common/digest.h"
#include "common/err.h"
#include "pull/download.h"

#define REMOTE_UNNAMED     "__unnamed__" /* BuildKit's, of a URL without a path */
#define REMOTE_COMMIT_MAX  64            /* hex digits */
#define REMOTE_REF_MAX     1024          /* bytes */
#define REMOTE_GIT_OUT_MAX (16u << 20)   /* bytes of what git may say at once: refs */

struct remote_file;

struct remote_options {
	uint64_t max_bytes;    /* of a file; 0: DOWNLOAD_MAX_BYTES */
	unsigned int retry_ms; /* see struct download_options */
	const char *
		authorization; /* value of the Authorization header for the URL's host, a secret; NULL: none */
	const char *ssh_auth_sock; /* of git over ssh: the path of an agent's socket; NULL: none */
	const struct remote_file
		*known;    /* what was fetched from this URL before, which has an ETag; NULL: nothing */
	bool keep_git_dir; /* of contexts: the build argument BUILDKIT_CONTEXT_KEEP_GIT_DIR */
	int cancel_fd;     /* -1: none */
	void (*progress)(void *arg, uint64_t done_bytes); /* of files; NULL: nobody listens */
	void *progress_arg;
};

/* --- files ---------------------------------------------------------------------------------------------- */

struct remote_file {
	char name[DOWNLOAD_NAME_MAX + 1]; /* in the directory */
	struct digest digest;             /* sha256, whatever the checksum is of */
	uint64_t size_bytes;
	int64_t mtime;                    /* Last-Modified; 0 without, as BuildKit has it */
	char etag[DOWNLOAD_ETAG_MAX + 1]; /* "" without, or a longer one */
	bool not_modified;                /* it is what o->known said, and there is no file */
};

/* Fetches `url` into a file of the directory dir_fd (borrowed), which has nothing of its name: mode 0600, mtime as above. `name` is what the plan calls it
 * (plan_copy_source.file_name; NULL: nothing known); in place of REMOTE_UNNAMED and NULL, Content-Disposition's name is taken where there is one.
 * `checksum` is --checksum's digest; NULL: any content is right.
 * Where o->known has the same digest as the checksum, or there is none, the server is asked whether it has changed.
 * -EBADMSG "digest mismatch for URL: sha256:... (expected: sha256:...)"; -EINVAL a name that is no name; errors of download. On failure
 * there is no file. */
int remote_fetch_url(const char *url, const char *name, const char *checksum, int dir_fd,
		     const struct remote_options *o, struct remote_file *ret, struct err *e) MUST_CHECK;

/* --- git ------------------------------------------------------------------------------------------------ */

struct remote_commit {
	char commit[REMOTE_COMMIT_MAX + 1]; /* 40 or 64 hex digits */
	char tag[REMOTE_COMMIT_MAX + 1];    /* of the annotated tag's object, if it is one; "" else */
	char ref[REMOTE_REF_MAX +
		 1]; /* its full name, "refs/heads/main"; "" if a commit was asked for by its digits */
};

/* What git->ref is at its remote now, a branch before a tag of the same name; HEAD where no ref was said; a whole commit ID is taken as it is, and
 * nobody is asked. git->checksum is checked: the beginning of the commit's ID or its tag's. For the key of a step: what remote_git checks out is just this commit.
 * -EINVAL a remote or ref that we do not give to git, a checksum that is no hex; -ENOENT "git is not installed ..." or "repository does not contain ref X";
 * -EBADMSG "expected checksum to match X, got Y"; -EPROTO what git says; -EINTR. Remotes are shown without their passwords. */
int remote_git_resolve(const struct plan_git *git, const struct remote_options *o, struct remote_commit *ret,
		       struct err *e) MUST_CHECK;

/* Checks a commit out into the empty directory dir_fd (borrowed), with no more history than must be, and with submodules unless
 * git->no_submodules. *ret_root_fd (owned) is what was asked for: dir_fd's directory, or git->subdir below it, through no symlink. ".git" stays there only if
 * keep_git_dir says so and there is no subdir. Hooks, filters and configurations of this machine have no part in it.
 * -ENOENT, -ENOTDIR of the subdir; errors as above. On failure what is in the directory is garbage. */
int remote_git(const struct plan_git *git, const struct remote_commit *commit, int dir_fd,
	       const struct remote_options *o, int *ret_root_fd, struct err *e) MUST_CHECK;

#endif
