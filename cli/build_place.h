/* SPDX-License-Identifier: Apache-2.0 */
/* Where -o type=local and type=tar put files: a folder or a tar that gets all of them at the end, of all platforms, or nothing. */
#ifndef SAMPAN_CLI_BUILD_PLACE_H
#define SAMPAN_CLI_BUILD_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "build/build.h"
#include "cli/image_output.h"
#include "common/err.h"

struct build_place {
	bool is_open;
	bool is_tar;
	struct image_output tar;
	char *dest; /* owned; of a folder: */
	bool is_new;
	int dest_fd, fd;    /* the folder; a directory in it with all that is written so far */
	char temporary[32]; /* its name there */
};
#define BUILD_PLACE_EMPTY ((struct build_place){ .tar.fd = -1, .dest_fd = -1, .fd = -1 })

/* `dest` of a tar: a file, or "-". Folders are made, 0755. */
int build_place_open(const char *dest, bool is_tar, struct build_place *ret, struct err *e) MUST_CHECK;

/* Adds one platform's files; `several`: in a folder OS_ARCH[_VARIANT]. -EINTR b->cancel_fd. */
int build_place_add(struct build_place *p, struct build *b, const struct build_result *r,
		    const int64_t *epoch, bool several, struct err *e) MUST_CHECK;

/* What was added takes its place. */
int build_place_commit(struct build_place *p, const struct build *b, struct err *e) MUST_CHECK;

/* Removes what is not committed; of a folder that was not there before, the folder. */
void build_place_done(struct build_place *p);

#endif
