/* SPDX-License-Identifier: Apache-2.0 */
/* Ignore files (.dockerignore, .containerignore) and lists of patterns to exclude, as BuildKit matches them: what matches a pattern is
 * left out, with all that is below it; what matches one with a '!' in front comes back; the last pattern that matches decides. Pure.
 *
 * A walk keeps an ignore_state for each directory that it is in, so that a path is not matched with what its parents were:
 *
 *	ignore_state_make(ignore, &here)                       one for each depth, used again
 *	ignore_check(ignore, parent, "dir", here)              -> excluded, prune
 *	ignore_check(ignore, here, "dir/file", NULL)
 *
 * Where something comes back from a directory that is left out, the directory itself is there too: that is up to who walks.
 */
#ifndef SAMPAN_BUILD_IGNORE_H
#define SAMPAN_BUILD_IGNORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build/glob.h"
#include "common/err.h"
#include "common/strvec.h"

#define IGNORE_FILE_MAX     (1u << 20) /* bytes */
#define IGNORE_PATTERNS_MAX 16384

struct ignore_pattern {
	struct glob glob;
	bool exception; /* it had a '!' */
};

struct ignore {
	struct ignore_pattern *items;
	size_t len, cap;
	bool exceptions; /* there are some */
};
void ignore_done(struct ignore *i);
#define cleanup_ignore __attribute__((cleanup(ignore_done)))

/* Reads the text of an ignore file (moby's ignorefile): a byte order mark is skipped, lines that begin with '#' are comments, white
 * space around a pattern and a '/' in front of it mean nothing, "a/./b/" is "a/b".
 * -EINVAL with the number of the line (a bad pattern; '!' alone), -EFBIG, -ENOMEM. *ret is owned. */
int ignore_read(const char *text, size_t len, struct ignore *ret, struct err *e) MUST_CHECK;

/* Appends a pattern that comes from elsewhere (--exclude): white space around it means nothing, it is cleaned, an empty one is left
 * out; a '/' in front stays, and matches nothing. Errors as above, but for the line; *i is as it was after them. */
int ignore_add(struct ignore *i, const char *pattern, struct err *e) MUST_CHECK;

/* Which patterns a directory, or one that it is in, matched. */
struct ignore_state {
	uint64_t *matched; /* a bit for each pattern */
};

struct ignore_result {
	bool excluded;
	bool prune; /* excluded, and nothing below it can come back */
};

/* For any directory of a walk with `i`, which must not change after this. -ENOMEM. */
int ignore_state_make(const struct ignore *i, struct ignore_state *ret, struct err *e) MUST_CHECK;
void ignore_state_done(struct ignore_state *s);
#define cleanup_ignore_state __attribute__((cleanup(ignore_state_done)))

/* `path` is relative to the context, without "." and "..". `parent` is the state of the directory that it is in; NULL at the top.
 * `state`, which is not `parent`, is filled for what is in `path` itself; NULL: it is no directory, and `prune` is not asked for. */
struct ignore_result ignore_check(const struct ignore *i, const struct ignore_state *parent, const char *path,
				  struct ignore_state *state);

/* Without a walk: matches `path`, and each of its parents until one matches. Not quite the same: a parent that an exception brought
 * back counts here where a pattern between the two matches `path` only. BuildKit's check CopyIgnoredFile asks like this.
 * -ENOMEM. */
int ignore_check_path(const struct ignore *i, const char *path, bool *ret_excluded, struct err *e) MUST_CHECK;

/* --- which file ------------------------------------------------------------------------------------- */

/* In the order in which they are looked for. The first two stand beside the Dockerfile, the other two at the top of the context.
 * BuildKit knows those of Docker only; the places of the others are buildah's. */
enum ignore_file {
	IGNORE_FILE_OF_DOCKERFILE,    /* NAME.dockerignore */
	IGNORE_FILE_OF_CONTAINERFILE, /* NAME.containerignore */
	IGNORE_FILE_CONTAINERIGNORE,
	IGNORE_FILE_DOCKERIGNORE,
	IGNORE_FILE_NONE,
};

/* The one that is taken, of those that exist: bit 1 << N is set where ignore_file N does. Empty files count. */
enum ignore_file ignore_file_choose(unsigned exist);

/* Its path: beside `dockerfile`, or a name in the context. NULL: out of memory. Owned. Not for IGNORE_FILE_NONE. */
char *ignore_file_path(enum ignore_file file, const char *dockerfile) MUST_CHECK;

#endif
