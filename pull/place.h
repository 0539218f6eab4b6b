/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a copy: a path inside a root that it cannot leave, and what is there. docker cp's rules. */
#ifndef SAMPAN_PULL_PLACE_H
#define SAMPAN_PULL_PLACE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "common/err.h"

struct place {
	int root_fd;    /* borrowed */
	char *parent;   /* below the root; "": the root itself */
	char *name;     /* last component; "": the root is meant */
	int parent_fd;  /* O_PATH; owned */
	bool contents;  /* "dir/.": what is in it, not itself */
	bool directory; /* with a '/' or "/." at its end, it must be one */
	bool exists;
	struct stat st; /* of the thing itself, if it exists */
};
#define PLACE_EMPTY ((struct place){ .root_fd = -1, .parent_fd = -1 })
void place_done(struct place *p);
#define cleanup_place __attribute__((cleanup(place_done)))

/* Finds `path`, which counts from the root whether it begins with a '/' or not; "." and ".." are taken out of the text. Symbolic links on the way are followed
 * inside the root; one at the end with `follow`, or where it must be a directory, even if it leads to nothing: then that is what does not
 * exist. -ENOENT (no text): what it is in does not exist; -ENOTDIR (no text); -ELOOP. */
int place_find(int root_fd, const char *path, bool follow, struct place *ret, struct err *e) MUST_CHECK;

/* Where a copy ends up. */
struct place_target {
	char *dir; /* the directory, below the destination's root; owned */
	char *as;  /* what it is called there; ".": contents into the directory itself; owned */
};
void place_target_done(struct place_target *t);
#define cleanup_place_target __attribute__((cleanup(place_target_done)))

/* By docker's table. `from` exists. -EINVAL in docker's words. Pure. */
int place_decide(const struct place *from, const struct place *to, struct place_target *ret,
		 struct err *e) MUST_CHECK;

#endif
