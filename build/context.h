/* SPDX-License-Identifier: Apache-2.0 */
/* Where COPY and ADD take files from: a build context, the root of a stage or an image, a named context. What a source selects, entry by
 * entry, and its digest. The copy itself (build/copy.h) goes through the same entries, so that a digest covers just what is copied.
 *
 * Nothing outside of the context is ever read: symlinks are followed only where a source's own path has them, and then inside of the
 * context, as BuildKit does ("/etc/passwd" is the context's); below that they are entries. The tree may be hostile, and may change
 * meanwhile. Sockets, and the whiteouts of overlayfs, are not there. What the ignore file leaves out is not there either.
 */
#ifndef SAMPAN_BUILD_CONTEXT_H
#define SAMPAN_BUILD_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "build/glob.h"
#include "build/ignore.h"
#include "build/stat_cache.h"
#include "common/digest.h"
#include "common/err.h"

#define CONTEXT_DEPTH_MAX \
	256 /* directories in each other below what a source selects; each one costs a descriptor */
#define CONTEXT_NAMES_MAX   (64u << 20)  /* bytes of the names in one directory */
#define CONTEXT_MATCHES_MAX (256u << 10) /* of one source's wildcards */
#define CONTEXT_PATH_MAX    65536        /* bytes */

struct context {
	int fd;                      /* of its root, borrowed */
	const struct ignore *ignore; /* NULL: nothing is left out */
};

/* --- what a source selects ---------------------------------------------------------------------------- */

struct context_match {
	char *path; /* in the context, without symlinks; "." is its root */
	char *name; /* its name in the source, which may be that of a symlink; "" for the root */
	bool is_dir;
};

struct context_selection {
	struct context_match *items;
	size_t len;
	/* --parents: of each match, which is a directory then, only what matches comes along, and the directories that it is in. */
	struct ignore include;
	bool has_include;
	bool wildcards; /* the source has some: nothing at all may match then */
};
void context_selection_done(struct context_selection *s);
#define cleanup_context_selection __attribute__((cleanup(context_selection_done)))

/* Looks for a source of COPY or ADD, expanded, in Go's filepath.Match language; a leading '/', and "..", stay in the context. With
 * `parents` all from the top, or from where "/./" stands first, belongs to the names of what is copied.
 * -ENOENT with BuildKit's words `failed to calculate checksum: "/x": not found`: of what stands before the first wildcard. -EINVAL a bad
 * pattern, -EFBIG. *ret is owned. */
int context_select(const struct context *c, const char *source, bool parents, struct context_selection *ret,
		   struct err *e) MUST_CHECK;

/* --- entry by entry ----------------------------------------------------------------------------------- */

struct context_entry {
	size_t depth;     /* 0: the match itself */
	const char *path; /* below the match: "" for itself, "a/b" */
	int parent_fd; /* the directory that it is in, and its name there; for a directory at depth 0 the latter is "." */
	const char *name;
	int fd;       /* of a directory: itself, open for reading; else -1 */
	bool implied; /* a directory that is left out itself */
	struct stat st;
}; /* all of it is borrowed until the next call */

struct context_walk;

struct context_filter {
	const struct ignore *include; /* NULL: all; paths below the match; the match itself is in */
	/* NULL: nothing. --exclude: paths below the match. A match that is no directory is left out if its name in the source matches
	 * and `exclude_matches` is set: Docker's documentation of --exclude, for wildcards. */
	const struct ignore *exclude;
	bool exclude_matches;
	const struct glob *reach; /* NULL: all; directories in which nothing can match are not entered */
};

/* Goes through a match: a directory before what is in it, names in the order of their bytes. A directory that is left out, but from which
 * something comes back, is there too, before that. The context must outlive the walk. *ret is owned. */
int context_walk_new(const struct context *c, const struct context_match *match,
		     const struct context_filter *filter, struct context_walk **ret,
		     struct err *e) MUST_CHECK;
void context_walk_free(struct context_walk *w);
void context_walk_free_fn(struct context_walk **w);
#define cleanup_context_walk __attribute__((cleanup(context_walk_free_fn)))

/* 1 and an entry; 0: that was all; negative: what could not be read is named. */
int context_walk_next(struct context_walk *w, struct context_entry *ret, struct err *e) MUST_CHECK;

/* What is in the directory that was returned last is left out. */
void context_walk_skip(struct context_walk *w);

/* --- digest ------------------------------------------------------------------------------------------- */

struct context_digest_options {
	bool parents;
	const struct ignore *exclude; /* NULL: nothing */
	/* Whose the files are counts: of another stage's or an image's, if no --chown is given. */
	bool owners;
	struct stat_cache *cache; /* NULL: each file is read */
	const int *cancel_fd;     /* readable: stop; NULL, and -1 in it: nobody stops it */
};

/* The digest of what the sources of one COPY or ADD select, in their order: names below each match and its own name, types, modes, links,
 * devices, extended attributes, sizes and bytes, and owners if they count. No times; a hard link counts as its content. The stream that is
 * hashed begins with its version: build/context_digest.c. Files are read in place.
 * Errors as context_select's; -EBUSY: a file changed while it was read; -EINTR: stopped, while a file was read. */
int context_digest(const struct context *c, const char *const *sources, size_t len,
		   const struct context_digest_options *o, struct digest *ret, struct err *e) MUST_CHECK;

#endif
